"""Finds the photos that wait because the rules of their folder are broken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from captiond.index.names import from_stored, to_stored
from captiond.index.search import Library
from captiond.rules.base import OPENING

T = TypeVar("T")

# A photo that is queued for a person's words keeps the reason that it had before. INDEXED BY: left
# to itself the planner reads all that is queued, for each folder: 160 s for 100,000 photos.
_HELD = f"""
    FROM photos INDEXED BY photos_later
    WHERE state = 'queued' AND owner IS NULL AND retry_at > :now AND lane IN (0, 1)
    AND root = :root AND (instr(reason, '{OPENING}') OR unasked IS NOT NULL)
"""
_FOLDERS = f"""
    SELECT DISTINCT folder {_HELD}
    AND (:path = '' OR folder = :path OR (folder > :path || '/' AND folder < :path || '0'))
"""
_WAKE = f"""
    UPDATE photos SET retry_at = :now WHERE id IN (
        SELECT id {_HELD} AND folder IN (SELECT value FROM json_each(:folders))
    )
"""  # noqa: S608 constant parts
_REASONS = f"""
    SELECT reason, count(*) FROM photos INDEXED BY photos_later
    WHERE state = 'queued' AND owner IS NULL AND retry_at IS NOT NULL AND lane IN (0, 1)
    AND instr(reason, '{OPENING}')
    GROUP BY reason ORDER BY reason LIMIT ?
"""  # noqa: S608 a constant


def reasons(library: Library, limit: int = 20) -> list[tuple[str, int]]:
    """Return what is wrong with rules, each file with its path, and how many photos wait for it.

    Raises LibraryUnavailable.
    """
    return [(reason, count) for reason, count in library.rows(_REASONS, (limit,))]


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteWaiting:
    """The waiting photos of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def folders(self, root: str, beneath: str) -> list[str]:
        """Return the folders at or beneath `beneath` ("" = all) with photos that are held."""
        values = {"root": to_stored(root), "path": to_stored(beneath), "now": 0.0}
        rows = await self._read(lambda db: db.execute(_FOLDERS, values).fetchall())
        return [from_stored(folder) for (folder,) in rows]

    async def wake(self, root: str, folders: Sequence[str], *, now: float) -> int:
        """Make the photos straight in these folders that are held due; return how many."""
        stored = json.dumps([to_stored(folder) for folder in folders])
        values = {"root": to_stored(root), "folders": stored, "now": now}
        return await self._write(lambda db: db.execute(_WAKE, values).rowcount)
