"""Reads and writes files beside a photo: whole or not at all, durable, never through a link.

The only module that writes files for users. All of this blocks, and belongs into threads.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from captiond import errors
from captiond.disk.beneath import IN_FILE, folder_beneath
from captiond.disk.plainfiles import (
    Content,
    ForeignFileError,
    Stamp,
    look_at,
    read_at,
    stamp_of,
    status_at,
    unlink_plain,
)
from captiond.visible import spelled_out

TEMPORARY_PREFIX = ".captiond-"
TEMPORARY_SUFFIX = ".tmp"
"""What unfinished files are called: hidden, and short, so that a name of 255 bytes has room."""

PARTIAL_SUFFIX = ".part"
PARTIAL_SECONDS = 7 * 86_400.0
"""What came of a download is kept for so long, for its rest to be fetched; see `partials`."""

CANARY = f"{TEMPORARY_PREFIX}canary{TEMPORARY_SUFFIX}"
"""The file of `leave_canary`: always the same, so that the next one sweeps what a crash left."""

_TEMPORARY = re.compile(r"\.captiond-(?:[0-9a-f]{16}\.(?:tmp|part)|canary\.tmp)")
OUR_PREFIX = f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}"
"""What this process writes now is no crash's: its names begin so."""

_OUT_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MARKS = "user.captiond"
"""The extended attribute for what a file has no room to say of itself."""

_NO_ROOM = {errno.ENOSPC, errno.E2BIG, errno.ERANGE, errno.EDQUOT}
_NO_MARKS = {errno.ENODATA, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EPERM}
_FOLDER_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP}


@dataclass(frozen=True, slots=True)
class Draft:
    """A file to be written; `replaces` is what it was decided on, None that no file was there.

    `marks` go with it as the attribute MARKS: the first that the file system has room for, if any.
    """

    name: str
    data: bytes
    replaces: bytes | None = None
    marks: Sequence[bytes] = ()


def read_beneath(root: str, folder: str, name: str, *, limit_bytes: int) -> bytes | None:
    """Return the bytes of a file beside a photo, None if there is none.

    Raises SidecarForeign for what is no plain file, may not be read, or is over the limit;
    SidecarImpossible for a name that is too long; SidecarUnwritable.
    """
    content = content_beneath(root, folder, name, limit_bytes=limit_bytes)
    return None if content is None else content.data


def content_beneath(root: str, folder: str, name: str, *, limit_bytes: int) -> Content | None:
    """Return what `read_beneath` does, with its stamp; raises the same."""
    with _sidecar_errors(root, folder, name), folder_beneath(root, folder) as within:
        content = read_at(within, name, limit_bytes + 1)
        if content is not None and len(content.data) > limit_bytes:
            raise ForeignFileError(errno.EFBIG, f"it is larger than {limit_bytes} bytes")
        return content


def look_beneath(root: str, folder: str, names: Iterable[str]) -> dict[str, Stamp | None]:
    """Return which of these names are there, with their stamps: None for what is no plain file.

    Raises SidecarUnwritable.
    """
    with _sidecar_errors(root, folder, ""), folder_beneath(root, folder) as within:
        found = look_at(within, names)
    return {
        name: stamp_of(status) if stat.S_ISREG(status.st_mode) else None
        for name, status in found.items()
    }


def marks_beneath(root: str, folder: str, name: str) -> bytes | None:
    """Return the attribute MARKS of a file beside a photo, None if it has none.

    Raises SidecarUnwritable.
    """
    with _sidecar_errors(root, folder, name), folder_beneath(root, folder) as within:
        fd = os.open(name, IN_FILE, dir_fd=within)
        try:
            return os.getxattr(fd, MARKS)
        except OSError as error:
            if error.errno not in _NO_MARKS:
                raise
            return None
        finally:
            os.close(fd)


def names_beneath(root: str, folder: str) -> list[str]:
    """Return the names in a folder, in no order. Raises SidecarUnwritable."""
    with _sidecar_errors(root, folder, ""), folder_beneath(root, folder) as within:
        return os.listdir(within)  # noqa: PTH208 - Path lists no descriptors


def write_beneath(root: str, folder: str, drafts: Sequence[Draft]) -> dict[str, Stamp]:
    """Write files beside a photo, each whole or not at all, durable on return; tell their stamps.

    Their order is kept and the first error ends it: the files before it stand. A file keeps the
    mode (and for root the owner) of the one it replaces, but is never a program. One fsync of the
    folder covers all.

    Raises SidecarUnwritable, also when a file is not what `replaces` says; SidecarForeign for a
    name that is no plain file; SidecarImpossible.
    """
    stamps = {}
    with _sidecar_errors(root, folder, ""), folder_beneath(root, folder) as within:
        try:
            for draft in drafts:
                with _sidecar_errors(root, folder, draft.name):
                    stamps[draft.name] = _put(within, draft)
        finally:
            _sync_folder(within)
    return stamps


def remove_beneath(root: str, folder: str, name: str, *, holding: bytes) -> bool:
    """Remove a file beside a photo, durably, if it holds these very bytes; return whether it did.

    Raises SidecarForeign for what is no plain file, SidecarUnwritable.
    """
    with _sidecar_errors(root, folder, name), folder_beneath(root, folder) as within:
        content = read_at(within, name, len(holding) + 1)
        if content is None or content.data != holding:
            return False
        os.unlink(name, dir_fd=within)
        _sync_folder(within)
        return True


def sweep_beneath(root: str, folder: str) -> int:
    """Remove the temporary files that a crash left in a folder; return how many.

    Of downloads only those that nobody went on with for PARTIAL_SECONDS.

    Raises SidecarUnwritable.
    """
    left = [name for name in names_beneath(root, folder) if is_leftover(name)]
    swept, refused = 0, None
    with _sidecar_errors(root, folder, ""), folder_beneath(root, folder) as within:
        for name in left:
            try:
                swept += not _is_kept(within, name) and unlink_plain(within, name)
            except OSError as error:  # another user's: the rest is swept all the same
                refused = error
        if refused is not None:
            raise refused
    return swept


def is_leftover(name: str) -> bool:
    """Tell whether a file of this name may be what a crash left of a write or a download."""
    if not name.startswith(TEMPORARY_PREFIX) or name.startswith(OUR_PREFIX):
        return False
    return _TEMPORARY.fullmatch(name) is not None


def _is_kept(within: int, name: str) -> bool:
    """Tell whether a file is what came of a download, and will be gone on with."""
    if not name.endswith(PARTIAL_SUFFIX):
        return False
    status = status_at(within, name)
    return status is not None and time.time() - status.st_mtime < PARTIAL_SECONDS


def leave_canary(root: str) -> None:
    """Make the empty file CANARY in a root and remove it again, for its event's sake.

    Raises SidecarUnwritable.
    """
    with _sidecar_errors(root, "", CANARY), folder_beneath(root, "") as within:
        with suppress(FileNotFoundError):
            os.unlink(CANARY, dir_fd=within)
        os.close(os.open(CANARY, _OUT_FILE, 0o600, dir_fd=within))
        os.unlink(CANARY, dir_fd=within)


def shown(path: str) -> str:
    r"""Return a path as text that can be stored and sent: bytes that are no UTF-8 as `\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def told(path: str) -> str:
    r"""Return a path for a sentence: on one line, and what steers or hides as `\x1b`, too."""
    return spelled_out(shown(path))


@contextmanager
def _sidecar_errors(root: str, folder: str, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        path = told("/".join(part for part in (root.rstrip("/"), folder, name) if part))
        raise _sidecar_error(error, path) from error


def _sidecar_error(error: OSError, path: str) -> errors.SidecarError:
    if isinstance(error, ForeignFileError):
        return errors.SidecarForeign(f"{path} was left alone: {error.strerror}")
    if error.errno == errno.ENAMETOOLONG:
        return errors.SidecarImpossible(f"{path} cannot be written: the name would be too long")
    return errors.SidecarUnwritable(f"{path} cannot be written: {error.strerror}")


def _put(within: int, draft: Draft) -> Stamp:
    temporary = f"{OUR_PREFIX}{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    replaced = status_at(within, draft.name)
    # Private until it has the mode of what it replaces, which may be private for good.
    fd = os.open(temporary, _OUT_FILE, 0o666 if replaced is None else 0o600, dir_fd=within)
    try:
        with os.fdopen(fd, "wb") as file:
            _keep_mode(fd, replaced)
            file.write(draft.data)
            file.flush()
            _mark(file.fileno(), draft.marks)
            os.fsync(file.fileno())
            stamp = stamp_of(os.fstat(file.fileno()))
        _check_replaced(within, draft)
        os.rename(temporary, draft.name, src_dir_fd=within, dst_dir_fd=within)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=within)
        raise
    return stamp


def _mark(fd: int, marks: Sequence[bytes]) -> None:
    for one in marks:
        try:
            os.setxattr(fd, MARKS, one)
        except OSError as error:
            if error.errno not in _NO_ROOM | _NO_MARKS:
                raise
        else:
            return


def _keep_mode(fd: int, replaced: os.stat_result | None) -> None:
    if replaced is None:
        return
    # Refused by network shares and FAT, which know one owner and one mode.
    with suppress(PermissionError):
        if os.geteuid() == 0:
            os.fchown(fd, replaced.st_uid, replaced.st_gid)
    with suppress(PermissionError):
        os.fchmod(fd, stat.S_IMODE(replaced.st_mode) & 0o666)


def _check_replaced(within: int, draft: Draft) -> None:
    """See that nobody wrote the file since it was decided on: the fsync may have taken long."""
    content = read_at(within, draft.name, len(draft.replaces or b"") + 1)
    if (None if content is None else content.data) != draft.replaces:
        raise OSError(errno.EBUSY, "it was written to meanwhile")


def _sync_folder(within: int) -> None:
    try:
        os.fsync(within)
    except OSError as error:  # CIFS and some FUSE file systems know no fsync of a folder
        if error.errno not in _FOLDER_CANNOT_SYNC:
            raise
