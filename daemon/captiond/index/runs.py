"""Remembers the runs of captiond."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from captiond.index.names import plain
from captiond.index.runs_base import Run

T = TypeVar("T")

_END = "UPDATE runs SET ended_at = ? WHERE ended_at IS NULL"
_BEGIN = "INSERT INTO runs (verb, version, started_at) VALUES (?, ?, ?)"
_COLUMNS = "id, verb, version, started_at, ended_at"
_LAST = f"SELECT {_COLUMNS} FROM runs ORDER BY id DESC LIMIT ?"  # noqa: S608 constant columns
_GET = f"SELECT {_COLUMNS} FROM runs WHERE id = ?"  # noqa: S608 constant columns


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteRuns:
    """The runs, as a SqliteIndex keeps them, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def begin(self, verb: str, version: str, *, now: float) -> None:
        """Enter a run; what a crash left open ends now."""
        await self._write(lambda db: _begin(db, verb, version, now))

    async def end(self, *, now: float) -> None:
        """End the run that lasts."""
        await self._write(lambda db: db.execute(_END, (now,)))

    async def last(self, count: int) -> list[Run]:
        """Return the latest runs, the newest first."""
        return await self._read(lambda db: [Run(*row) for row in db.execute(_LAST, (count,))])

    async def get(self, number: int) -> Run | None:
        """Return the run of this id, None if there is none."""
        rows = await self._read(lambda db: db.execute(_GET, (number,)).fetchall())
        return Run(*rows[0]) if rows else None


def _begin(db: sqlite3.Connection, verb: str, version: str, now: float) -> None:
    db.execute(_END, (now,))
    db.execute(_BEGIN, (plain(verb), version, now))
