"""Checks that an index file is whole: its pages, its rows, its words."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from captiond.index.connections import (
    FAILURES,
    cannot_write_now,
    connect_reading,
    connect_writing,
    damaged,
    is_damaged,
    unavailable,
)
from captiond.index.migrations import STEPS
from captiond.models import State

_STATES = ", ".join(f"'{state}'" for state in State)
# quick_check sees every page but not what stands in a cell: a page of an hour ago is well-formed.
_NONSENSE = {
    "a photo shows the caption of other bytes": """
        SELECT 1 FROM photos LEFT JOIN captions ON captions.id = photos.caption
        WHERE photos.caption IS NOT NULL AND captions.digest IS NOT photos.digest LIMIT 1
    """,
    "a photo is in no state there is": f"""
        SELECT 1 FROM photos WHERE lane NOT IN (0, 1) OR NOT json_valid(written)
        OR state NOT IN ({_STATES}) LIMIT 1
    """,  # noqa: S608 constant states
    "a caption has no keywords that can be read": """
        SELECT 1 FROM captions WHERE NOT json_valid(keywords) LIMIT 1
    """,
}


def check_whole(path: Path) -> int:
    """Read every page of the index and return how many photos it knows; changes nothing.

    Raises LibraryUnavailable: missing, unreadable, or no index at all; LibraryDamaged.
    """
    with contextlib.closing(connect_reading(path)) as db:
        try:
            damage = find_damage(db)
            ((photos,),) = db.execute("SELECT count(*) FROM photos").fetchall()
        except FAILURES as error:
            raise unavailable(path, error) from error
    if damage is not None:
        raise damaged(path, damage)
    return int(photos)


def find_damage(db: sqlite3.Connection, *, thoroughly: bool = False) -> str | None:
    """Return what is wrong with captiond's index, None if nothing is; changes nothing.

    A million photos take 4 s; `thoroughly` compares every index with its table and takes 12 s
    more. Raises sqlite3.Error for what is no damage, or was not found to be any.
    """
    ((verdict,), *_) = db.execute("PRAGMA quick_check(1)").fetchall()
    if verdict != "ok":
        return str(verdict)
    steps = _steps(db)
    if not steps or not steps <= set(STEPS):
        return None  # another program's, or a newer captiond's: what its rows mean is not known
    for sentence, query in _NONSENSE.items():
        if db.execute(query).fetchall():
            return sentence
    ((verdict,), *_) = (
        db.execute("PRAGMA integrity_check(1)").fetchall() if thoroughly else [("ok",)]
    )
    return None if verdict == "ok" else str(verdict)


def is_ours(db: sqlite3.Connection) -> bool:
    """Tell whether captiond made the tables of a database that can be read."""
    return bool(_steps(db))


def is_anothers(path: Path) -> bool:
    """Tell whether a file is a database with another program's tables; changes nothing.

    Raises LibraryUnavailable, sqlite3.Error.
    """
    if not path.exists():
        return False
    with contextlib.closing(connect_reading(path)) as db:
        return not is_ours(db) and bool(db.execute("SELECT 1 FROM sqlite_master").fetchall())


def _steps(db: sqlite3.Connection) -> set[str]:
    """Return the migrations of captiond's that a database has seen."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchall():
        return set()
    ours = "SELECT name FROM _sqlite_migrations WHERE migration_set = 'captiond'"
    return {name for (name,) in db.execute(ours)}


def mend_words(path: Path) -> bool:
    """Build the words to search by anew if they are damaged; return whether they were.

    They are all in the tables: no reason to give up the whole index. Raises sqlite3.Error.
    """
    with contextlib.closing(connect_writing(path)) as db:
        try:
            db.execute("INSERT INTO photos_fts (photos_fts) VALUES ('integrity-check')")
        except FAILURES as error:
            if cannot_write_now(error):
                return False  # a full disk, or another process writes: the next start looks again
            if not is_damaged(error):
                raise
        else:
            return False
        db.execute("INSERT INTO photos_fts (photos_fts) VALUES ('rebuild')")
    return True
