"""Opens connections to the index file, each for its purpose."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from captiond.errors import LibraryDamaged, LibraryUnavailable
from captiond.index.lock import Known, known

BUSY_SECONDS = 5.0
"""How long a statement waits for another process before it counts as a failure."""

_WAITING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}
Failure = sqlite3.Error | UnicodeDecodeError
FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite fails with: Python cannot decode what it says of a schema that is garbled."""

_NO_UTF8 = "Could not decode to UTF-8"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def connect_writing(path: Path) -> sqlite3.Connection:
    """Open the file for the writer: transactions are begun by hand and durable when committed.

    Raises sqlite3.Error.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -16384",
            "journal_size_limit = 67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except FAILURES:
        connection.close()
        raise
    return connection


def connect_reading(path: Path, *, one_thread: bool = True) -> sqlite3.Connection:
    """Open an existing file for reading only.

    Raises LibraryUnavailable when there is none, or none that can be read.
    """
    if not path.exists():
        raise LibraryUnavailable(
            f"there is no index at {path} yet: captiond run, or scan, makes it"
        )
    uri = f"file:{quote(str(path.absolute()), errors='surrogateescape')}?mode=ro"
    try:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=one_thread
        )
    except FAILURES as error:
        raise unavailable(path, error) from error
    return connection


def cannot_write_now(error: Failure) -> bool:
    """Tell whether the same write may succeed later: a full disk, a lock, a read-only mount."""
    return _primary_code(error) in _WAITING


def is_damaged(error: Failure) -> bool:
    """Tell whether the file is no longer, or never was, a whole database."""
    if isinstance(error, UnicodeDecodeError):
        return True
    # Python says this without a code, of text that nobody but a broken disk wrote so.
    garbled = type(error) is sqlite3.OperationalError and _NO_UTF8 in str(error)
    return garbled or _primary_code(error) in _DAMAGED


def not_understood(error: Failure) -> bool:
    """Tell whether SQLite could make nothing of a statement: it is wrong, or the schema is."""
    return _primary_code(error) == sqlite3.SQLITE_ERROR


def unavailable(path: Path, error: Failure) -> LibraryUnavailable:
    """Return the sentence about an index that cannot be used."""
    if is_damaged(error):
        return damaged(path, sentence(error))
    return LibraryUnavailable(f"the index {path} cannot be used: {error}")


def sentence(error: Failure) -> str:
    """Return what SQLite says, as far as it can be read."""
    return "its schema is garbled" if isinstance(error, UnicodeDecodeError) else str(error)


def damaged(path: Path, damage: str) -> LibraryUnavailable:
    """Return the sentence about a damaged index, or about a file that never was one."""
    if known(path) is Known.NOTHING:
        return LibraryUnavailable(f"{path} is damaged, or no index of captiond's: {damage}")
    return LibraryDamaged(
        f"the index {path} is damaged ({damage}); captiond rebuilds it at the daemon's next start"
    )


def _primary_code(error: Failure) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
