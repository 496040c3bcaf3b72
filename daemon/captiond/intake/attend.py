"""Looks after one root: its watch, its scans and its settle step, put together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import structlog
from anyio.abc import TaskStatus

from captiond.index.base import Index
from captiond.intake.added import AddedFolders
from captiond.intake.events import Batch
from captiond.intake.folder import WatchedFolder
from captiond.intake.mounts import Mount, find_mount
from captiond.intake.scanner import Scanner
from captiond.intake.settler import Settler
from captiond.intake.watch import WatchHooks, keep_watching
from captiond.models import Lane

log = structlog.get_logger()

MANY_EVENTS = 3000
"""A batch this large may be what is left of a larger one: the kernel's queue holds 16,384."""

MANY_WAITING = 100_000
"""With so many photos waiting, events are left to the next scan: 50 MB are enough."""

POLL_SECONDS = 60.0
POLL_SHARE = 10
"""Without events a root is scanned each minute, but for a tenth of the time at most."""

THREADS = 3
"""One waits for events, one looks at photos, one walks new folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What it takes to look after one root.

    `on_due` is called, on the loop, when photos became due; `scanning` bounds how many roots are
    scanned at once.
    """

    folder: WatchedFolder
    index: Index
    on_due: Callable[[], None]
    scanning: anyio.CapacityLimiter

    @property
    def root(self) -> str:
        """The root's absolute path."""
        return self.folder.root


@dataclass(frozen=True, slots=True)
class ScanTotals:
    """What one pass over a root came to, in photos; `seen` is all that lie there."""

    seen: int
    due: int
    skipped: int
    gone: int


async def attend(
    intake: Intake, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Offer every finished file beneath the root to the index, until cancelled.

    Started when the watch is armed, or when arming it failed for now: then a warning was logged,
    and it is tried again and again. Raises LibraryUnavailable.
    """
    attendant = _Attendant(intake)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attendant.settler.run, name=f"settle {intake.root}")
        tasks.start_soon(attendant.added.run, name=f"walk {intake.root}")
        if intake.folder.watching:
            await tasks.start(attendant.watch, name=f"watch {intake.root}")
        task_status.started()
        await attendant.scan_forever()


async def scan_once(intake: Intake) -> ScanTotals:
    """Scan the root once and offer what settles; return when all of it has.

    Raises LibraryUnavailable.
    """
    attendant = _Attendant(intake)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attendant.settler.run, name=f"settle {intake.root}")
        seen = await attendant.scanner.scan_root(intake.scanning)
        attendant.settler.close()
    tally = attendant.settler.tally
    return ScanTotals(seen, tally.due, tally.skipped, tally.gone)


class _Attendant:
    """The parts of one root's intake and the wires between them."""

    def __init__(self, intake: Intake) -> None:
        folder, index = intake.folder, intake.index
        self._intake = intake
        self._threads = anyio.CapacityLimiter(THREADS)
        self.settler = Settler(folder, index=index, on_due=intake.on_due, threads=self._threads)
        self.scanner = Scanner(folder, index=index, settler=self.settler)
        self.added = AddedFolders(self.scanner, self._threads)
        self._wanted = anyio.Event()

    async def watch(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        hooks = WatchHooks(take=self._take, missed=self._wanted_now)
        await keep_watching(
            self._intake.folder, hooks=hooks, threads=self._threads, task_status=task_status
        )

    async def scan_forever(self) -> None:
        """Scan now, then periodically, and whenever events may have been lost."""
        mount = await anyio.to_thread.run_sync(find_mount, self._intake.root)
        if mount is not None and not mount.sends_events:
            log.info("root.polled", root=self._intake.root, file_system=mount.fs_type)
        while True:
            self._wanted = anyio.Event()
            began = time.monotonic()
            seen = await self.scanner.scan_root(self._intake.scanning)
            took = time.monotonic() - began
            log.debug("root.scanned", root=self._intake.root, photos=seen, seconds=round(took, 3))
            await anyio.sleep(took)  # scans that events ask for take half of the time at most
            jitter = random.uniform(0.9, 1.1)  # noqa: S311 spreads the scans of many roots
            with anyio.move_on_after(scan_interval(self._intake.folder, mount, took) * jitter):
                await self._wanted.wait()

    def _take(self, batch: Batch) -> None:
        self.added.add(batch.folders)
        if self.settler.waiting < MANY_WAITING:
            self.settler.hint(batch.photos, Lane.ARRIVAL)
        if batch.events > MANY_EVENTS or self.settler.waiting >= MANY_WAITING:
            self._wanted_now()

    def _wanted_now(self) -> None:
        self._wanted.set()


def scan_interval(folder: WatchedFolder, mount: Mount | None, took: float) -> float:
    """Return the seconds until the next scan, after one that took `took` seconds."""
    told = folder.watching and (mount is None or mount.sends_events)
    polled = max(POLL_SECONDS, took * POLL_SHARE)
    return folder.scan_interval_seconds if told else min(polled, folder.scan_interval_seconds)
