"""Brings photos back that waited until the rules of their folder were mended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import anyio

from captiond.errors import RulesBroken
from captiond.index.base import Index
from captiond.intake.folder import WatchedFolder


class HeldPhotos:
    """The photos of one root that wait; `on_due` is called when some became due."""

    def __init__(
        self,
        watched: WatchedFolder,
        *,
        index: Index,
        on_due: Callable[[], None],
        threads: anyio.CapacityLimiter,
    ) -> None:
        self._watched = watched
        self._index = index
        self._on_due = on_due
        self._threads = threads

    async def wake(self, beneath: str = "") -> None:
        """Make those at or beneath a folder due whose rules are whole.

        Raises LibraryUnavailable.
        """
        root = self._watched.root
        folders = await self._index.waiting.folders(root, beneath)
        if not folders:
            return
        whole = await anyio.to_thread.run_sync(self._whole, folders, limiter=self._threads)
        if whole and await self._index.waiting.wake(root, whole, now=time.time()):
            self._on_due()

    def _whole(self, folders: Sequence[str]) -> list[str]:
        return [folder for folder in folders if self._is_whole(folder)]

    def _is_whole(self, folder: str) -> bool:
        try:
            self._watched.rules.at(self._watched.root, folder)
        except (RulesBroken, OSError):
            return False
        return True
