"""Makes sure that one index has one owner, and remembers how that went.

The file `<index>.lock` holds two lines: the process that owns the index, `-` for none, and what is
known of the file beside it: nothing, that it is an index of captiond's, or that it is damaged. The
second line stays when the owner ends, so that a damaged index is known for one even when not a
byte of it can be read, and no other file is ever taken for one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from captiond.errors import AlreadyRunning, LibraryDamaged, LibraryUnavailable


class Known(StrEnum):
    """What is known of the file at an index's path."""

    NOTHING = ""
    INDEX = "index"
    DAMAGED = "damaged"


class Ownership:
    """One owner's hold on an index; `known` is what the owners before found."""

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self.known = _known(_read(lock))
        self._write(str(os.getpid()))

    def learn(self, known: Known) -> None:
        """Remember for the owners to come what the file is."""
        self.known = known
        self._write(str(os.getpid()))

    def end(self) -> None:
        """Say that nobody owns the index any more."""
        self._write("-")

    def _write(self, owner: str) -> None:
        text = f"{owner}\n{self.known}\n".encode()
        with suppress(OSError):  # on a full disk captiond waits for room, and a note is no reason
            os.pwrite(self._lock, text, 0)
            os.truncate(self._lock, len(text))
            os.fsync(self._lock)


@contextmanager
def owning(path: Path) -> Iterator[Ownership]:
    """Own the index at `path` for the length of the block, through the file `<path>.lock`.

    The kernel lets go of it whatever happens to the process. A block that ends in LibraryDamaged
    leaves that behind for the next owner. Raises AlreadyRunning, naming the process that owns it,
    and LibraryUnavailable where no lock file can be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(_file(path), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LibraryUnavailable(f"no index can be made at {path}: {error}") from error
    try:
        ownership = _take(lock, path)
        try:
            yield ownership
        except BaseException as error:
            if ownership.known is Known.INDEX and _tells_of_damage(error):
                ownership.learn(Known.DAMAGED)
            raise
        finally:
            ownership.end()
    finally:
        os.close(lock)


def known(path: Path) -> Known:
    """Return what is known of the file at an index's path, for those who do not own it."""
    try:
        lock = os.open(_file(path), os.O_RDONLY)
    except OSError:
        return Known.NOTHING
    try:
        return _known(_read(lock))
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> Ownership:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = _read(lock).partition("\n")[0] or "unknown"
        raise AlreadyRunning(f"captiond (process {pid}) already runs on {path}") from error
    return Ownership(lock)


def _file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _read(lock: int) -> str:
    return os.pread(lock, 100, 0).decode("ascii", "replace")


def _known(text: str) -> Known:
    _, _, second = text.partition("\n")
    line = second.partition("\n")[0]
    return Known(line) if line in set(Known) else Known.NOTHING


def _tells_of_damage(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(LibraryDamaged) is not None
    return isinstance(error, LibraryDamaged)
