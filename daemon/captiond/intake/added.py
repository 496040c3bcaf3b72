"""Walks folders that an event told of, at once.

A new folder has no watch yet, and what was written into it so far gave no event: the walk arms
each folder before it lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio

from captiond.intake.held import HeldPhotos
from captiond.intake.scanner import Scanner


class AddedFolders:
    """The folders of one root that wait for a walk."""

    def __init__(
        self,
        scanner: Scanner,
        held: HeldPhotos,
        threads: anyio.CapacityLimiter,
        *,
        on_walked: Callable[[], None],
    ) -> None:
        self._scanner = scanner
        self._held = held
        self._threads = threads
        self._on_walked = on_walked
        self._folders: set[str] = set()
        self._ruled: set[str] = set()
        self._wake = anyio.Event()

    def add(self, folders: Iterable[str], *, ruled: Iterable[str] = ()) -> None:
        """Have folders beneath the root walked; never waits.

        Those `ruled` may have other rules now: photos that waited for them are brought back.
        """
        self._ruled.update(ruled)
        self._folders.update(folders)
        if self._folders or self._ruled:
            self._wake.set()

    async def run(self) -> None:
        """Walk until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            folders, self._folders = self._folders, set()
            ruled, self._ruled = self._ruled, set()
            for folder in ruled:
                await self._held.wake(folder)
            if folders:
                await self._scanner.walk_folders(topmost(folders), self._threads)
                self._on_walked()


def topmost(folders: Iterable[str]) -> list[str]:
    """Return the folders that lie in none of the others, in order."""
    kept: list[str] = []
    for folder in sorted(folders, key=lambda path: path.split("/")):
        if not kept or not folder.startswith(kept[-1] + "/"):
            kept.append(folder)
    return kept
