"""Reads plain files in an opened folder, and nothing that is a link, a pipe or a device.

All of this blocks, and belongs into threads.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from captiond.disk.beneath import IN_FILE, kind


class ForeignFileError(OSError):
    """The file is there and is not to be touched."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file was written to: its size and its time in nanoseconds."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a file held, and its stamp from before that was read."""

    data: bytes
    stamp: Stamp


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file."""
    return Stamp(status.st_size, status.st_mtime_ns)


def status_at(within: int, name: str) -> os.stat_result | None:
    """Return what `stat` says of a name itself, None if nothing is there. Raises OSError."""
    try:
        return os.stat(name, dir_fd=within, follow_symlinks=False)
    except FileNotFoundError:
        return None


def look_at(within: int, names: Iterable[str]) -> Mapping[str, os.stat_result]:
    """Return what lies there under these names. Raises OSError."""
    found = {}
    for name in names:
        try:
            status = status_at(within, name)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            status = None
        if status is not None:
            found[name] = status
    inodes = {(status.st_dev, status.st_ino) for status in found.values()}
    return found if len(inodes) == len(found) else _without_aliases(within, found)


def read_at(within: int, name: str, count: int) -> Content | None:
    """Return the first `count` bytes of a plain file, None if there is none.

    Raises OSError; ForeignFileError for what is no plain file or may not be read.
    """
    if (status := status_at(within, name)) is None:
        return None
    check_plain(status)  # before it is opened: that already does something to a pipe or a device
    try:
        fd = os.open(name, IN_FILE, dir_fd=within)
    except PermissionError as error:
        raise ForeignFileError(errno.EACCES, "it may not be read") from error
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        check_plain(status)
        return Content(file.read(count), stamp_of(status))


def check_plain(status: os.stat_result) -> None:
    """Raise ForeignFileError for what is no plain file."""
    if not stat.S_ISREG(status.st_mode):
        raise ForeignFileError(errno.EEXIST, f"it is {kind(status)}")


def unlink_plain(within: int, name: str) -> bool:
    """Remove a plain file; return whether there was one. Raises OSError."""
    status = status_at(within, name)
    if status is None or not stat.S_ISREG(status.st_mode):
        return False
    os.unlink(name, dir_fd=within)
    return True


def _without_aliases(
    within: int, found: Mapping[str, os.stat_result]
) -> Mapping[str, os.stat_result]:
    """Return each file by its own name: where case does not count it answers to others, too."""
    listed = set(os.listdir(within))
    seen = {(one.st_dev, one.st_ino) for name, one in found.items() if name in listed}
    kept = {}
    for name, status in found.items():
        inode = (status.st_dev, status.st_ino)
        if name in listed or inode not in seen:
            seen.add(inode)
            kept[name] = status
    return kept
