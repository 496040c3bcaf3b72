"""Finds the XMP packet of a photo, whatever it lies in."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

from captiond.packets import LIMIT_BYTES

_OURS = "packet"
_PILLOWS = ("xmp", "XML:com.adobe.xmp")
_START, _END = b"<x:xmpmeta", b"</x:xmpmeta>"
_CHUNK_BYTES = 1 << 20


def of(image: Image.Image) -> bytes:
    """Return the XMP packet that Pillow or `lay_out` found, empty if there is none."""
    packet = next(filter(None, map(image.info.get, (_OURS, *_PILLOWS))), b"")
    data = packet.encode() if isinstance(packet, str) else packet
    return data.rstrip(b"\0") if isinstance(data, bytes) else b""


def lay_out(image: Image.Image, file: BinaryIO, *, is_in_view: bool) -> None:
    """Have the packet at hand under a name that only `of` knows: Pillow turns pictures by XMP.

    Nobody else does, and programs that turn the pixels leave old orientations there. Where it
    may be `in_view`, it is looked for in the file itself.
    """
    packet = of(image)
    for name in _PILLOWS:
        image.info.pop(name, None)
    image.info[_OURS] = packet or (_seen_in(file) if is_in_view else b"")


def _seen_in(file: BinaryIO) -> bytes:
    """Return the first packet of a file: they are made to be found so, in any container."""
    before, seen = file.tell(), b""
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK_BYTES):
            seen += chunk
            start = seen.find(_START)
            if start < 0:
                seen = seen[-len(_START) :]
                continue
            end = seen.find(_END, start)
            if end >= 0:
                return seen[start : end + len(_END)]
            if len(seen) - start > LIMIT_BYTES:
                break
    finally:
        file.seek(before)
    return b""
