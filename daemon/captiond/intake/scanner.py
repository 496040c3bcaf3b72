"""Runs scans in a thread of their own and hands what they find to the settle step."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Sequence

import anyio
import anyio.from_thread
import structlog

from captiond.disk import files
from captiond.errors import SidecarError
from captiond.index.base import Index
from captiond.intake.folder import WatchedFolder
from captiond.intake.listing import Arm, unarmed
from captiond.intake.scan import Step, scan
from captiond.intake.settler import Settler
from captiond.models import Lane

log = structlog.get_logger()

ROOM = {Lane.ARRIVAL: 40_000, Lane.BACKLOG: 20_000}
"""A walk waits while this many photos settle, 0.5 KB each; one for arrivals has room left."""

SLICE = 2000


class Scanner:
    """The scans of one root; `sweeps` says that what a crash left is removed on the way."""

    def __init__(
        self,
        watched: WatchedFolder,
        *,
        index: Index,
        settler: Settler,
        sweeps: bool,
        arm: Arm = unarmed,
    ) -> None:
        self._watched = watched
        self._index = index
        self._settler = settler
        self._sweeps = sweeps
        self._arm = arm
        self._told: set[str] = set()
        self._missing = False

    async def scan_root(self, threads: anyio.CapacityLimiter) -> int:
        """Scan the whole root; return how many photos lie there, 0 when it is missing."""
        state = await anyio.to_thread.run_sync(self._settler.witness.look, limiter=threads)
        if state.present:
            self._missing = False
            await self._settler.witness.recognise(threads)
            self._settler.digests.begin()
            return await self._walk([""], Lane.BACKLOG, threads)
        if not self._missing:
            log.warning("root.missing", root=self._watched.root)
        self._missing = True
        return 0

    async def walk_folders(self, folders: Sequence[str], threads: anyio.CapacityLimiter) -> int:
        """Walk folders that an event told of; return how many photos lie there."""
        return await self._walk(folders, Lane.ARRIVAL, threads)

    async def _walk(
        self, folders: Sequence[str], lane: Lane, threads: anyio.CapacityLimiter
    ) -> int:
        return await anyio.to_thread.run_sync(self._in_thread, folders, lane, limiter=threads)

    def _in_thread(self, folders: Sequence[str], lane: Lane) -> int:
        """Pull the walk; the loop decides when it may go on."""
        photos = 0
        view = self._index.folder_view()
        try:
            # The caller was cancelled: it will say so itself once this thread has ended.
            with contextlib.suppress(concurrent.futures.CancelledError):
                for folder in folders:
                    for step in scan(self._watched, view, folder, arm=self._arm):
                        photos += step.photos
                        self._sweep(step.leftovers)
                        anyio.from_thread.run(self._take, step, lane)
        finally:
            view.close()
        return photos

    def _sweep(self, folders: Sequence[str]) -> None:
        for folder in folders if self._sweeps else ():
            with contextlib.suppress(SidecarError):  # read-only: the next scan tries again
                files.sweep_beneath(self._watched.root, folder)

    async def _take(self, step: Step, lane: Lane) -> None:
        for folder, error in step.unreadable:
            if folder not in self._told:
                self._told.add(folder)
                path = self._watched.full(folder)
                log.warning("folder.unreadable", path=path, error=error)
        if step.beside:
            await self._index.beside.learn(step.beside)
        if lane is Lane.BACKLOG:
            await self._settler.digests.save(step.agreed)
        for start in range(0, len(step.hints), SLICE):
            await self._settler.room(ROOM[lane])
            self._settler.hint(step.hints[start : start + SLICE], lane)
        if lane is Lane.BACKLOG:
            self._settler.digests.begin()
