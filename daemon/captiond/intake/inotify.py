"""Speaks inotify: asks the kernel for watches on folders, reads its events.

By ctypes, as it is three calls. watchfiles (1.3) speaks it too, but hides what must be known here:
that the kernel's queue overflowed, that a new folder got no watch because none was left, that a
folder could not be opened; and one name that is not UTF-8 ends it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, UNMOUNT = 0x400, 0x800, 0x2000
OVERFLOW, IGNORED, IS_FOLDER = 0x4000, 0x8000, 0x40000000
_ONLY_FOLDERS = 0x01000000
_WANTED = (
    (MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE)
    | (DELETE_SELF | MOVE_SELF)
    | _ONLY_FOLDERS
)
"""Without OPEN: 3 events for a small file instead of 4, and none when others read."""

_HEAD = struct.Struct("iIII")
_READ_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Event:
    """What the kernel says: `watch` is -1 for OVERFLOW, `name` "" for the watched folder itself."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One instance: watches share its queue of events, which holds 16,384 as the kernel comes."""

    def __init__(self) -> None:
        """Ask for an instance; raises OSError: EMFILE where none is left."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        _check(self.fd)

    def add(self, folder_fd: int) -> int:
        """Watch an open folder; return the watch, which is the same as before for the same folder.

        Raises OSError: ENOSPC where no watch is left.
        """
        path = f"/proc/self/fd/{folder_fd}".encode()
        watch: int = self._libc.inotify_add_watch(self.fd, path, _WANTED)
        _check(watch)
        return watch

    def remove(self, watch: int) -> None:
        """End a watch; one that has ended already is no error."""
        self._libc.inotify_rm_watch(self.fd, watch)

    def read(self) -> list[Event]:
        """Return the events that wait, at most 256 KB of them; never waits. Raises OSError."""
        try:
            return list(_parse(os.read(self.fd, _READ_BYTES)))
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Give the watches back."""
        os.close(self.fd)


def _parse(data: bytes) -> Iterator[Event]:
    at = 0
    while at < len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size + length
        yield Event(watch, mask, os.fsdecode(data[at - length : at].rstrip(b"\0")))


def _check(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, _SENTENCES.get(code) or os.strerror(code))


_SENTENCES = {
    errno.EMFILE: "no inotify instance is left for this user: raise fs.inotify.max_user_instances",
    errno.ENOSPC: "no inotify watch is left for this user: raise fs.inotify.max_user_watches",
}
