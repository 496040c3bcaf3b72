"""Opens a folder beneath a watched root, never through a link.

Whoever can write to a drop folder can swap a folder for a link at any moment. So the kernel is
asked to follow none (openat2); where it is too old for that, or was told to refuse, every step goes
through a descriptor of the folder above. The root itself may be a link: the operator named it. All
of this blocks, and belongs into threads.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from captiond.disk import openat2

IN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""How a file is opened for reading: a pipe put in its place cannot hold the opener up."""

_IN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_NAMES = {"", ".", ".."}
_NOT_ENTERED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ESTALE}
_LONGEST_PATH = 4095
"""As the kernel has it (PATH_MAX): a tree without end is a trap, and ends here either way."""

_KINDS = {
    stat.S_IFLNK: "a link, and links are not followed",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


class LinkOnTheWay(FileNotFoundError):
    """A folder on the way is a link: beneath the root, nothing lies at this path."""


@contextmanager
def folder_beneath(root: str, folder: str) -> Iterator[int]:
    """Give a descriptor of the folder. Raises OSError: LinkOnTheWay, ENAMETOOLONG beyond 4 KB."""
    within = os.open(root, _IN_FOLDER)
    try:
        if folder:
            inner = _open_inner(folder, within)
            os.close(within)
            within = inner
        yield within
    finally:
        os.close(within)


def folders_to(root: str, folder: str) -> Generator[tuple[str, int], None, None]:
    """Yield each folder from the root down to `folder`, with a descriptor until the next is asked.

    Ends before one that is gone, is a link, or may not be entered.
    """
    here, parts = "", folder.split("/") if folder else []
    try:
        within = os.open(root, _IN_FOLDER)
        try:
            yield here, within
            for part in parts if _NO_NAMES.isdisjoint(parts) else ():
                inner = _step(part, within)
                os.close(within)
                within, here = inner, f"{here}/{part}" if here else part
                yield here, within
        finally:
            os.close(within)
    except OSError as error:
        if error.errno not in _NOT_ENTERED:
            raise


def _open_inner(folder: str, within: int) -> int:
    parts = folder.split("/")
    if not _NO_NAMES.isdisjoint(parts):
        raise FileNotFoundError(errno.ENOENT, "no such folder beneath the root", folder)
    try:
        fd = openat2.open_folder(folder, within)
        return _walk(parts, within) if fd is None else fd
    except NotADirectoryError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            reason = "a folder on the way is a link, and links are not followed"
            raise LinkOnTheWay(errno.ELOOP, reason, folder) from error
        raise


def _walk(parts: list[str], within: int) -> int:
    """Open folder after folder. Raises OSError: ELOOP for a link."""
    if sum(len(os.fsencode(part)) + 1 for part in parts) - 1 > _LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    here = within
    try:
        for part in parts:
            inner = _step(part, here)
            if here != within:
                os.close(here)
            here = inner
    except BaseException:
        if here != within:
            os.close(here)
        raise
    return here


def _step(part: str, within: int) -> int:
    try:
        return os.open(part, _IN_FOLDER | os.O_NOFOLLOW, dir_fd=within)
    except NotADirectoryError:
        status = os.stat(part, dir_fd=within, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):  # O_DIRECTORY hides ELOOP behind ENOTDIR
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), part) from None
        raise


def kind(status: os.stat_result) -> str:
    """Return what something that is no plain file is, for a person."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "a device")
