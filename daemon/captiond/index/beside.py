"""Keeps what lies beside photos, and finds what departed ones left behind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from captiond.index.beside_base import DAY_SECONDS, Departed
from captiond.index.names import from_stored, to_stored
from captiond.index.queue import put_back
from captiond.index.rows import photo_key, to_photo, to_written
from captiond.models import Photo

T = TypeVar("T")

_LEARN = """
    UPDATE photos SET beside = ? WHERE root = ? AND folder = ? AND name = ? AND beside IS NULL
"""
# "/" follows ".": by the index of the names
_SHARING = """
    SELECT name, written FROM photos
    WHERE root = ? AND folder = ? AND name > ? || '.' AND name < ? || '/' AND state <> 'missing'
"""
DEPARTED = """
    SELECT root, folder, name, written FROM photos INDEXED BY photos_departed
    WHERE root = ? AND state = 'missing' AND written <> '{}' AND gone_at IS NOT NULL
    AND (gone_at <= ? OR EXISTS (
        SELECT 1 FROM photos AS other INDEXED BY photos_content
        WHERE other.digest = photos.digest AND other.state = 'captioned'
    ))
    ORDER BY gone_at, id LIMIT ? OFFSET ?
"""
_FORGET = """
    UPDATE photos SET written = '{}'
    WHERE root = ? AND folder = ? AND name = ? AND state = 'missing'
"""


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteBeside:
    """What lies beside the photos of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def learn(self, seen: Mapping[Photo, str]) -> None:
        """Remember what lies beside photos of which that is not known yet."""
        rows = [(beside, *photo_key(photo)) for photo, beside in seen.items()]
        await self._write(lambda db: db.executemany(_LEARN, rows))

    async def put_back(self, photo: Photo, *, owner: str, beside: str | None = None) -> None:
        """Close the claim on an `unasked` photo: state, reason and caption are as before."""
        await self._write(lambda db: put_back(db, photo, owner, beside))

    async def sharing(self, root: str, stems: Sequence[str]) -> list[str]:
        """Return the photos that bear these paths but for an extension."""
        return await self._read(lambda db: list(_sharing(db, root, stems)))

    async def departed(self, root: str, *, now: float, limit: int, skip: int = 0) -> list[Departed]:
        """Return photos of a root that are gone for good, with the sidecars to be removed."""
        values = (to_stored(root), now - DAY_SECONDS, limit, skip)
        return await self._read(
            lambda db: [_left_by(db, row) for row in db.execute(DEPARTED, values).fetchall()]
        )

    async def forget(self, photos: Sequence[Photo]) -> None:
        """Forget what was written beside photos that are missing."""
        keys = [photo_key(photo) for photo in photos]
        await self._write(lambda db: db.executemany(_FORGET, keys))


def _sharing(db: sqlite3.Connection, root: str, stems: Sequence[str]) -> Iterator[str]:
    for stem in stems:
        folder, _, name = to_stored(stem).rpartition("/")
        for found, _ in db.execute(_SHARING, (to_stored(root), folder, name, name)):
            if found.rpartition(".")[0] == name:
                yield from_stored(f"{folder}/{found}" if folder else found)


def _left_by(db: sqlite3.Connection, row: tuple[str, str, str, str]) -> Departed:
    root, folder, name, written = row
    stem = name.rpartition(".")[0]
    theirs = {
        one["name"]
        for _, others in db.execute(_SHARING, (root, folder, stem, stem))
        for one in json.loads(others).values()
    }
    left = {kind: one for kind, one in to_written(written).items() if one.name not in theirs}
    return Departed(to_photo(root, folder, name), left)
