"""Writes raw files as a camera does: pixels of a sensor, with or without a preview."""

from __future__ import annotations

import io
import struct

from PIL import Image

_SHORT, _LONG, _BYTE, _ASCII, _RATIONAL = 3, 4, 1, 2, 10
_PREVIEW_AT = 330


def make_dng(picture: Image.Image, *, orientation: int = 1, preview: bytes = b"") -> bytes:
    """Return a DNG whose sensor saw the RGB picture; `preview` is a JPEG that goes along.

    As cameras do: the directories first, then the preview, then the pixels.
    """
    pixels, start = _mosaic(picture), 0
    for _ in range(2):  # where things lie is known once all sizes are
        below = _directory(_of_preview(preview, start), 8) if preview else b""
        first = 8 + len(below)
        tags = _of_sensor(picture.size, orientation, start + len(preview), len(pixels))
        if preview:
            tags[_PREVIEW_AT] = (_LONG, [8])
        head = below + _directory(dict(sorted(tags.items())), first)
        start = 8 + len(head)
    return struct.pack("<2sHI", b"II", 42, first) + head + preview + pixels


def _of_sensor(
    size: tuple[int, int], orientation: int, at: int, count: int
) -> dict[int, tuple[int, list[int]]]:
    return {
        254: (_LONG, [0]),
        256: (_LONG, [size[0]]),
        257: (_LONG, [size[1]]),
        258: (_SHORT, [16]),
        259: (_SHORT, [1]),
        262: (_SHORT, [32803]),
        271: (_ASCII, list(b"Acme\0")),
        272: (_ASCII, list(b"One\0")),
        273: (_LONG, [at]),
        274: (_SHORT, [orientation]),
        277: (_SHORT, [1]),
        278: (_LONG, [size[1]]),
        279: (_LONG, [count]),
        33421: (_SHORT, [2, 2]),
        33422: (_BYTE, [0, 1, 1, 2]),
        50706: (_BYTE, [1, 4, 0, 0]),
        50707: (_BYTE, [1, 1, 0, 0]),
        50708: (_ASCII, list(b"Acme One\0")),
        50714: (_SHORT, [0]),
        50717: (_SHORT, [65535]),
        50721: (_RATIONAL, [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]),
        50728: (_RATIONAL, [1, 1, 1, 1, 1, 1]),
        50778: (_SHORT, [21]),
    }


def _of_preview(preview: bytes, at: int) -> dict[int, tuple[int, list[int]]]:
    with Image.open(io.BytesIO(preview)) as image:
        width, height = image.size
    return {
        254: (_LONG, [1]),
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [8, 8, 8]),
        259: (_SHORT, [7]),
        262: (_SHORT, [6]),
        273: (_LONG, [at]),
        277: (_SHORT, [3]),
        278: (_LONG, [height]),
        279: (_LONG, [len(preview)]),
    }


def _mosaic(picture: Image.Image) -> bytes:
    """Return what a sensor with red, green, green, blue in each square sees, linear in 16 bits."""
    data, width = picture.convert("RGB").tobytes(), picture.width
    values = []
    for at in range(picture.width * picture.height):
        row, column = divmod(at, width)
        colour = data[at * 3 + (row % 2) + (column % 2)]
        values.append(round(65535 * (colour / 255) ** 2.2))
    return struct.pack(f"<{len(values)}H", *values)


def _directory(tags: dict[int, tuple[int, list[int]]], at: int) -> bytes:
    after = at + 2 + 12 * len(tags) + 4
    entries, beyond = [], b""
    for tag, (kind, values) in tags.items():
        count = len(values) // 2 if kind == _RATIONAL else len(values)
        letter = {_SHORT: "H", _LONG: "I", _BYTE: "B", _ASCII: "B", _RATIONAL: "i"}[kind]
        data = struct.pack(f"<{len(values)}{letter}", *values)
        if len(data) > 4:
            entries.append(struct.pack("<HHII", tag, kind, count, after + len(beyond)))
            beyond += data + bytes(len(data) % 2)
        else:
            entries.append(struct.pack("<HHI4s", tag, kind, count, data.ljust(4, b"\0")))
    return struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4) + beyond
