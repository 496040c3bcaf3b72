"""Makes sure that one index has one owner."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from captiond.errors import AlreadyRunning, LibraryUnavailable


@contextmanager
def owning(path: Path) -> Iterator[None]:
    """Own the index at `path` for the length of the block, through the file `<path>.lock`.

    The kernel lets go of it whatever happens to the process. Raises AlreadyRunning, naming the
    process that owns it, and LibraryUnavailable where no lock file can be made.
    """
    file = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LibraryUnavailable(f"no index can be made at {path}: {error}") from error
    try:
        _take(lock, path)
        yield
    finally:
        os.close(lock)


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise AlreadyRunning(f"captiond (process {pid}) already runs on {path}") from error
    os.truncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
