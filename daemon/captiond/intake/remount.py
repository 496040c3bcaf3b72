"""Notices when something is mounted or unmounted at a root, above it, or within it."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
from anyio.abc import TaskStatus

from captiond.intake.folder import WatchedFolder
from captiond.intake.mounts import MOUNTINFO, Places, places_of, read_mounts

PULSE_SECONDS = 1.0
"""One poll(2) that never waits. The table is read only when it has changed: 5000 mounts take 25 ms,
and where containers come and go it changes all day for others."""

_AT_FDCWD = -100
_NO_AUTOMOUNT, _DONT_SYNC = 0x800, 0x4000
_MNT_ID_UNIQUE = 0x4000
_STATX_BYTES, _MASK_AT, _MNT_ID_AT = 256, 0, 0x90


async def follow_mounts(
    watched: WatchedFolder,
    on_change: Callable[[Places], None],
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Call `on_change` with the mounts the root is made of, at once and whenever they change."""
    with _signal() as has_changed:
        places, lives = await anyio.to_thread.run_sync(_look, watched, abandon_on_cancel=True)
        on_change(places)
        task_status.started()
        while True:
            await anyio.sleep(PULSE_SECONDS)
            if has_changed():
                former = places, lives
                places, lives = await anyio.to_thread.run_sync(
                    _look, watched, abandon_on_cancel=True
                )
                if (places, lives) != former:
                    on_change(places)


@contextmanager
def _signal() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether any mount came or went since it was asked last."""
    try:
        table = MOUNTINFO.open("rb", buffering=0)
    except OSError:
        yield lambda: False
        return
    with table:
        poll = select.poll()
        poll.register(table, select.POLLPRI)
        yield lambda: bool(poll.poll(0))


def _look(watched: WatchedFolder) -> tuple[Places, Mapping[str, int | None]]:
    """Return the mounts of a root, and of each the number of its life."""
    root = os.path.realpath(watched.root)
    places = places_of(watched, root, read_mounts())
    return places, {place: _life_of(f"{root}/{place}") for place in places}


def _life_of(path: str) -> int | None:
    """Return a number that no other mount ever had; None before Linux 6.8.

    The number in the table is given away again at once: a disk that is unmounted and mounted
    between two looks has the very same line there, but the kernel's watches on it are gone.
    """
    found = ctypes.create_string_buffer(_STATX_BYTES)
    flags = _NO_AUTOMOUNT | _DONT_SYNC
    try:
        statx = ctypes.CDLL(None).statx
    except AttributeError:
        return None
    if statx(_AT_FDCWD, os.fsencode(path), flags, _MNT_ID_UNIQUE, found) != 0:
        return None
    (mask,) = struct.unpack_from("I", found, _MASK_AT)
    (life,) = struct.unpack_from("Q", found, _MNT_ID_AT)
    return int(life) if mask & _MNT_ID_UNIQUE else None
