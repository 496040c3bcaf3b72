"""Brings an index to this version's schema.

A released step never changes; a change of the schema is a new file in `sql/` and a new step here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from captiond.errors import LibraryUnavailable

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

SET = "captiond"
STEPS = (
    "0001_library",
    "0002_disks",
    "0003_ledger",
    "0004_limits",
    "0005_jobs",
    "0006_history",
    "0007_lanes",
    "0008_sent",
    "0009_facts",
    "0010_beside",
    "0011_people",
    "0012_kin",
    "0013_sources",
    "0014_library_facts",
)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply the steps that this index lacks.

    Raises LibraryUnavailable for one of a newer captiond.
    """
    applied = _applied(connection)
    if not applied <= set(STEPS):
        raise LibraryUnavailable(f"{path} was written by a newer captiond: update this one")
    if len(applied) < len(STEPS):
        _apply(connection)


def _applied(connection: sqlite3.Connection) -> set[str]:
    made = "SELECT count(*) FROM sqlite_master WHERE name = '_sqlite_migrations'"
    if connection.execute(made).fetchone() == (0,):
        return set()
    steps = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
    return {name for (name,) in connection.execute(steps, (SET,))}


def _apply(connection: sqlite3.Connection) -> None:
    # it imports numpy and pandas wherever they are installed: 0.7 s and 60 MB of a start
    from sqlite_utils import Database

    db = Database(connection, recursive_triggers=False, execute_plugins=False)
    _migrations().apply(db)


def _migrations() -> Migrations:
    from sqlite_utils.migrations import Migrations

    migrations = Migrations(SET)
    for name in STEPS:
        script = (resources.files("captiond.index") / "sql" / f"{name}.sql").read_text("utf-8")

        def step(db: Database, script: str = script) -> None:
            # not executescript: it would commit the transaction that holds the step together
            for statement in _statements(script):
                db.conn.execute(statement)

        migrations(name=name)(step)
    return migrations


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
