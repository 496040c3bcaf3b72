"""Removes the sidecars that captiond wrote for photos which are gone for good.

A photo that was moved has its sidecars at the new place by then, or they went along with it. What a
person edited or wrote stays where it is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import anyio
import structlog

from captiond.errors import SidecarUnwritable
from captiond.index.base import Index
from captiond.index.beside_base import Departed
from captiond.intake.folder import WatchedFolder
from captiond.intake.look import look
from captiond.intake.witness import RootWitness
from captiond.models import Photo
from captiond.sidecars.withdraw import remove_sidecars

log = structlog.get_logger()

BATCH = 500
SOON_SECONDS = 1.0
AGAIN_SECONDS = (1.0, 2.0, 4.0, 8.0, 30.0, 120.0, 600.0)
"""A moved photo is captioned at its new place some time after it is gone from the old one."""

SHARE = 10
"""Looking for departed photos takes a tenth of the time at most, however many are gone."""


class Tidier:
    """Tidies the places of one root that photos have left."""

    def __init__(
        self,
        watched: WatchedFolder,
        *,
        index: Index,
        witness: RootWitness,
        threads: anyio.CapacityLimiter,
    ) -> None:
        self._root = watched.root
        self._index = index
        self._witness = witness
        self._threads = threads
        self._woken = anyio.Event()

    def wake(self) -> None:
        """Say that photos are gone, or were missed by a scan; never waits."""
        self._woken.set()

    async def run(self) -> None:
        """Tidy whenever woken, and some times thereafter, until cancelled."""
        took = 0.0
        again: Iterator[float] = iter(())
        while True:
            pause = max(next(again, math.inf), took * SHARE)
            with anyio.move_on_after(pause):
                await self._woken.wait()
            if self._woken.is_set():
                self._woken, again = anyio.Event(), iter(AGAIN_SECONDS)
                await anyio.sleep(max(SOON_SECONDS, took * SHARE))
            began = time.monotonic()
            await self.tidy()
            took = time.monotonic() - began

    async def tidy(self) -> None:
        """Remove what departed photos left behind. Raises LibraryUnavailable."""
        removed = kept = 0
        departed = self._index.beside.departed
        while found := await departed(self._root, now=time.time(), limit=BATCH, skip=kept):
            tidied, count = await anyio.to_thread.run_sync(
                self._remove, found, limiter=self._threads
            )
            await self._index.beside.forget(tidied)
            removed, kept = removed + count, kept + len(found) - len(tidied)
        if removed:
            log.info("sidecars.removed", root=self._root, count=removed)

    def _remove(self, found: Sequence[Departed]) -> tuple[list[Photo], int]:
        """Remove sidecars; return the photos that need no more looking after, and how many went."""
        tidied, removed = [], 0
        gone = self._witness.gone([one.photo.path for one in found])
        for one in found:
            if one.photo.path not in gone or _is_there(one.photo):
                continue
            try:
                removed += len(remove_sidecars(one.photo, one.written))
            except SidecarUnwritable:  # read-only, say: it is tried again
                continue
            tidied.append(one.photo)
        return tidied, removed


def _is_there(photo: Photo) -> bool:
    ((seen, _, _),) = look(photo.root, photo.folder, [photo.name])
    return seen is not None
