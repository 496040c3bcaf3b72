"""Tells pictures that show the same, and pictures that look alike."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pyvips

_ACROSS, _DOWN = 9, 8


def digest_of(picture: pyvips.Image) -> str:
    """Return the sha256 of a small RGB picture's size and pixels, in hex."""
    digest = hashlib.sha256(f"{picture.width}x{picture.height}:".encode())
    digest.update(picture.write_to_memory())
    return digest.hexdigest()


def hash_of(glance: pyvips.Image) -> str:
    """Return 64 bits in hex: whether each part of the picture is brighter than the one beside it.

    Of two pictures of one scene few bits differ.
    """
    grey = glance.colourspace("b-w")
    across, down = _ACROSS / grey.width, _DOWN / grey.height
    small = grey.resize(across, vscale=down, kernel="linear")
    shades = bytes(small.cast("uchar").write_to_memory())
    bits = 0
    for row in range(_DOWN):
        line = shades[row * _ACROSS : (row + 1) * _ACROSS]
        for here, beside in pairwise(line):
            bits = bits << 1 | (here > beside)
    return f"{bits:016x}"
