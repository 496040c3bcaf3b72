"""Tells an image's format by its first bytes, never by its name."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from operator import add
from typing import Literal

from captiond.errors import NotAPhoto, Undecodable
from captiond.models import HEAD_BYTES


@dataclass(frozen=True, slots=True)
class Kind:
    """A format: its name in the index, its name for people, who decodes it, Pillow's name."""

    name: str
    label: str
    decoder: Literal["vips", "pillow", "libraw"]
    pillow: str


JPEG = Kind("jpeg", "JPEG", "vips", "JPEG")
PNG = Kind("png", "PNG", "vips", "PNG")
GIF = Kind("gif", "GIF", "vips", "GIF")
WEBP = Kind("webp", "WebP", "vips", "WEBP")
TIFF = Kind("tiff", "TIFF", "vips", "TIFF")
BMP = Kind("bmp", "BMP", "pillow", "BMP")
JPEG_2000 = Kind("jpeg2000", "JPEG 2000", "pillow", "JPEG2000")
HEIC = Kind("heic", "HEIC", "pillow", "HEIF")
HEIF = Kind("heif", "HEIF", "pillow", "HEIF")
AVIF = Kind("avif", "AVIF", "pillow", "AVIF")
PSD = Kind("psd", "Photoshop document", "pillow", "PSD")
JPEG_XL = Kind("jxl", "JPEG XL", "pillow", "JXL")
RAW = Kind("raw", "raw file", "libraw", "TIFF")
"""Most raw files are TIFFs, so that Pillow reads their metadata."""

_RAW_STARTS = (
    b"IIRO",
    b"IIRS",
    b"MMOR",
    b"IIU\0",
    b"FUJIFILMCCD-RAW",
    b"FOVb",
    b"\0MRM",
    b"II\x1a\0\0\0HEAPCCDR",
)
_STARTS = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", JPEG_2000),
    (b"\xff\x4f\xff\x51", JPEG_2000),
    (b"\xff\x0a", JPEG_XL),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", JPEG_XL),
    (b"8BPS\0\1", PSD),
    (b"8BPS\0\2", PSD),
    *((start, RAW) for start in _RAW_STARTS),
)
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_BRANDS = {b"mif1", b"mif2", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_OTHER_STARTS = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"8BPS", "a Photoshop document of an unknown kind"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"<!doctype html", "HTML text"),
    (b"<html", "HTML text"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "XML text"),
)
_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 254, 262, 330, 50706
_PHASE_ONE = {b"IIII", b"MMMM"}
_SENSOR = {32803, 34892}
"""Pixels as they come from a sensor, with one colour each, or with all three but not developed."""
_MOST_DIRECTORIES = 8
_MOST_NUMBERS = 1 << 14
_PLACES = ((273, 279), (324, 325))
"""The tags that tell where strips or tiles of pixels begin, and how long each is."""
_HEAD_BYTES, _ENTRY_BYTES = 8, 12
_NUMBERS = {3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}
"""The types of whole numbers, as `struct` calls them, and their sizes."""


def tell(fd: int) -> Kind:
    """Return the format of an open file; the file's offset stays where it is.

    Raises NotAPhoto for what is no image at all, Undecodable for images that cannot be read.
    """
    head = os.pread(fd, HEAD_BYTES, 0)
    kind = look(head)
    if kind is TIFF and _is_raw(fd, head):
        return RAW
    return kind


def look(head: bytes) -> Kind:
    """Return the format of a file that starts so: bytes are compared, and nothing is parsed.

    So it is fit for the daemon itself. Raises NotAPhoto, Undecodable.
    """
    kind = _known(head)
    if kind is None:
        raise _refusal(head)
    return kind


def _known(head: bytes) -> Kind | None:
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head.startswith(_TIFF_STARTS):
        return TIFF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":
        return BMP
    return _boxed(head) if head[4:8] == b"ftyp" else None


def _boxed(head: bytes) -> Kind | None:
    """Return the kind of an ISO base media file: its first brand, then the compatible ones."""
    if head[8:12] == b"crx ":
        return RAW  # Canon's CR3
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size, 4))]
    if brands[0] not in _HEIC_BRANDS | _HEIF_BRANDS | _AVIF_BRANDS:
        return None
    if _AVIF_BRANDS.intersection(brands):
        return AVIF
    return HEIC if _HEIC_BRANDS.intersection(brands) else HEIF


def _refusal(head: bytes) -> NotAPhoto | Undecodable:
    if not head:
        return NotAPhoto("not an image: the file is empty")
    return NotAPhoto(f"not an image: the file starts like {_likeness(head)}")


def _likeness(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return "a video"
    if not head.strip(b"\0"):
        return "an unwritten one, with zeros"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, what in _OTHER_STARTS:
        if head.startswith(start) or text.startswith(start):
            return what
    return "no image format known here"


def _is_raw(fd: int, head: bytes) -> bool:
    """Tell a raw file in TIFF's clothes: opened as a TIFF it shows a thumbnail of 96x64."""
    if head[8:10] == b"CR" or head[8:12] in _PHASE_ONE:
        return True
    first, *below = _directories(fd, head)
    if _DNG_VERSION in first or first.get(_NEW_SUBFILE_TYPE, (0,))[0] & 1:
        return True
    return any(map(_is_of_sensor, (first, *below)))


def pixels_end(fd: int) -> int:
    """Return where the last pixel of a sensor should end in a raw file, 0 where that is untold."""
    ends = [0]
    for one in filter(_is_of_sensor, _directories(fd, os.pread(fd, _HEAD_BYTES, 0))):
        for begins, lengths in _PLACES:
            ends += map(add, one.get(begins, ()), one.get(lengths, ()))
    return max(ends)


def _is_of_sensor(directory: dict[int, tuple[int, ...]]) -> bool:
    return not _SENSOR.isdisjoint(directory.get(_PHOTOMETRIC, ()))


def _directories(fd: int, head: bytes) -> list[dict[int, tuple[int, ...]]]:
    """Return a TIFF's first directory and those right below it."""
    order = "<" if head.startswith(b"II") else ">"
    if head[2:4] not in {b"*\0", b"\0*"} or len(head) < _HEAD_BYTES:
        return [{}]
    (offset,) = struct.unpack(f"{order}I", head[4:8])
    first = _directory(fd, order, offset)
    below = first.get(_SUB_DIRECTORIES, ())[:_MOST_DIRECTORIES]
    return [first, *(_directory(fd, order, at) for at in below)]


def _directory(fd: int, order: str, offset: int) -> dict[int, tuple[int, ...]]:
    """Return the whole numbers of a TIFF's directory, by their tags; empty where there is none."""
    count = os.pread(fd, 2, offset)
    if len(count) != 2:  # noqa: PLR2004 a 16-bit number
        return {}
    listed = os.pread(fd, struct.unpack(f"{order}H", count)[0] * _ENTRY_BYTES, offset + 2)
    usable = listed[: len(listed) // _ENTRY_BYTES * _ENTRY_BYTES]
    found = {}
    for tag, form, many, value in struct.iter_unpack(f"{order}HHI4s", usable):
        letter, size = _NUMBERS.get(form, ("", 0))
        wanted = min(many, _MOST_NUMBERS) * size
        (at,) = struct.unpack(f"{order}I", value)
        data = value if wanted <= len(value) else os.pread(fd, wanted, at)
        if wanted and len(data) >= wanted:
            found[tag] = struct.unpack(f"{order}{wanted // size}{letter}", data[:wanted])
    return found
