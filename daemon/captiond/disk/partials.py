"""Writes a file that comes bit by bit: hidden until it is whole, then in its place.

It grows under a hidden name beside its place, so that an end in between costs only what is missing;
its name comes from a key, so that it is found again. All of this blocks, and belongs into threads.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from captiond.disk.beneath import folder_beneath
from captiond.disk.files import PARTIAL_SUFFIX, TEMPORARY_PREFIX, told
from captiond.errors import DownloadUnwritable

CHUNK_BYTES = 1 << 20
_OPENED = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES}


class Partial:
    """A file that grows, held open with its folder. Every method raises DownloadUnwritable."""

    def __init__(self, root: str, folder: str, key: str) -> None:
        """Open it, or begin it; `key` is 16 hex digits."""
        self._path = f"{root.rstrip('/')}/{folder}".rstrip("/")
        self._name = name_of(key)
        with self._disk(), folder_beneath(root, folder) as within:
            self._fd = _open_own(self._name, within)
            self._within = os.dup(within)
        self.size = os.fstat(self._fd).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        os.close(self._within)

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        with self._disk():
            rest = memoryview(data)
            while rest:
                written = os.pwrite(self._fd, rest, self.size)
                self.size += written
                rest = rest[written:]

    def restart(self) -> None:
        """Throw away what is there."""
        with self._disk():
            os.ftruncate(self._fd, 0)
            self.size = 0

    def head(self, count: int) -> bytes:
        """Return the first bytes."""
        with self._disk():
            return os.pread(self._fd, count, 0)

    def place(self, names: Iterable[str]) -> tuple[str, str]:
        """Give the file the first of the names that is free; return it with the sha256 in hex.

        A name that holds these very bytes already will do. Nothing is ever replaced.
        """
        with self._disk():
            os.fsync(self._fd)
            digest = _digest(self._fd)
            name = next((one for one in names if self._take(one, digest)), None)
            if name is None:
                raise OSError(errno.EEXIST, "every name for it is taken")
            with suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._within)
            with suppress(OSError):  # network shares that know no fsync of a folder
                os.fsync(self._within)
            return name, digest

    def discard(self) -> None:
        """Remove the file."""
        with self._disk(), suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._within)

    def _take(self, name: str, digest: str) -> bool:
        try:
            os.link(self._name, name, src_dir_fd=self._within, dst_dir_fd=self._within)
        except FileExistsError:
            return self._holds(name, digest)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            return self._take_by_rename(name, digest)
        return True

    def _take_by_rename(self, name: str, digest: str) -> bool:
        """Take a name where files have one only: hold it by an empty file, then replace that."""
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=self._within))
        except FileExistsError:
            return self._holds(name, digest)
        os.rename(self._name, name, src_dir_fd=self._within, dst_dir_fd=self._within)
        return True

    def _holds(self, name: str, digest: str) -> bool:
        """Tell whether a name has these bytes: a crash came between its place and the index."""
        status = os.stat(name, dir_fd=self._within, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) or status.st_size != self.size:
            return False
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._within)
        except OSError:
            return False
        try:
            return _digest(fd) == digest
        finally:
            os.close(fd)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        with _disk(self._path):
            yield


def drop(root: str, folder: str, key: str) -> None:
    """Remove what is there of a file. Raises DownloadUnwritable."""
    with (
        _disk(f"{root.rstrip('/')}/{folder}"),
        folder_beneath(root, folder) as within,
        suppress(FileNotFoundError),
    ):
        os.unlink(name_of(key), dir_fd=within)


def name_of(key: str) -> str:
    """Return the hidden name that a file with this key grows under."""
    return f"{TEMPORARY_PREFIX}{key}{PARTIAL_SUFFIX}"


def _open_own(name: str, within: int) -> int:
    """Open the file, made if need be; one that another made under its name gives way.

    Else whoever may write here could have a file of the daemon's overwritten, by a hard link.
    """
    with suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=within, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid():
            return os.open(name, _OPENED, dir_fd=within)
        os.unlink(name, dir_fd=within)
    return os.open(name, _OPENED | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=within)


def _digest(fd: int) -> str:
    sha256, offset = hashlib.sha256(), 0
    while data := os.pread(fd, CHUNK_BYTES, offset):
        sha256.update(data)
        offset += len(data)
    return sha256.hexdigest()


@contextmanager
def _disk(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"{told(path)} cannot be written: {error.strerror}"
        raise DownloadUnwritable(reason, disk=error.errno in _OF_THE_DISK) from error
