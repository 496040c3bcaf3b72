"""Keeps which captions photos had, orders new ones, brings old ones back."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from captiond.errors import NotReverted
from captiond.index.base import Completed
from captiond.index.choosing import chosen, shares
from captiond.index.history_base import (
    REVERSAL_SECONDS,
    Past,
    Reversal,
    Share,
    Wanted,
    choose,
    refuse,
)
from captiond.index.names import plain
from captiond.index.rows import (
    CAPTION_COLUMNS,
    CLAIM_COLUMNS,
    Key,
    caption_columns,
    photo_key,
    to_caption,
    to_claim,
    written_column,
)
from captiond.models import Caption, Lane, Photo, Signature, State

T = TypeVar("T")

ORDERED_AT_ONCE = 5000
"""Photos that are queued in one transaction: a running daemon waits 50 ms for it at most."""

_PHOTO = "root = ? AND folder = ? AND name = ?"
_CAPTION = ", ".join(f"captions.{column.strip()}" for column in CAPTION_COLUMNS.split(","))
_SHOWN = f"""
    SELECT {_CAPTION} FROM photos
    JOIN captions ON captions.id = photos.caption AND captions.digest = photos.digest
    WHERE {_PHOTO} AND (anew_after IS NULL OR captions.id > anew_after)
"""  # noqa: S608 constant columns
_PAST = f"""
    SELECT {_CAPTION}, captions.id, reverts, requests.cost_usd,
        answered_tier, captions.id = photos.caption AS shown
    FROM photos JOIN captions ON captions.digest = photos.digest
    LEFT JOIN requests ON requests.id = captions.request
    WHERE photos.root = :root AND photos.folder = :folder AND photos.name = :name
    AND (
        captions.origin <> 'offline' OR captions.id = photos.caption
        OR (requests.root, requests.folder, requests.name) = (:root, :folder, :name)
    )
    ORDER BY captions.id
"""  # noqa: S608 constant columns
_ORDER = """
    UPDATE photos SET state = 'queued', lane = ?, anew_after = ?, reason = NULL, attempts = 0,
        crashes = 0, retry_at = NULL
    WHERE state = 'captioned' AND owner IS NULL AND id IN (SELECT value FROM json_each(?))
"""
_REVERT = """
    UPDATE photos SET caption = ?, state = 'queued', retry_at = ?, reason = NULL, attempts = 0,
        crashes = 0, unasked = NULL
    WHERE root = ? AND folder = ? AND name = ?
"""
_WRITTEN = """
    UPDATE photos SET written = ?, beside = coalesce(?, beside)
    WHERE root = ? AND folder = ? AND name = ?
"""
_SETTLE = """
    UPDATE photos SET state = 'captioned', retry_at = NULL, captioned_at = ?, reason = ?
    WHERE root = ? AND folder = ? AND name = ? AND state = 'queued' AND owner IS NULL
    AND caption = (SELECT max(id) FROM captions WHERE digest = ? AND created_at = ?)
"""


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteHistory:
    """The history of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def shown(self, photo: Photo) -> Caption | None:
        """Return the caption that the photo shows, None if it has none or a new one is ordered."""
        rows = await self._read(lambda db: _rows(db, _SHOWN, photo_key(photo)))
        return to_caption(rows[0]) if rows else None

    async def past(self, photo: Photo) -> list[Past]:
        """Return every caption of the photo's content, the newest first."""
        return await self._read(lambda db: past_of(db, photo_key(photo)))

    async def count(self, wanted: Wanted) -> list[Share]:
        """Return how many photos are wanted by each recipe that is in force for some."""
        return await self._read(lambda db: shares(db, wanted))

    async def order(self, wanted: Wanted) -> int:
        """Queue what is wanted in the backlog, to be captioned anew; return how many photos."""
        ids, last = await self._read(lambda db: (list(chosen(db, wanted)), _last(db)))
        ordered = 0
        for start in range(0, len(ids), ORDERED_AT_ONCE):
            some = json.dumps(ids[start : start + ORDERED_AT_ONCE])
            change = functools.partial(_change, sql=_ORDER, values=(Lane.BACKLOG, last, some))
            ordered += await self._write(change)
        return ordered

    async def revert(
        self, photo: Photo, number: int | None, *, signature: Signature, now: float
    ) -> Reversal:
        """Show the caption before the present one again, or that of a number."""
        return await self._write(lambda db: _revert(db, photo, number, (signature, now)))

    async def settle(self, reversal: Reversal, done: Completed) -> bool:
        """Close a reversal whose sidecars are written; False if its photo changed meanwhile."""
        return await self._write(lambda db: _settle(db, reversal, done))


def past_of(db: sqlite3.Connection, key: Key) -> list[Past]:
    """Return every caption of a photo's content, the newest first."""
    rows = _rows(db, _PAST, dict(zip(("root", "folder", "name"), key, strict=True)))
    numbers = {row["id"]: number for number, row in enumerate(rows, start=1)}
    return [_past(row, numbers) for row in reversed(rows)]


def _past(row: sqlite3.Row, numbers: Mapping[int, int]) -> Past:
    repeats = row["reverts"]
    return Past(
        number=numbers[row["id"]],
        caption=to_caption(row),
        shown=bool(row["shown"]),
        reverts=numbers.get(repeats),
        tier=row["answered_tier"] if repeats is None else None,
        cost_usd=row["cost_usd"] if repeats is None else None,
    )


def _last(db: sqlite3.Connection) -> int:
    ((last,),) = db.execute("SELECT coalesce(max(id), 0) FROM captions").fetchall()
    return int(last)


def _revert(
    db: sqlite3.Connection, photo: Photo, number: int | None, present: tuple[Signature, float]
) -> Reversal:
    key, (signature, now) = photo_key(photo), present
    rows = _rows(db, f"SELECT state, owner, {CLAIM_COLUMNS} FROM photos WHERE {_PHOTO}", key)  # noqa: S608 constant columns
    if not rows:
        raise NotReverted("it is not in the index")
    refuse(State(rows[0]["state"]), rows[0]["owner"])
    claim = to_claim(rows[0])
    if claim.signature != signature:
        raise NotReverted("its file has changed since it was captioned")
    chosen = choose(past_of(db, key), number)
    caption = replace(chosen.caption, created_at=now)
    row_id = _repeat(db, caption, key, chosen.reverts or chosen.number)
    db.execute(_REVERT, (row_id, now + REVERSAL_SECONDS, *key))
    return Reversal(claim, caption)


def _repeat(db: sqlite3.Connection, caption: Caption, key: Key, number: int) -> int | None:
    """Add a caption that repeats the one of this number; return its id."""
    original = _rows(db, _PAST, dict(zip(("root", "folder", "name"), key, strict=True)))[number - 1]
    added = db.execute(
        f"""
        INSERT INTO captions ({CAPTION_COLUMNS}, reverts, request, replaces)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT request FROM captions WHERE id = ?),
            (SELECT caption FROM photos WHERE {_PHOTO}))
        """,  # noqa: S608 constant parts
        (*caption_columns(caption), original["id"], original["id"], *key),
    )
    return added.lastrowid


def _settle(db: sqlite3.Connection, reversal: Reversal, done: Completed) -> bool:
    key = photo_key(done.photo)
    # What lies beside the photo is captiond's, whatever became of the photo.
    _change(db, _WRITTEN, (written_column(done.written), done.beside, *key))
    reason = None if done.reason is None else plain(done.reason)
    of_it = (reversal.caption.digest, reversal.caption.created_at)
    return bool(_change(db, _SETTLE, (done.captioned_at, reason, *key, *of_it)))


def _change(db: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> int:
    return db.execute(sql, values).rowcount


def _rows(
    db: sqlite3.Connection, sql: str, values: Sequence[object] | Mapping[str, object]
) -> list[sqlite3.Row]:
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql, values).fetchall()
