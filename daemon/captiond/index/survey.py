"""Tells from an index which photos need no caption, without changing anything: for `captiond plan`.

Also reads an index that an older captiond made: what it does not hold yet counts as nothing.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from captiond.index.connections import FAILURES, connect_reading, not_understood, unavailable
from captiond.index.folders_base import KnownFile
from captiond.index.ledger import recent_output
from captiond.index.limits_base import Learned
from captiond.index.names import from_stored, to_stored
from captiond.index.rows import signature_columns
from captiond.models import Recipe, Signature, State

_FILES = "SELECT * FROM photos WHERE root = ? AND folder = ?"
_MOVED = (
    "PRAGMA temp_store = MEMORY",
    "CREATE TEMP TABLE moved (inode, mtime_ns, size INTEGER, photo INTEGER)",
    """
    INSERT INTO moved SELECT inode, mtime_ns, size, id FROM photos
    WHERE digest IS NOT NULL AND digest IN (SELECT digest FROM captions)
    """,
    "CREATE INDEX temp.moved_inode ON moved (inode, mtime_ns, size, photo)",
)
"""A moved photo has a new name, and all else as it was. A million take 1.3 s and 87 MB."""
_HAS_CAPTION = """
    SELECT 1 FROM moved JOIN photos ON photos.id = moved.photo
    JOIN captions ON captions.digest = photos.digest
    WHERE moved.inode = ? AND moved.mtime_ns = ? AND moved.size = ?
    AND (
        captions.origin = 'human' OR captions.recipe = ?
        OR (captions.origin = ? AND captions.language = ?)
    ) LIMIT 1
"""
_LEARNED = "SELECT name, value, source, learned_at, until FROM limits WHERE model = ?"
_SECONDS = """
    SELECT avg(ended_at - started_at) FROM (
        SELECT requests.started_at, requests.ended_at
        FROM requests INDEXED BY requests_time JOIN recipes ON recipes.key = requests.recipe
        WHERE requests.state = 'answered' AND requests.job IS NULL
        AND recipes.model = ? AND requests.tier = ?
        ORDER BY requests.started_at DESC LIMIT 200
    )
"""


@dataclass(frozen=True, slots=True)
class KnownPhoto(KnownFile):
    """What the index holds of one photo, and why it stands where it stands.

    `anew`: a new caption was ordered for it.
    """

    reason: str | None = None
    anew: bool = False


class Survey:
    """An index opened for reading, in one thread; a context manager.

    Every method raises LibraryUnavailable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = connect_reading(path)
        self._db.row_factory = sqlite3.Row
        self._has_moved = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def files(self, root: str, folder: str) -> dict[str, KnownPhoto]:
        """Return what is known of the photos straight in `folder`, by name, `missing` ones too."""
        rows = self._rows(_FILES, to_stored(root), to_stored(folder))
        return {from_stored(row["name"]): _known(row) for row in rows}

    def is_known(self, signature: Signature, recipe: Recipe) -> bool:
        """Tell whether a file of this signature has a caption that the recipe takes.

        Size, modification time and inode tell it, wherever it lay: it was moved or renamed.
        """
        if not self._has_moved:
            for statement in _MOVED:
                self._rows(statement)
            self._has_moved = True
        size, mtime_ns, _, inode = signature_columns(signature)
        told = (recipe.key, recipe.origin, recipe.language)
        return bool(self._rows(_HAS_CAPTION, inode, mtime_ns, size, *told))

    def recent_output(self, recipe: Recipe) -> float | None:
        """Return the average output tokens of the latest answers, None before any came."""
        try:
            return recent_output(self._db, recipe)
        except FAILURES as error:
            if not_understood(error):
                return None
            raise unavailable(self._path, error) from error

    def recent_seconds(self, model: str, tier: str) -> float | None:
        """Return how long the latest answers of a model in a tier took, None before any came."""
        rows = self._rows_if_there(_SECONDS, model, tier)
        return rows[0][0] if rows else None

    def learned(self, model: str) -> list[Learned]:
        """Return what was learned of a model's limits."""
        return [Learned(*row) for row in self._rows_if_there(_LEARNED, model)]

    def _rows_if_there(self, sql: str, *values: object) -> list[sqlite3.Row]:
        try:
            return self._db.execute(sql, values).fetchall()
        except FAILURES as error:
            if not_understood(error):
                return []
            raise unavailable(self._path, error) from error

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        try:
            return self._db.execute(sql, values).fetchall()
        except FAILURES as error:
            raise unavailable(self._path, error) from error


def _known(row: sqlite3.Row) -> KnownPhoto:
    return KnownPhoto(
        size=row["size"],
        mtime_ns=int(row["mtime_ns"]),
        state=State(row["state"]),
        reason=row["reason"],
        anew="anew_after" in row.keys() and row["anew_after"] is not None,  # noqa: SIM118 a Row is no mapping
    )
