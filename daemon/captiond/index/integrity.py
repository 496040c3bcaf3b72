"""Checks that an index file is whole."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from captiond.errors import LibraryUnavailable
from captiond.index.connections import connect_reading, unavailable


def check_whole(path: Path) -> int:
    """Read every page of the index and return how many photos it knows; changes nothing.

    Raises LibraryUnavailable: missing, unreadable, damaged, or no index at all.
    """
    with contextlib.closing(connect_reading(path)) as db:
        try:
            ((verdict,), *_) = db.execute("PRAGMA quick_check(1)").fetchall()
            ((photos,),) = db.execute("SELECT count(*) FROM photos").fetchall()
        except sqlite3.Error as error:
            raise unavailable(path, error) from error
    if verdict != "ok":
        raise LibraryUnavailable(f"the index {path} is damaged: {verdict}")
    return int(photos)
