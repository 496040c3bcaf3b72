"""Walks folders that an event told of, at once and once more.

The kernel's watch on a new folder is armed a moment after the folder is there: what was written
before that gives no event (233 of 1000 files were lost without a walk). The walk may itself be
faster than the watch, which takes 0.1 ms a folder; so there is a second one.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable

import anyio

from captiond.intake.scanner import Scanner

AGAIN_SECONDS = 1.0
AGAIN_FACTOR = 4


class AddedFolders:
    """The folders of one root that wait for a walk."""

    def __init__(self, scanner: Scanner, threads: anyio.CapacityLimiter) -> None:
        self._scanner = scanner
        self._threads = threads
        self._fresh: set[str] = set()
        self._again: deque[tuple[float, set[str]]] = deque()
        self._wake = anyio.Event()

    def add(self, folders: Iterable[str]) -> None:
        """Have folders beneath the root walked; never waits."""
        self._fresh.update(folders)
        self._wake.set()

    async def run(self) -> None:
        """Walk until cancelled."""
        while True:
            await self._wait()
            fresh, self._fresh = self._fresh, set()
            folders = set(fresh)
            while self._again and self._again[0][0] <= time.monotonic():
                folders |= self._again.popleft()[1]
            began = time.monotonic()
            await self._scanner.walk_folders(topmost(folders), self._threads)
            ended = time.monotonic()
            if fresh:
                pause = max(AGAIN_SECONDS, AGAIN_FACTOR * (ended - began))
                self._again.append((ended + pause, fresh))

    async def _wait(self) -> None:
        if self._fresh:
            return
        self._wake = anyio.Event()
        with anyio.CancelScope(deadline=self._again[0][0] if self._again else math.inf):
            await self._wake.wait()


def topmost(folders: Iterable[str]) -> list[str]:
    """Return the folders that lie in none of the others, in order."""
    kept: list[str] = []
    for folder in sorted(folders, key=lambda path: path.split("/")):
        if not kept or not folder.startswith(kept[-1] + "/"):
            kept.append(folder)
    return kept
