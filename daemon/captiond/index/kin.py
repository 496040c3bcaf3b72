"""Finds captions of other contents, and lends them."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from captiond.index.captions import keep_facts, newest, reusable_by, shown_id
from captiond.index.kin_base import BURST_SECONDS, Leader, Mate
from captiond.index.names import from_stored, to_stored
from captiond.index.rows import (
    CAPTION_COLUMNS,
    HELD_BY_JOB,
    caption_columns,
    photo_key,
    to_caption,
    to_photo,
)
from captiond.models import Caption, Facts, Lane, Photo, Recipe, State

T = TypeVar("T")

NEIGHBOURS = 1000
"""So many contents are looked at: a camera whose clock stands still has taken all at once."""

_HELD = "root = ? AND folder = ? AND name = ? AND owner = ? AND state = 'inflight'"
_FACTS = ", ".join(f"contents.{field.name}" for field in fields(Facts))
# "/" follows ".": by the index of the names
_MATES = f"""
    SELECT root, folder, name, state, lane, retry_at, {HELD_BY_JOB} AS in_job, photos.digest,
        (SELECT taken_at FROM contents WHERE contents.digest = photos.digest) AS taken_at
    FROM photos
    WHERE root = ? AND folder = ? AND name > ? || '.' AND name < ? || '/' AND state <> 'missing'
"""  # noqa: S608 a constant condition
_SAME_PIXELS = "SELECT digest FROM contents WHERE pixels = :pixels"
_NEAR = f"""
    SELECT digest FROM contents INDEXED BY contents_series
    WHERE camera = :camera AND taken_at BETWEEN :since AND :until AND likeness IS NOT NULL
    LIMIT {NEIGHBOURS}
"""  # noqa: S608 a constant number
_LEADERS = f"""
    SELECT {CAPTION_COLUMNS}, (
            SELECT name FROM photos INDEXED BY photos_content
            WHERE photos.digest = captions.digest AND root = :root AND folder = :folder
        ) AS name
    FROM captions WHERE request IS NOT NULL AND digest IN (
        SELECT coalesce(first.digest, shown.digest)
        FROM photos INDEXED BY photos_content JOIN captions AS shown ON shown.id = photos.caption
        LEFT JOIN captions AS first ON first.id = shown.taken_from
        WHERE photos.digest IN ({_NEAR}) AND root = :root AND folder = :folder
        AND shown.origin <> 'human'
    )
"""  # noqa: S608 constant parts
_IN_JOBS = f"""
    SELECT root, folder, name, {_FACTS} FROM contents
    JOIN requests INDEXED BY requests_content USING (digest)
    WHERE digest IN ({_SAME_PIXELS} UNION SELECT * FROM ({_NEAR}))
    AND job IS NOT NULL AND state = 'inflight'
"""  # noqa: S608 constant parts
_LENDER = """
    SELECT id, coalesce(taken_from, id) FROM captions
    WHERE digest = ? AND recipe = ? AND created_at = ? ORDER BY id DESC
"""
_ADD = f"""
    INSERT INTO captions ({CAPTION_COLUMNS}, replaces, taken_from)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 constant columns
_SHOW = f"""
    UPDATE photos SET digest = ?, caption = ?, crashes = 0, heeded = 0 WHERE {_HELD}
"""  # noqa: S608 a constant condition


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteKin:
    """The kin of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def same_pixels(
        self, pixels: str, *, recipe: Recipe, after: int | None = None, people: bool = True
    ) -> Caption | None:
        """Return the newest caption of contents with these pixels."""
        among, reusable = f"digest IN ({_SAME_PIXELS})", reusable_by(recipe, after)
        if not people:
            among += " AND origin <> 'human'"
        return await self._read(lambda db: newest(db, among, {"pixels": pixels}, reusable))

    async def mates(self, photo: Photo) -> list[Mate]:
        """Return the photos that share the photo's folder, and its stem in whatever case."""
        return await self._read(lambda db: _mates(db, photo))

    async def leaders(
        self, photo: Photo, facts: Facts, *, recipe: Recipe, after: int | None = None
    ) -> list[Leader]:
        """Return whose captions photos show that were taken with the photo, the newest first."""
        near = _near(facts)
        if near is None:
            return []
        there = {"root": to_stored(photo.root), "folder": to_stored(photo.folder)}
        condition, values = reusable_by(recipe, after)
        sql = f"{_LEADERS} AND ({condition}) ORDER BY id DESC"
        return await self._read(lambda db: _leaders(db, sql, {**near, **there, **values}))

    async def in_jobs(self, facts: Facts) -> list[tuple[Photo, Facts]]:
        """Return what open batch jobs ask about that has these pixels, or was taken then."""
        nobody = {"camera": None, "since": None, "until": None}
        values = {**(_near(facts) or nobody), "pixels": facts.pixels}
        return await self._read(
            lambda db: [
                (to_photo(row["root"], row["folder"], row["name"]), _to_facts(row))
                for row in _rows(db, _IN_JOBS, values)
            ]
        )

    async def lend(self, photo: Photo, *, owner: str, caption: Caption, facts: Facts) -> Caption:
        """Return a caption of another content as the claimed photo's, shown from now on."""
        await self._write(lambda db: _lend(db, photo, owner, caption, facts))
        return replace(caption, digest=facts.digest)


def _mates(db: sqlite3.Connection, photo: Photo) -> list[Mate]:
    root, folder, name = photo_key(photo)
    stem, found = name.rpartition(".")[0], {}
    # One range of names for each way that cameras and programs write a name: no index folds cases.
    for spelt in dict.fromkeys((stem, stem.lower(), stem.upper(), stem.capitalize())):
        for row in _rows(db, _MATES, (root, folder, spelt, spelt)):
            if row["name"] != name and row["name"].rpartition(".")[0] == spelt:
                found[row["name"]] = _to_mate(row)
    return list(found.values())


def _to_mate(row: sqlite3.Row) -> Mate:
    return Mate(
        photo=to_photo(row["root"], row["folder"], row["name"]),
        state=State(row["state"]),
        lane=Lane(row["lane"]),
        retry_at=row["retry_at"],
        in_job=bool(row["in_job"]),
        digest=row["digest"],
        taken_at=row["taken_at"],
    )


def _near(facts: Facts) -> dict[str, object] | None:
    """Return what contents have that were taken with this one; None for one that was with none."""
    try:
        taken_at = datetime.fromisoformat(facts.taken_at or "").replace(tzinfo=None)
        apart = timedelta(seconds=BURST_SECONDS)
        since, until = (taken_at - apart).isoformat(), (taken_at + apart).isoformat()
    except (ValueError, OverflowError):
        return None
    if facts.camera is None or facts.likeness is None:
        return None
    return {
        "camera": facts.camera,
        "since": since,
        "until": f"{until}~",  # a text with an offset follows the same without one
    }


def _leaders(db: sqlite3.Connection, sql: str, values: Mapping[str, object]) -> list[Leader]:
    found = []
    for row in _rows(db, sql, values):
        of_it = _rows(db, f"SELECT {_FACTS} FROM contents WHERE digest = ?", (row["digest"],))  # noqa: S608 constant columns
        name = None if row["name"] is None else from_stored(row["name"])
        found += [Leader(to_caption(row), _to_facts(facts), name) for facts in of_it]
    return found


def _lend(db: sqlite3.Connection, photo: Photo, owner: str, caption: Caption, facts: Facts) -> None:
    key = photo_key(photo)
    if not db.execute(f"SELECT 1 FROM photos WHERE {_HELD}", (*key, owner)).fetchone():  # noqa: S608 a constant condition
        return
    keep_facts(db, facts)
    of_it = (caption.digest, caption.recipe, caption.created_at)
    _, first = db.execute(_LENDER, of_it).fetchone()
    columns = caption_columns(replace(caption, digest=facts.digest))
    added = db.execute(_ADD, (*columns, shown_id(db, key), first))
    db.execute(_SHOW, (facts.digest, added.lastrowid, *key, owner))


def _to_facts(row: sqlite3.Row) -> Facts:
    return Facts(**{field.name: row[field.name] for field in fields(Facts)})


def _rows(
    db: sqlite3.Connection, sql: str, values: tuple[object, ...] | Mapping[str, object]
) -> list[sqlite3.Row]:
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql, values).fetchall()
