"""Keeps the ledger of requests in the index, and holds the caps while it enters one."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from captiond.errors import OverBudget
from captiond.index.base import Request
from captiond.index.ledger_base import QUARTER_SECONDS, Bill, Spent
from captiond.index.names import plain
from captiond.index.rows import photo_key
from captiond.index.sent import sent_column
from captiond.models import Recipe, Usage

T = TypeVar("T")

NANO = 1e9
RECENT = 1000

_SUMS = """
    SELECT coalesce(sum(nano_usd + lost_nano_usd), 0), coalesce(sum(in_flight_nano_usd), 0)
    FROM spending WHERE quarter >= ?
"""
_SPENT = """
    SELECT sum(requests) AS requests, sum(answered) AS answered, sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens, sum(thinking_tokens) AS thinking_tokens,
        sum(nano_usd) / 1e9 AS usd, sum(unpriced) AS unpriced, sum(lost) AS lost,
        sum(lost_nano_usd) / 1e9 AS lost_usd, sum(in_flight) AS in_flight,
        sum(in_flight_nano_usd) / 1e9 AS in_flight_usd
    FROM spending WHERE quarter >= ?
"""
_RECENT = """
    SELECT avg(output_tokens) FILTER (WHERE latest.recipe = :recipe), avg(output_tokens)
    FROM (
        SELECT recipe, output_tokens FROM requests INDEXED BY requests_time
        WHERE state = 'answered' ORDER BY started_at DESC LIMIT :recent
    ) AS latest
    JOIN recipes ON recipes.key = latest.recipe WHERE recipes.model = :model
"""


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteLedger:
    """The ledger of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def settle(self, request: str, bill: Bill, *, now: float) -> None:
        """Close a request that was answered, and whose caption is not kept."""
        await self._write(lambda db: close(db, request, bill, now=now, state="answered"))

    async def spent(self, *, since: float) -> Spent:
        """Return what was asked from that moment on, also what lies ahead of the clock."""
        return await self._read(lambda db: spent(db, since))

    async def recent_output(self, recipe: Recipe) -> float | None:
        """Return the average output tokens of the latest answers by this recipe or its model."""
        return await self._read(lambda db: recent_output(db, recipe))


def enter(db: sqlite3.Connection, request: Request, owner: str) -> None:
    """Enter a request as in flight; raises OverBudget where a cap leaves no room for it."""
    _check(db, request)
    db.execute(
        """
        INSERT INTO requests (id, root, folder, name, digest, recipe, owner, state, started_at,
            tier, lane, reserved_usd, sent)
        VALUES (?, ?, ?, ?, ?, ?, ?, 'inflight', ?, ?, ?, ?, ?)
        """,
        (
            request.id,
            *photo_key(request.photo),
            request.digest,
            request.recipe.key,
            owner,
            request.started_at,
            request.tier,
            request.lane,
            request.reserved_usd,
            _sent(request),
        ),
    )


def close(
    db: sqlite3.Connection,
    request: str,
    bill: Bill | None,
    *,
    now: float,
    state: str,
    error: str | None = None,
) -> None:
    """Close a request that is in flight; without a bill nobody knows what it costs."""
    used = bill.usage if bill is not None else Usage()
    tokens = (used.input, used.output, used.thinking) if used != Usage() else (None, None, None)
    db.execute(
        """
        UPDATE requests SET state = ?, answered_tier = ?, input_tokens = ?, output_tokens = ?,
            thinking_tokens = ?, cost_usd = ?, error = ?, ended_at = ?
        WHERE id = ? AND state = 'inflight'
        """,
        (
            state if bill is not None else "lost",
            bill and bill.tier,
            *tokens,
            bill and bill.cost_usd,
            None if error is None else plain(error),
            now,
            request,
        ),
    )


def spent(db: sqlite3.Connection, since: float) -> Spent:
    """Return what was asked from that moment on."""
    cursor = db.execute(_SPENT, (int(since // QUARTER_SECONDS),))
    names = [column[0] for column in cursor.description]
    row = cursor.fetchone()
    return Spent(**{name: value or 0 for name, value in zip(names, row, strict=True)})


def _sent(request: Request) -> str | None:
    if request.sent is None:
        return None
    return sent_column(request.sent, prompt=request.recipe.prompt)


def _check(db: sqlite3.Connection, request: Request) -> None:
    """Raise OverBudget where a cap leaves no room for the request."""
    wanted = round((request.reserved_usd or 0.0) * NANO)
    for cap in request.within:
        known, in_flight = db.execute(_SUMS, (int(cap.since // QUARTER_SECONDS),)).fetchone()
        most = round(cap.usd * NANO)
        if known + in_flight + wanted > most or not most:
            over = known + wanted > most or not most
            raise OverBudget(
                cap.name,
                cap.usd,
                spent_usd=known / NANO,
                in_flight_usd=in_flight / NANO,
                until=cap.until if over else None,
            )


def recent_output(db: sqlite3.Connection, recipe: Recipe) -> float | None:
    """Return the average output tokens of the latest answers by this recipe or its model."""
    values = {"recipe": recipe.key, "model": recipe.model, "recent": RECENT}
    mine, alike = db.execute(_RECENT, values).fetchone()
    found: float | None = alike if mine is None else mine
    return found
