"""Reads the metadata of a camera's raw file, by Pillow, which opens none of them itself."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import BinaryIO

from PIL import ExifTags, Image

_HEAD_BYTES = 1 << 22
"""Olympus, Panasonic and Canon put their metadata in front."""
_ODD_TIFFS = (b"IIRO", b"IIRS", b"IIU\0")
_ODD_BIG_TIFF = b"MMOR"
_CR3_PARTS = {b"CMT2": ExifTags.IFD.Exif, b"CMT4": ExifTags.IFD.GPSInfo}
_EXIF = b"Exif\0\0"


def opened(file: BinaryIO) -> Image.Image:
    """Return no picture, with the metadata of a raw file; moves the file's offset.

    Raises SyntaxError, struct.error where there are none.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    exif = Image.Exif()
    if head[4:12] == b"ftypcrx ":
        exif.load(_EXIF + _box(head, b"CMT1"))
        for name, directory in _CR3_PARTS.items():
            part = Image.Exif()
            part.load(_EXIF + _box(head, name))
            exif.get_ifd(directory).update(part)
    elif head.startswith(_ODD_TIFFS):
        exif.load_from_fp(BytesIO(b"II*\0" + head[4:]))
    elif head.startswith(_ODD_BIG_TIFF):
        exif.load_from_fp(BytesIO(b"MM\0*" + head[4:]))
    else:
        file.seek(0)
        exif.load_from_fp(file)
    return _Bare(exif)


def _box(head: bytes, name: bytes) -> bytes:
    """Return what a box of an ISO base media file holds; struct.error where there is none."""
    at = head.find(name)
    (size,) = struct.unpack_from(">I", head, at - 4) if at > 0 else struct.unpack(">I", b"")
    return head[at + 4 : at - 4 + size]


class _Bare(Image.Image):
    """No picture, with metadata."""

    def __init__(self, exif: Image.Exif) -> None:
        super().__init__()
        self._told = exif
        self.info = {"xmp": exif.get(ExifTags.Base.XMLPacket)}

    def getexif(self) -> Image.Exif:
        return self._told
