"""Walks from a watched root down to a folder, never through a link.

Whoever can write to a drop folder can swap a folder for a link at any moment, so every step below
the root goes through a descriptor of the folder above it. The root itself may be a link: the
operator named it. All of this blocks, and belongs into threads.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

IN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""How a file is opened for reading: a pipe put in its place cannot hold the opener up."""

_IN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a link, and links are not followed",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def folder_beneath(root: str, folder: str) -> Iterator[int]:
    """Give a descriptor of the folder. Raises OSError: ELOOP for a link on the way."""
    within = os.open(root, _IN_FOLDER)
    try:
        for part in folder.split("/") if folder else ():
            inner = _open_folder(part, within)
            os.close(within)
            within = inner
        yield within
    finally:
        os.close(within)


def _open_folder(part: str, within: int) -> int:
    if part in {"", ".", ".."}:
        raise FileNotFoundError(errno.ENOENT, "no such folder beneath the root", part)
    try:
        return os.open(part, _IN_FOLDER | os.O_NOFOLLOW, dir_fd=within)
    except NotADirectoryError as error:
        status = os.stat(part, dir_fd=within, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):  # O_DIRECTORY hides ELOOP behind ENOTDIR
            reason = "a folder on the way is a link, and links are not followed"
            raise OSError(errno.ELOOP, reason, part) from error
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), part) from error


def kind(status: os.stat_result) -> str:
    """Return what something that is no plain file is, for a person."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "a device")
