"""Builds photos that promise, repeat or carry more than a decoder should bear."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import pillow_heif
from images_helpers import PHOTOS, ROCKET, corners, encoded

GIGABYTE = 1 << 30


def sparse(path: Path, size: int, *, head: bytes = b"", tail: bytes = b"") -> None:
    """Write a file that is one hole between its ends."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
        file.seek(size - len(tail))
        file.write(tail)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def jpeg_of(width: int, height: int) -> bytes:
    """Return a JPEG whose header lies about its size."""
    plain = encoded(corners(), "JPEG")
    at = plain.index(b"\xff\xc0") + 5
    return plain[:at] + struct.pack(">HH", height, width) + plain[at + 4 :]


def gif_of(width: int, height: int) -> bytes:
    """Return a GIF of one frame that lies about its size, as its canvas does."""
    plain = bytearray(encoded(corners(), "GIF"))
    at = plain.index(b"\x2c\0\0\0\0") + 5
    plain[6:10] = plain[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(plain)


def webp_of(width: int, height: int) -> bytes:
    """Return a lossy WebP whose frame lies about its size."""
    plain = bytearray(encoded(corners(), "WEBP"))
    at = plain.index(b"\x9d\x01\x2a") + 3
    plain[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(plain)


def tiff_of(width: int, height: int) -> bytes:
    """Return a TIFF whose first directory lies about its size."""
    plain = encoded(corners(), "TIFF")
    for tag, old, new in ((256, 120, width), (257, 80, height)):
        numbers = (re.escape(struct.pack(form, n)) for form, n in (("<H", tag), ("<I", old)))
        pattern = rb"[\x03\x04]\x00\x01\x00\x00\x00".join(numbers)
        lie = struct.pack("<HHII", tag, 4, 1, new)
        plain, count = re.subn(pattern, lambda _, lie=lie: lie, plain, count=1, flags=re.DOTALL)
        assert count
    return plain


def heic_of(width: int, height: int) -> bytes:
    """Return a HEIC whose every size is a lie."""
    plain = (PHOTOS / "astronaut.heic").read_bytes()
    return re.sub(
        rb"ispe\x00{4}.{8}",
        lambda _: b"ispe\0\0\0\0" + struct.pack(">II", width, height),
        plain,
        flags=re.DOTALL,
    )


def bmp_hole(path: Path, width: int, height: int) -> Path:
    """Write a BMP of so many pixels in a file that is one hole."""
    head = encoded(corners(width=4, height=4), "BMP")[:54]
    head = head[:18] + struct.pack("<ii", width, height) + head[26:]
    sparse(path, 54 + width * height * 3, head=head)
    return path


def gif_of_frames(count: int) -> bytes:
    """Return a GIF of very many frames of one pixel."""
    plain = encoded(corners(width=1, height=1), "GIF")
    start = plain.index(b"\x2c")
    return plain[:start] + plain[start:-1] * count + b";"


def heic_of_frames(count: int) -> bytes:
    """Return a HEIC of many pictures."""
    file = pillow_heif.from_pillow(corners())
    for _ in range(count - 1):
        file.add_from_pillow(corners())
    buffer = io.BytesIO()
    file.save(buffer, quality=50)
    return buffer.getvalue()


def write_with_metadata(path: Path, marker: int, label: bytes, *, megabytes: int) -> None:
    """Write a JPEG with so much metadata in full segments; holes, to spare the disk."""
    plain = ROCKET.read_bytes()
    head = struct.pack(">BBH", 0xFF, marker, 0xFFFF) + label
    with path.open("wb") as file:
        file.write(plain[:2])
        for _ in range((megabytes << 20) // 0xFFFF):
            file.write(head)
            file.seek(0xFFFF + 2 - len(head), 1)
        file.write(plain[2:])
