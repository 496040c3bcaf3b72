"""Tells how large a photo is by its header: numbers at known places, and nothing is decoded.

So it is fit for any process: bytes are compared and added, and every read has an end.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from captiond.errors import Undecodable
from captiond.images import kinds
from captiond.images.kinds import Kind

Size = tuple[int, int]

HEADER_BYTES = 1 << 16
"""As far as the boxes of HEIC, AVIF and JPEG 2000 are searched; they stand in front."""
MOST_SEGMENTS = 500
"""Of a JPEG before its size; the longest colour profile and XMP take some 300."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_WIDTH_TAG, _HEIGHT_TAG, _SHORT = 256, 257, 3
_BOX_OF_SIZE = b"\0\0\0\x14ispe"
_OLD_BITMAP = 12


def measure(fd: int, kind: Kind) -> Size | None:
    """Return (width, height) in pixels as the header has them, None where it does not tell.

    The file's offset stays where it is. Raises OSError.
    """
    try:
        return _READERS.get(kind, _untold)(fd)
    except struct.error:  # the file ends before it tells
        return None


def check_size(width: int, height: int, *, max_megapixels: int) -> None:
    """Refuse what is too large to be decoded. Raises Undecodable."""
    many = megapixels((width, height))
    if many > max_megapixels:
        raise Undecodable(
            f"too large: {width} x {height} pixels are {many:.0f} megapixels, "
            f"over images.max_megapixels = {max_megapixels}"
        )


def megapixels(size: Size) -> float:
    """Return how many millions of pixels that are."""
    return size[0] * size[1] / 1e6


def _untold(_fd: int) -> None:
    """Return None: a raw file has several pictures, JPEG XL packs its header into bits."""


def _psd(fd: int) -> Size | None:
    height, width = struct.unpack("!II", os.pread(fd, 8, 14))
    return width, height


def _jpeg(fd: int) -> Size | None:
    offset = 2
    for _ in range(MOST_SEGMENTS):
        segment = os.pread(fd, 9, offset)
        start, marker = struct.unpack_from("!BB", segment)
        if start != 0xFF:  # noqa: PLR2004 each segment starts so
            return None
        if marker == 0xFF or marker in _WITHOUT_LENGTH:  # noqa: PLR2004 a fill byte
            offset += 1 if marker == 0xFF else 2  # noqa: PLR2004 the same
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from("!HH", segment, 5)
            return width, height
        offset += 2 + int(struct.unpack_from("!H", segment, 2)[0])
    return None


def _png(fd: int) -> Size:
    return _pair("!II", os.pread(fd, 24, 0), 16)


def _gif(fd: int) -> Size:
    return _pair("<HH", os.pread(fd, 10, 0), 6)


def _bmp(fd: int) -> Size:
    head = os.pread(fd, 26, 0)
    (header_bytes,) = struct.unpack_from("<I", head, 14)
    width, height = _pair("<HH" if header_bytes == _OLD_BITMAP else "<ii", head, 18)
    return abs(width), abs(height)  # a height below 0: from top to bottom


def _webp(fd: int) -> Size | None:
    head = os.pread(fd, 30, 0)
    if head[12:16] == b"VP8 ":
        width, height = _pair("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if head[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[12:16] == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    return None


def _tiff(fd: int) -> Size | None:
    head = os.pread(fd, 8, 0)
    order = "<" if head.startswith(b"II") else ">"
    magic, offset = struct.unpack_from(f"{order}HI", head, 2)
    if magic != 42:  # noqa: PLR2004 BigTIFF has 43 and wider numbers
        return None
    (count,) = struct.unpack(f"{order}H", os.pread(fd, 2, offset))
    found: dict[int, int] = {}
    entries = os.pread(fd, count * 12, offset + 2)
    for at in range(0, len(entries) - 11, 12):
        tag, kind = struct.unpack_from(f"{order}HH", entries, at)
        if tag in {_WIDTH_TAG, _HEIGHT_TAG}:
            form = f"{order}{'H' if kind == _SHORT else 'I'}"
            found[tag] = struct.unpack_from(form, entries, at + 8)[0]
    width, height = found.get(_WIDTH_TAG), found.get(_HEIGHT_TAG)
    return None if width is None or height is None else (width, height)


def _jpeg_2000(fd: int) -> Size | None:
    head = os.pread(fd, HEADER_BYTES, 0)
    if head.startswith(b"\xff\x4f\xff\x51"):
        right, bottom, left, top = struct.unpack_from("!IIII", head, 8)
        return (right - left, bottom - top) if right > left and bottom > top else None
    at = head.find(b"ihdr")
    if at < 0:
        return None
    height, width = _pair("!II", head, at + 4)
    return width, height


def _boxed(fd: int) -> Size | None:
    """Return the largest of the sizes that a HEIC or AVIF tells: the others are tiles, thumbs."""
    _, *rest = os.pread(fd, HEADER_BYTES, 0).split(_BOX_OF_SIZE)
    sizes = [_pair("!II", box, 4) for box in rest if len(box) >= 12]  # noqa: PLR2004 what it holds
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _pair(form: str, data: bytes, offset: int) -> Size:
    first, second = struct.unpack_from(form, data, offset)
    return first, second


_READERS: dict[Kind, Callable[[int], Size | None]] = {
    kinds.JPEG: _jpeg,
    kinds.PNG: _png,
    kinds.GIF: _gif,
    kinds.BMP: _bmp,
    kinds.WEBP: _webp,
    kinds.TIFF: _tiff,
    kinds.JPEG_2000: _jpeg_2000,
    kinds.HEIC: _boxed,
    kinds.HEIF: _boxed,
    kinds.AVIF: _boxed,
    kinds.PSD: _psd,
}
