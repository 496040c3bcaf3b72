"""Reads a Photoshop document: the composite that is saved along with the layers.

Pillow knows those of 8 bits a channel, and none of the large ones.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from captiond.errors import Undecodable
from captiond.images.sizes import check_size

NO_COMPOSITE = (
    "the Photoshop document holds layers alone: save it with its composite "
    '("maximize compatibility")'
)
_RARE = "the Photoshop document is of a rare kind that cannot be read"

_HEADER = struct.Struct(">4sH6xHIIHH")
_BANDS = {1: "L", 3: "RGB", 4: "CMYK", 8: "L", 9: "LAB"}
"""By the number of the colour mode; a duotone is shown in greys."""
_BYTE, _TWO_BYTES = 8, 16
_SMALL, _LARGE = 1, 2
_PLAIN, _PACKED = 0, 1
_ICC, _VERSION, _EXIF, _XMP = 1039, 1057, 1058, 1060


@dataclass(frozen=True, slots=True)
class _Document:
    version: int
    channels: int
    height: int
    width: int
    depth: int
    mode: int


def opened(file: BinaryIO, *, max_megapixels: int) -> Image.Image:
    """Return the composite with its profile and metadata.

    Raises Undecodable; OSError, ValueError, struct.error for what is damaged.
    """
    file.seek(0)
    _, *numbers = _HEADER.unpack(file.read(_HEADER.size))
    document = _Document(*numbers)
    check_size(document.width, document.height, max_megapixels=max_megapixels)
    file.seek(_length(file, ">I"), 1)  # a palette
    blocks = dict(_blocks(_read(file, _length(file, ">I"))))
    wide = ">Q" if document.version == _LARGE else ">I"
    layers = _length(file, wide)
    begin = file.tell()
    # fewer than no layers: the first channel after the colours is what is transparent
    has_alpha = layers > 0 and _length(file, wide) > 0 > _length(file, ">h")
    if layers and blocks.get(_VERSION, b"")[4:5] == b"\0":  # what stands there instead is white
        raise Undecodable(NO_COMPOSITE)
    file.seek(begin + layers)
    image = _composite(file, document, has_alpha=has_alpha)
    named = {"icc_profile": _ICC, "exif": _EXIF, "xmp": _XMP}
    image.info.update({name: blocks[number] for name, number in named.items() if number in blocks})
    return image


def _length(file: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])


def _read(file: BinaryIO, size: int) -> bytes:
    """Return so many bytes: no room is made for what the file cannot hold. Raises EOFError."""
    data = file.read(size) if size <= os.fstat(file.fileno()).st_size else b""
    if len(data) < size:
        raise EOFError("truncated")
    return data


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each of the image resources: its number, its bytes."""
    at = 0
    while data[at : at + 4] == b"8BIM":
        (number, name) = struct.unpack_from(">HB", data, at + 4)
        at += 6 + (name + 2) // 2 * 2  # the name and its length, made even
        (size,) = struct.unpack_from(">I", data, at)
        yield number, data[at + 4 : at + 4 + size]
        at += 4 + (size + 1) // 2 * 2


def _composite(file: BinaryIO, document: _Document, *, has_alpha: bool) -> Image.Image:
    if document.mode in _BANDS and document.depth in {_BYTE, _TWO_BYTES}:
        return _merged(file, document, has_alpha=has_alpha)
    if document.version == _SMALL and document.depth <= _BYTE:
        return Image.open(file, formats=["PSD"])
    raise Undecodable(_RARE)


def _merged(file: BinaryIO, document: _Document, *, has_alpha: bool) -> Image.Image:
    bands = _BANDS[document.mode]
    packing = _length(file, ">H")
    if document.channels < len(bands) or packing not in {_PLAIN, _PACKED}:
        raise Undecodable(_RARE)
    plain = [document.width * document.height * document.depth // _BYTE] * document.channels
    sizes = iter(_packed_sizes(file, document) if packing else plain)
    image = Image.merge(bands, [_plane(file, document, next(sizes), packing) for _ in bands])
    if bands == "CMYK":  # stored as light, not as ink
        return image.point(lambda value: 255 - value)
    if has_alpha and bands != "LAB" and document.channels > len(bands):
        image.putalpha(_plane(file, document, next(sizes), packing))
    return image


def _packed_sizes(file: BinaryIO, document: _Document) -> list[int]:
    """Return how many bytes each channel takes."""
    count = document.channels * document.height
    form, row_bytes = ("I", 4) if document.version == _LARGE else ("H", 2)
    rows = struct.unpack(f">{count}{form}", _read(file, count * row_bytes))
    return [sum(rows[at : at + document.height]) for at in range(0, count, document.height)]


def _plane(file: BinaryIO, document: _Document, size: int, packing: int) -> Image.Image:
    """Return the next channel, of 16 bits the upper half."""
    data, value_bytes = _read(file, size), document.depth // _BYTE
    if packing == _PACKED:
        rows = document.width * value_bytes, document.height
        data = Image.frombytes("L", rows, data, "packbits", "L").tobytes()
    return Image.frombytes("L", (document.width, document.height), data[::value_bytes])
