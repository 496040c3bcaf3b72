"""Looks at a path without following links."""

from __future__ import annotations

import os
import stat

from captiond.intake.settle import NotPlain, Seen
from captiond.models import Signature

_KINDS = {
    stat.S_IFDIR: "a folder with a photo's name",
    stat.S_IFLNK: "a symbolic link, which captiond does not follow",
    stat.S_IFIFO: "a named pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}


def look(full_path: str) -> Seen:
    """Return what lies at a path; blocks on the disk.

    Raises OSError where that cannot be known (no permission, a failing disk).
    """
    try:
        found = os.lstat(full_path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return describe(found)


def describe(found: os.stat_result) -> Signature | NotPlain:
    """Return what a `stat` result shows: a plain file's signature, or why it is none."""
    if stat.S_ISREG(found.st_mode):
        return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return NotPlain(_KINDS.get(stat.S_IFMT(found.st_mode), "not a file"), found.st_ino)


def is_folder(full_path: str) -> bool:
    """Tell whether a folder, not a link to one, lies at a path; blocks on the disk.

    Raises OSError where that cannot be known.
    """
    try:
        return stat.S_ISDIR(os.lstat(full_path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
