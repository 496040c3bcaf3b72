"""Takes captions back, and finds those that could be."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from captiond.handwriting import own
from captiond.index.names import plain, to_stored
from captiond.index.people import by_captiond
from captiond.index.rows import (
    CAPTION_COLUMNS,
    caption_columns,
    photo_key,
    to_caption,
    to_photo,
    to_written,
    written_column,
)
from captiond.index.withdrawals_base import Found, Taking, Withdrawal
from captiond.models import HUMAN, Caption, Description, Photo, Written

T = TypeVar("T")

EXAMPLES = 5

# '0' follows '/': all folders beneath
_AT = """
    (? = '' OR (folder = ? AND name = ?) OR folder = ? OR (folder > ? || '/' AND folder < ? || '0'))
"""
_MATCHES = """
    captioned_at >= ? AND captioned_at < ? AND (
        withdrawn = 1 OR (
            withdrawn = 0 AND photos.caption IS NOT NULL
            AND state IN ('captioned', 'queued', 'inflight')
            AND (captions.origin <> 'human' OR written <> '{}')
        )
    )
"""
_COUNT = """
    SELECT count(*) FILTER (WHERE owner IS NULL),
        count(*) FILTER (WHERE owner IS NULL AND captions.origin = 'human'),
        count(*) FILTER (WHERE owner IS NOT NULL)
"""
_FROM = "FROM photos LEFT JOIN captions ON captions.id = photos.caption"
_ORDERED = "ORDER BY folder, name LIMIT ?"
_EXAMPLES = f"SELECT root, folder, name {_FROM} WHERE {{where}} AND owner IS NULL {_ORDERED}"
# the bound as the index has it: 100 of 300,000 photos took 110 ms without, and hold the writer up
_NEXT = f"""
    SELECT photos.id, root, folder, name, written, photos.caption {_FROM}
    WHERE {{where}} AND owner IS NULL AND (folder, name) > (?, ?) {_ORDERED}
"""
_SHOWN = f"SELECT {CAPTION_COLUMNS}, id FROM captions WHERE id = ?"  # noqa: S608 constant columns
_ADD = f"""
    INSERT INTO captions ({CAPTION_COLUMNS}, replaces)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 constant columns
_HIDE = """
    UPDATE photos SET state = iif(state = 'missing', state, 'skipped'),
        reason = iif(state = 'missing', reason, ?), caption = NULL,
        former = coalesce(caption, former), anew_after = NULL, unasked = NULL, retry_at = NULL,
        attempts = 0, crashes = 0, withdrawn = 1
    WHERE id = ?
"""
_KEEP = "UPDATE photos SET caption = ?, withdrawn = 1 WHERE id = ?"
_SETTLE = """
    UPDATE photos SET written = ?, beside = coalesce(?, beside), withdrawn = 2
    WHERE root = ? AND folder = ? AND name = ? AND withdrawn <> 0
"""


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteWithdrawals:
    """The withdrawals of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def find(self, taking: Taking) -> Found:
        """Return what would be taken back."""
        return await self._read(lambda db: _find(db, taking))

    async def take(
        self, taking: Taking, *, reason: str, now: float, after: Photo | None, limit: int
    ) -> list[Withdrawal]:
        """Take back up to `limit` captions of photos `after` that one, in their order."""
        return await self._write(
            lambda db: _take(db, taking, after=after, limit=limit, reason=reason, now=now)
        )

    async def settle(
        self, photo: Photo, *, written: Mapping[str, Written], beside: str | None
    ) -> None:
        """Note that nothing of captiond's stands beside the photo any more, but for `written`."""
        values = (written_column(written), beside, *photo_key(photo))
        await self._write(lambda db: db.execute(_SETTLE, values))


def _find(db: sqlite3.Connection, taking: Taking) -> Found:
    photos = by_people = busy = 0
    examples: list[Photo] = []
    for where, values in map(functools.partial(_where, taking), _roots(taking)):
        free, theirs, held = db.execute(f"{_COUNT} {_FROM} WHERE {where}", values).fetchone()
        photos, by_people, busy = photos + free, by_people + theirs, busy + held
        some = _EXAMPLES.format(where=where)
        examples += (to_photo(*row) for row in db.execute(some, (*values, EXAMPLES)))
    return Found(photos, by_people, busy, tuple(examples[:EXAMPLES]))


def _take(
    db: sqlite3.Connection,
    taking: Taking,
    *,
    after: Photo | None,
    limit: int,
    reason: str,
    now: float,
) -> list[Withdrawal]:
    taken = []
    for row_id, root, folder, name, written, shown in _next(db, taking, after=after, limit=limit):
        _take_one(db, row_id, shown, plain(reason), now)
        taken.append(Withdrawal(to_photo(root, folder, name), to_written(written)))
    return taken


def _next(
    db: sqlite3.Connection, taking: Taking, *, after: Photo | None, limit: int
) -> list[tuple[Any, ...]]:
    """Return the next photos of the first root that has any."""
    behind = ("", "", "") if after is None else photo_key(after)
    for root in _roots(taking):
        bound = behind[1:] if root == behind[0] else ("", "")
        chosen = next_after(taking, root, bound, limit=limit)
        if root >= behind[0] and (rows := db.execute(*chosen).fetchall()):
            return rows
    return []


def next_after(
    taking: Taking, root: str, bound: tuple[str, str], *, limit: int
) -> tuple[str, list[object]]:
    """Return the query for a root's photos after a folder and name, and its values."""
    where, values = _where(taking, root)
    return _NEXT.format(where=where), [*values, *bound, limit]


def _roots(taking: Taking) -> list[str]:
    return sorted({to_stored(place.root) for place in taking.places})


def _where(taking: Taking, root: str) -> tuple[str, list[object]]:
    """Return the condition on the photos of one root that are meant, with its values."""
    values: list[object] = [root, taking.since, taking.until]
    inside = [place for place in taking.places if to_stored(place.root) == root]
    for place in inside:
        _, folder, name = photo_key(place)
        path = to_stored(place.path)
        values += [path, folder, name, path, path, path]
    return f"root = ? AND {_MATCHES} AND ({' OR '.join([_AT] * len(inside))})", values


def _take_one(
    db: sqlite3.Connection, row_id: int, shown: int | None, reason: str, now: float
) -> None:
    caption = None if shown is None else _shown(db, shown)
    if caption is not None and caption.origin == HUMAN:
        words = own(caption.description, by_captiond(db, caption.digest))
        if words.caption:
            db.execute(_KEEP, (_kept(db, caption, words, shown, now), row_id))
            return
    db.execute(_HIDE, (reason, row_id))


def _kept(
    db: sqlite3.Connection, caption: Caption, words: Description, shown: int | None, now: float
) -> int | None:
    """Return the caption that holds a person's words alone."""
    if words == caption.description:
        return shown
    values = caption_columns(replace(caption, description=words, created_at=now))
    return db.execute(_ADD, (*values, shown)).lastrowid


def _shown(db: sqlite3.Connection, caption: int) -> Caption:
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return to_caption(cursor.execute(_SHOWN, (caption,)).fetchone())
