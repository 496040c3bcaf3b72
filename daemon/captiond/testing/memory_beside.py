"""What lies beside the photos of an in-memory index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from captiond.index.beside_base import DAY_SECONDS, Departed
from captiond.models import Photo, State
from captiond.testing.memory_rows import Row

if TYPE_CHECKING:
    from captiond.testing.memory_index import MemoryIndex


class MemoryBeside:
    """What lies beside photos, on the rows of a MemoryIndex."""

    def __init__(self, index: MemoryIndex) -> None:
        self._index = index

    async def learn(self, seen: Mapping[Photo, str]) -> None:
        """Remember what lies beside photos of which that is not known yet."""
        for photo, beside in seen.items():
            row = self._index.rows.get(photo)
            if row is not None and row.beside is None:
                row.beside = beside

    async def put_back(self, photo: Photo, *, owner: str, beside: str | None = None) -> None:
        """Close the claim on an `unasked` photo: state, reason and caption are as before."""
        row = self._index.close(photo, owner)
        if row is not None:
            row.state, row.unasked = row.unasked or State.QUEUED, None
            row.beside = row.beside if beside is None else beside

    async def sharing(self, root: str, stems: Sequence[str]) -> list[str]:
        """Return the photos that bear these paths but for an extension."""
        return [row.photo.path for row in self._there(root) if _stem(row.photo) in stems]

    async def departed(self, root: str, *, now: float, limit: int, skip: int = 0) -> list[Departed]:
        """Return photos of a root that are gone for good, with the sidecars to be removed."""
        rows = self._index.rows.values()
        captioned = {row.digest for row in rows if row.state is State.CAPTIONED}
        gone = [
            row
            for row in rows
            if row.photo.root == root and row.state is State.MISSING and row.written
            if row.gone_at is not None
            if row.gone_at <= now - DAY_SECONDS or row.digest in captioned
        ]
        gone.sort(key=lambda row: row.gone_at or 0.0)
        return [self._left_by(row) for row in gone[skip : skip + limit]]

    async def forget(self, photos: Sequence[Photo]) -> None:
        """Forget what was written beside photos that are missing."""
        for photo in photos:
            row = self._index.rows.get(photo)
            if row is not None and row.state is State.MISSING:
                row.written = {}

    def _left_by(self, row: Row) -> Departed:
        theirs = {
            one.name
            for other in self._there(row.photo.root)
            if other.photo.folder == row.photo.folder
            for one in other.written.values()
        }
        left = {kind: one for kind, one in row.written.items() if one.name not in theirs}
        return Departed(row.photo, left)

    def _there(self, root: str) -> list[Row]:
        rows = self._index.rows.values()
        return [row for row in rows if row.photo.root == root and row.state is not State.MISSING]


def _stem(photo: Photo) -> str:
    stem = photo.name.rpartition(".")[0]
    return f"{photo.folder}/{stem}" if photo.folder else stem
