"""Keeps the saved folder digests true while rows change beneath them.

A digest says "the index agrees with this listing". Once a row of the folder changes it does not
any more: were the digest kept, a file that went and came back unchanged while captiond was down
would look like nothing new, and stay `missing`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from captiond.index.base import Index
from captiond.index.folders_base import FolderDigest

REMEMBERED_FOLDERS = 10_000


class Digests:
    """The folder digests of one root, written by its scan and voided by its settle step."""

    def __init__(self, root: str, index: Index) -> None:
        self._root = root
        self._index = index
        self._changing: set[str] = set()
        self._changed: set[str] = set()
        self._voided: set[str] = set()

    def begin(self) -> None:
        """Say that a stretch of listing begins: changes from here on void what it finds."""
        self._changed = set(self._changing)

    async def save(self, found: Sequence[FolderDigest]) -> None:
        """Save what was listed since `begin`, but for folders that changed meanwhile."""
        kept = [digest for digest in found if digest.folder not in self._changed]
        self._voided.difference_update(digest.folder for digest in kept)
        if kept:
            await self._index.save_folders(kept)

    @asynccontextmanager
    async def changing(self, folders: set[str]) -> AsyncIterator[None]:
        """Void the digests of folders whose rows are about to change."""
        self._changing = folders
        self._changed |= folders
        stale = folders - self._voided
        if len(self._voided) > REMEMBERED_FOLDERS:
            self._voided = set()
        self._voided |= stale
        if stale:
            await self._index.save_folders(
                [FolderDigest(self._root, folder, "") for folder in sorted(stale)]
            )
        yield
        self._changing = set()
