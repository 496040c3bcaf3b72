"""Opens a photo beneath its root and reads its digest. Blocks, and belongs into threads."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from captiond import errors
from captiond.disk.beneath import IN_FILE, LinkOnTheWay, folder_beneath, kind
from captiond.models import HEAD_BYTES, Photo, Signature

CHUNK_BYTES = 1 << 20
MOST_BYTES = 1 << 32
"""How far the offsets of TIFF, HEIF and RIFF reach; reading 20 GB of nothing took 76 s."""

_GONE = {errno.ENOENT, errno.ESTALE}
_UNREADABLE = {errno.EACCES, errno.EPERM, errno.EIO}


@dataclass(slots=True)
class OpenedPhoto:
    """A photo, held open: whatever happens to its name, these are the bytes that were looked at."""

    fd: int
    signature: Signature

    def head(self) -> bytes:
        """Return the first bytes, by which a format is told. Raises PhotoVanished, Undecodable."""
        with _photo_errors():
            return os.pread(self.fd, HEAD_BYTES, 0)

    def digest(self) -> str:
        """Return the sha256 of the whole file, in hex; leaves `fd` at its start.

        Raises PhotoChanged, Undecodable.
        """
        sha256, offset = hashlib.sha256(), 0
        chunk = memoryview(bytearray(min(self.signature.size, CHUNK_BYTES)))
        with _photo_errors():
            # To the size at opening and no further: a file that grows for ever ends all the same.
            while offset < self.signature.size:
                count = os.preadv(self.fd, [chunk], offset)
                if not count:
                    break
                sha256.update(chunk[:count])
                offset += count
            os.lseek(self.fd, 0, os.SEEK_SET)
        self.check_unchanged()
        return sha256.hexdigest()

    def unchanged(self) -> bool:
        """Tell whether the file is as it was when it was opened."""
        return signature_of(os.fstat(self.fd)) == self.signature

    def check_unchanged(self) -> None:
        """Raise PhotoChanged if the file is not as it was when it was opened."""
        if not self.unchanged():
            raise errors.PhotoChanged("the file was written to while it was read")

    def check_settled(self, signature: Signature) -> None:
        """Raise PhotoChanged if this is not the file that settled."""
        if self.signature != signature:
            raise errors.PhotoChanged("the file changed since it settled")

    def close(self) -> None:
        """Let go of the file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_beneath(photo: Photo) -> OpenedPhoto:
    """Open a photo for reading.

    Raises NotAPhoto, PhotoVanished, or Undecodable if it may not be read or is over MOST_BYTES.
    """
    with _photo_errors(), folder_beneath(photo.root, photo.folder) as folder:
        # Looked at before it is opened: opening a pipe or a device already does something to it.
        _check_photo(os.stat(photo.name, dir_fd=folder, follow_symlinks=False))
        fd = os.open(photo.name, IN_FILE, dir_fd=folder)
        try:
            status = os.fstat(fd)
            _check_photo(status)
        except BaseException:
            os.close(fd)
            raise
    return OpenedPhoto(fd, signature_of(status))


def signature_of(status: os.stat_result) -> Signature:
    """Return what a `stat` says of a file."""
    return Signature(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _check_photo(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise errors.NotAPhoto(f"not a plain file but {kind(status)}")
    if status.st_size > MOST_BYTES:
        size = status.st_size / (1 << 30)
        raise errors.Undecodable(f"too large: {size:.1f} GiB, and no photo has more than 4")


@contextmanager
def _photo_errors() -> Iterator[None]:
    """Map what says something of the photo; the rest (EMFILE, ENOMEM) goes on as it is."""
    try:
        yield
    except OSError as error:
        if isinstance(error, LinkOnTheWay):
            raise errors.PhotoVanished(f"the file is gone: {error.strerror}") from error
        if error.errno in _GONE:
            raise errors.PhotoVanished("the file is not there") from error
        if error.errno == errno.ELOOP:  # it was swapped for a link since the look at it
            raise errors.NotAPhoto("not a plain file but a link") from error
        if error.errno in _UNREADABLE:
            raise errors.Undecodable(f"the file cannot be read: {error.strerror}") from error
        raise
