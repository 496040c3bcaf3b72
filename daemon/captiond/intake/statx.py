"""Asks statx(2) for what `os.stat` does not tell."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

_AT_FDCWD = -100
_NO_AUTOMOUNT, _DONT_SYNC = 0x800, 0x4000
_BTIME, _MNT_ID_UNIQUE = 0x800, 0x4000
_BYTES, _MASK_AT, _BTIME_AT, _MNT_ID_AT = 256, 0, 0x50, 0x90


def mount_life(path: str) -> int | None:
    """Return a number that no other mount ever had; None before Linux 6.8.

    The number in the mount table is given away again at once: a disk that is unmounted and mounted
    between two looks has the very same line there, but the kernel's watches on it are gone.
    """
    found = _ask(path, _MNT_ID_UNIQUE, "Q", _MNT_ID_AT)
    return None if found is None else int(found[0])


def born_ns(path: str) -> int | None:
    """Return when a file or folder was made, in nanoseconds; None where that is not kept."""
    found = _ask(path, _BTIME, "qI", _BTIME_AT)
    return None if found is None else int(found[0]) * 1_000_000_000 + int(found[1])


def _ask(path: str, field: int, layout: str, offset: int) -> tuple[Any, ...] | None:
    answer = ctypes.create_string_buffer(_BYTES)
    try:
        statx = ctypes.CDLL(None).statx
    except AttributeError:  # a C library from before 2018
        return None
    if statx(_AT_FDCWD, os.fsencode(path), _NO_AUTOMOUNT | _DONT_SYNC, field, answer) != 0:
        return None
    (mask,) = struct.unpack_from("I", answer, _MASK_AT)
    return struct.unpack_from(layout, answer, offset) if mask & field else None
