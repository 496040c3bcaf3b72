"""Moves a damaged index aside at its owner's start, so that a new one takes its place.

What captiond knows of photos it reads from their sidecars again; the file that is moved aside keeps
the rest, for whoever wants to look. Nothing but an index of captiond's is ever moved.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from datetime import UTC, datetime
from pathlib import Path

import structlog

from captiond.errors import LibraryUnavailable
from captiond.index.connections import (
    FAILURES,
    connect_reading,
    is_damaged,
    not_understood,
    sentence,
    unavailable,
)
from captiond.index.integrity import find_damage, is_ours, mend_words
from captiond.index.lock import Known

log = structlog.get_logger()

_WRITE_VERSION = 18
"""Where the header tells the version of the format that can be written: 1, or 2 for a log."""

_PARTS = ("-wal", "-shm", "")
"""The file itself goes last: SQLite deletes a log that it finds without one."""


def mend(path: Path, known: Known, *, now: float) -> None:
    """See that the file can be opened as an index, or is out of the way; blocks, as the sole owner.

    A file that is no index of captiond's is left to those who open it. Raises LibraryUnavailable
    for what is no damage: no rights, a disk that cannot be read.
    """
    try:
        if not path.stat().st_size:
            return
    except OSError:
        return
    damage = _look(path, known)
    if damage is None or (known is Known.NOTHING and not _is_ours(path)):
        return
    try:
        aside = _move_aside(path, now)
    except OSError as error:
        raise LibraryUnavailable(
            f"the index {path} is damaged and cannot be moved aside: {error.strerror}"
        ) from error
    log.error(
        "index.damaged",
        path=str(path),
        error=damage,
        moved_to=str(aside),
        next="a new index is built from the sidecars and a scan",
    )


def _look(path: Path, known: Known) -> str | None:
    """Return what is wrong with the file, None if nothing is that keeps it from being used."""
    try:
        if _looks_read_only(path):
            return "its header forbids to write"
        # Not to be written: closing the last connection that may would delete the log.
        with contextlib.closing(connect_reading(path)) as db:
            damage = find_damage(db, thoroughly=known is Known.DAMAGED)
            if damage is not None or not is_ours(db):
                return damage
        if mend_words(path):
            log.warning("index.words_rebuilt", path=str(path))
            return None
    except FAILURES as error:
        # The statements are right: what SQLite does not understand of them is the file's fault.
        if is_damaged(error) or not_understood(error):
            return sentence(error)
        raise unavailable(path, error) from error
    except OSError as error:
        raise LibraryUnavailable(f"the index {path} cannot be read: {error.strerror}") from error
    # What SQLite met while captiond ran, and what is not found now, would end it again and again.
    return "met while captiond ran" if known is Known.DAMAGED else None


def _looks_read_only(path: Path) -> bool:
    """Tell whether SQLite would take the file for one of a later format, which it only reads.

    A disk that refuses to be written is waited for; this one never ends.
    """
    with path.open("rb") as file:
        header = file.read(_WRITE_VERSION + 1)
    return header.startswith(b"SQLite format 3\0") and header[_WRITE_VERSION:] > b"\2"


def _is_ours(path: Path) -> bool:
    try:
        with contextlib.closing(connect_reading(path)) as db:
            return is_ours(db)
    except FAILURES:
        return False


def _move_aside(path: Path, now: float) -> Path:
    """Give the file and what belongs to it the first free name with its date. Raises OSError."""
    names = (f"{path.name}.damaged-{_stamp(int(now) + more)}" for more in itertools.count())
    aside = next(free for name in names if not os.path.lexists(free := path.with_name(name)))
    for part in _PARTS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f"{path.name}{part}").rename(f"{aside}{part}")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return aside


def _stamp(unix_seconds: int) -> str:
    return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y%m%dT%H%M%SZ}"
