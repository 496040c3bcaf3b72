"""Keeps what was learned of limits, and reads from the ledger what counts for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from captiond.index.limits_base import LONGEST_WAIT_SECONDS, Learned
from captiond.index.names import plain

T = TypeVar("T")

_COUNTED = """
    FROM requests INDEXED BY requests_time JOIN recipes ON recipes.key = requests.recipe
    WHERE started_at > ? AND started_at <= ? AND state <> 'limited' AND job IS NULL
    AND recipes.model = ?
"""


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteLimits:
    """The limits of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def learned(self, model: str) -> list[Learned]:
        """Return what was learned of a model."""
        query = "SELECT name, value, source, learned_at, until FROM limits WHERE model = ?"
        rows = await self._read(lambda db: db.execute(query, (model,)).fetchall())
        return [Learned(*row) for row in rows]

    async def learn(self, model: str, learned: Sequence[Learned]) -> None:
        """Keep what was learned of a model, in place of what had the same name."""
        rows = [
            (model, one.name, one.value, plain(one.source), one.learned_at, one.until)
            for one in learned
        ]
        await self._write(
            lambda db: db.executemany(
                """
                INSERT OR REPLACE INTO limits (model, name, value, source, learned_at, until)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
                rows,
            )
        )

    async def asked(
        self, model: str, *, since: float, until: float
    ) -> list[tuple[float, int | None]]:
        """Return (started at, input tokens if known) of what counts for the limits per minute."""
        query = f"SELECT started_at, input_tokens {_COUNTED}"
        return await self._read(lambda db: db.execute(query, (since, until, model)).fetchall())

    async def asked_count(self, model: str, *, since: float, until: float) -> int:
        """Return how many requests counted in a time."""
        query = f"SELECT count(*) {_COUNTED}"
        (count,) = await self._read(lambda db: db.execute(query, (since, until, model)).fetchone())
        return int(count)

    async def postpone(self, seconds: float, *, before: float) -> int:
        """Shift the time of waiting photos after the clock jumped by so much; return how many."""
        return await self._write(
            lambda db: (
                db.execute(
                    """
                    UPDATE photos SET retry_at = retry_at + ?
                    WHERE state = 'queued' AND retry_at IS NOT NULL AND retry_at <= ?
                    """,
                    (seconds, before + LONGEST_WAIT_SECONDS),
                ).rowcount
            )
        )
