"""Keeps the lines of a job in a private file until the service has them."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600
ROOM_BYTES = 32 * 2**20
"""Is left on the disk: the index lies there too, and must be able to take the job's photos over."""


class Spool:
    """A file of lines, each with a key of its own; every verb blocks and may raise OSError."""

    def __init__(self, index: Path, job: str) -> None:
        self.path = index.with_name(f"{index.name}.batch-{job}.jsonl")
        self.bytes = 0
        self.lines = 0

    def append(self, line: bytes) -> None:
        """Add a line; where the disk has no room for it the file stays as it was."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.path, flags, PRIVATE)
        try:
            try:
                _check_room(fd, len(line))
                _write(fd, line)
            except OSError:
                os.ftruncate(fd, self.bytes)
                raise
        finally:
            os.close(fd)
        self.bytes += len(line)
        self.lines += 1

    def keep(self, keys: Collection[str]) -> None:
        """Drop the lines of all other keys, if there are any."""
        if len(keys) == self.lines:
            return
        lines = self.path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["key"] in keys]
        os.truncate(self.path, 0)
        self.bytes = self.lines = 0
        for line in kept:
            self.append(line)

    def remove(self) -> None:
        """Delete the file."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def scratch_beside(index: Path, job: str) -> Path:
    """Return where the results of a job may lie for a while."""
    return index.with_name(f"{index.name}.batch-{job}.results")


def sweep(index: Path) -> None:
    """Delete what spools and results a crash left; no job needs them any more."""
    for left in index.parent.glob(f"{index.name}.batch-*"):
        with suppress(OSError):
            left.unlink()


def _check_room(fd: int, wanted: int) -> None:
    disk = os.fstatvfs(fd)
    if disk.f_bavail * disk.f_frsize < wanted + ROOM_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
