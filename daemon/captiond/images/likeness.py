"""Tells pictures that show the same, and pictures that look alike."""

from __future__ import annotations

import hashlib
from itertools import pairwise

_ACROSS, _DOWN = 9, 8


def digest_of(pixels: bytes | memoryview, width: int, height: int) -> str:
    """Return the sha256 of a small RGB picture's size and pixels, in hex."""
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(pixels)
    return digest.hexdigest()


def hash_of(glance: bytes, width: int, height: int) -> str:
    """Return 64 bits in hex: whether each part of a picture is brighter than the one beside it.

    `glance` is the picture in a few hundred RGB pixels. Of two pictures of one scene few bits
    differ.
    """
    columns, rows = _parts(width, _ACROSS), _parts(height, _DOWN)
    lines = [[_light(glance, width, across, down) for across in columns] for down in rows]
    bits = 0
    for line in lines:
        for here, beside in pairwise(line):
            bits = bits << 1 | (here > beside)
    return f"{bits:016x}"


def _parts(length: int, count: int) -> list[range]:
    """Return `count` stretches that cover a length, each at least one long."""
    edges = [at * length // count for at in range(count + 1)]
    return [range(start, max(end, start + 1)) for start, end in pairwise(edges)]


def _light(glance: bytes, width: int, across: range, down: range) -> float:
    """Return the mean of a part's red, green and blue."""
    sums = (
        sum(glance[3 * (row * width + across.start) : 3 * (row * width + across.stop)])
        for row in down
    )
    return sum(sums) / (len(across) * len(down))
