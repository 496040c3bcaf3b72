"""Writes Photoshop documents as Photoshop does."""

from __future__ import annotations

import struct

from PIL import Image

MODES = {"L": 1, "LA": 1, "RGB": 3, "RGBA": 3, "CMYK": 4, "LAB": 9}


def psd(
    image: Image.Image, *, bits: int = 8, version: int = 1, packed: bool = False, block: bytes = b""
) -> bytes:
    """Return a document of its composite and no layers."""
    if image.mode == "CMYK":
        image = image.point(lambda value: 255 - value)
    planes = [band.tobytes() for band in image.split()]
    if bits == 16:
        planes = [bytes(one for value in plane for one in (value, 77)) for plane in planes]
    row_bytes = image.width * bits // 8
    rows = [one[at : at + row_bytes] for one in planes for at in range(0, len(one), row_bytes)]
    head = struct.pack(
        ">4sH6xHIIHH",
        b"8BPS",
        version,
        len(planes),
        image.height,
        image.width,
        bits,
        MODES[image.mode],
    )
    no_layers = (-1 if image.mode.endswith("A") else 0, 0)
    layers = struct.pack(">IIhh" if version == 1 else ">QQhh", 4 + 4 * version, 4, *no_layers)
    sections = struct.pack(">II", 0, len(block)) + block + layers
    if not packed:
        return head + sections + b"\0\0" + b"".join(rows)
    lines = [pack_bits(row) for row in rows]
    sizes = struct.pack(f">{len(lines)}{'H' if version == 1 else 'I'}", *map(len, lines))
    return head + sections + b"\0\1" + sizes + b"".join(lines)


def pack_bits(row: bytes) -> bytes:
    """Return literal runs alone, which is valid."""
    parts = [row[at : at + 128] for at in range(0, len(row), 128)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def block(number: int, data: bytes) -> bytes:
    return struct.pack(">4sHHI", b"8BIM", number, 0, len(data)) + data + bytes(len(data) % 2)
