"""Opens and writes files beneath a watched root, never through a link.

Whoever can write to a drop folder can swap a folder for a link at any moment, so every step below
the root goes through a descriptor of the folder above it. The root itself may be a link: the
operator named it. All of this blocks, and belongs into threads.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

from captiond import errors
from captiond.models import Photo, Signature

CHUNK_BYTES = 1 << 20
TEMPORARY_PREFIX = ".captiond-"
TEMPORARY_SUFFIX = ".tmp"
"""What unfinished files are called: hidden, and short, so that a name of 255 bytes has room."""

_IN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_IN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OUT_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a link, and links are not followed",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
_GONE = {errno.ENOENT, errno.ESTALE}
_UNREADABLE = {errno.EACCES, errno.EPERM, errno.EIO}
_FOLDER_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP}


@dataclass(frozen=True, slots=True)
class Draft:
    """A file to be written; `replaces` is what it was decided on, None that no file was there."""

    name: str
    data: bytes
    replaces: bytes | None = None


@dataclass(slots=True)
class OpenedPhoto:
    """A photo, held open: whatever happens to its name, these are the bytes that were looked at."""

    fd: int
    signature: Signature

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

    Raises NotAPhoto, PhotoVanished, or Undecodable if it may not be read.
    """
    with _photo_errors(), _folder_beneath(photo.root, photo.folder) as folder:
        # Looked at before it is opened: opening a pipe or a device already does something to it.
        _check_photo(os.stat(photo.name, dir_fd=folder, follow_symlinks=False))
        fd = os.open(photo.name, _IN_FILE, dir_fd=folder)
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


def read_beneath(root: str, folder: str, name: str, *, limit_bytes: int) -> bytes | None:
    """Return the bytes of a file beside a photo, None if there is none.

    Raises SidecarForeign for what is no plain file, may not be read, or is over the limit;
    SidecarImpossible for a name that is too long; SidecarUnwritable.
    """
    with _sidecar_errors(root, folder, name), _folder_beneath(root, folder) as within:
        content = _read_at(within, name, limit_bytes + 1)
        if content is not None and len(content) > limit_bytes:
            raise _ForeignError(errno.EFBIG, f"it is larger than {limit_bytes} bytes")
        return content


def names_beneath(root: str, folder: str) -> list[str]:
    """Return the names in a folder, in no order. Raises SidecarUnwritable."""
    with (
        _sidecar_errors(root, folder, ""),
        _folder_beneath(root, folder) as within,
        os.scandir(within) as entries,
    ):
        return [entry.name for entry in entries]


def write_beneath(root: str, folder: str, drafts: Sequence[Draft]) -> None:
    """Write files beside a photo, each whole or not at all, durable on return.

    Their order is kept and the first error ends it: the files before it stand. A file keeps the
    mode (and for root the owner) of the one it replaces. One fsync of the folder covers all.

    Raises SidecarUnwritable, also when a file is not what `replaces` says; SidecarForeign for a
    name that is no plain file; SidecarImpossible.
    """
    with _sidecar_errors(root, folder, ""), _folder_beneath(root, folder) as within:
        try:
            for draft in drafts:
                with _sidecar_errors(root, folder, draft.name):
                    _put(within, draft)
        finally:
            _sync_folder(within)


def sweep_beneath(root: str, folder: str) -> int:
    """Remove the temporary files that a crash left in a folder; return how many.

    For folders in which nothing is being written now. Raises SidecarUnwritable.
    """
    left = [
        name
        for name in names_beneath(root, folder)
        if name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)
    ]
    with _sidecar_errors(root, folder, ""), _folder_beneath(root, folder) as within:
        for name in left:
            os.unlink(name, dir_fd=within)
    return len(left)


def shown(path: str) -> str:
    r"""Return a path as text that can be stored and sent: bytes that are no UTF-8 as `\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def _folder_beneath(root: str, folder: str) -> Iterator[int]:
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


def _check_photo(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise errors.NotAPhoto(f"not a plain file but {_kind(status)}")


def _kind(status: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(status.st_mode), "a device")


@contextmanager
def _photo_errors() -> Iterator[None]:
    """Map what says something of the photo; the rest (EMFILE, ENOMEM) goes on as it is."""
    try:
        yield
    except OSError as error:
        if error.errno in _GONE:
            raise errors.PhotoVanished("the file is gone") from error
        if error.errno == errno.ELOOP:
            raise errors.NotAPhoto(f"not reached: {error.strerror}") from error
        if error.errno in _UNREADABLE:
            raise errors.Undecodable(f"the file cannot be read: {error.strerror}") from error
        raise


@contextmanager
def _sidecar_errors(root: str, folder: str, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        path = shown("/".join(part for part in (root.rstrip("/"), folder, name) if part))
        raise _sidecar_error(error, path) from error


def _sidecar_error(error: OSError, path: str) -> errors.SidecarError:
    if isinstance(error, _ForeignError):
        return errors.SidecarForeign(f"{path} was left alone: {error.strerror}")
    if error.errno == errno.ENAMETOOLONG:
        return errors.SidecarImpossible(f"{path} cannot be written: the name would be too long")
    return errors.SidecarUnwritable(f"{path} cannot be written: {error.strerror}")


class _ForeignError(OSError):
    """The file is there and is not to be touched; becomes SidecarForeign with its path."""


def _status_at(within: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=within, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _read_at(within: int, name: str, count: int) -> bytes | None:
    """Return the first `count` bytes of a plain file, None if there is none."""
    if (status := _status_at(within, name)) is None:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise _ForeignError(errno.EEXIST, f"it is {_kind(status)}")
    try:
        fd = os.open(name, _IN_FILE, dir_fd=within)
    except PermissionError as error:
        raise _ForeignError(errno.EACCES, "it may not be read") from error
    with os.fdopen(fd, "rb") as file:
        return file.read(count)


def _put(within: int, draft: Draft) -> None:
    temporary = f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    fd = os.open(temporary, _OUT_FILE, 0o666, dir_fd=within)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(draft.data)
            file.flush()
            _keep_mode(file.fileno(), _status_at(within, draft.name))
            os.fsync(file.fileno())
        _check_replaced(within, draft)
        os.rename(temporary, draft.name, src_dir_fd=within, dst_dir_fd=within)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=within)
        raise


def _keep_mode(fd: int, replaced: os.stat_result | None) -> None:
    if replaced is None:
        return
    # Refused by network shares and FAT, which know one owner and one mode.
    with suppress(PermissionError):
        if os.geteuid() == 0:
            os.fchown(fd, replaced.st_uid, replaced.st_gid)
    with suppress(PermissionError):
        os.fchmod(fd, stat.S_IMODE(replaced.st_mode) & 0o777)


def _check_replaced(within: int, draft: Draft) -> None:
    """See that nobody wrote the file since it was decided on: the fsync may have taken long."""
    if _read_at(within, draft.name, len(draft.replaces or b"") + 1) != draft.replaces:
        raise OSError(errno.EBUSY, "it was written to meanwhile")


def _sync_folder(within: int) -> None:
    try:
        os.fsync(within)
    except OSError as error:  # CIFS and some FUSE file systems know no fsync of a folder
        if error.errno not in _FOLDER_CANNOT_SYNC:
            raise
