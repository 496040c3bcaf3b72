"""The photos of an in-memory index that wait until the rules of their folder are mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from captiond.models import State
from captiond.rules.base import OPENING
from captiond.testing.memory_rows import Row

if TYPE_CHECKING:
    from captiond.testing.memory_index import MemoryIndex


class MemoryWaiting:
    """The waiting photos of a MemoryIndex: the twin of `index.waiting`."""

    def __init__(self, index: MemoryIndex) -> None:
        self._index = index

    async def folders(self, root: str, beneath: str) -> list[str]:
        """Return the folders at or beneath `beneath` ("" = all) with photos that are held."""
        found = {row.photo.folder for row in self._held(root, 0.0)}
        return sorted(one for one in found if not beneath or f"{one}/".startswith(f"{beneath}/"))

    async def wake(self, root: str, folders: Sequence[str], *, now: float) -> int:
        """Make the photos straight in these folders that are held due; return how many."""
        rows = [row for row in self._held(root, now) if row.photo.folder in folders]
        for row in rows:
            row.retry_at = now
        return len(rows)

    def _held(self, root: str, now: float) -> Iterator[Row]:
        for row in self._index.rows.values():
            waits = row.state is State.QUEUED and row.owner is None and row.photo.root == root
            later = row.retry_at is not None and row.retry_at > now
            if waits and later and (OPENING in (row.reason or "") or row.unasked is not None):
                yield row
