"""Looks after one root: its watch, its scans and its settle step, put together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import structlog
from anyio.abc import TaskStatus

from captiond.index.base import Index
from captiond.intake.added import AddedFolders
from captiond.intake.events import Batch
from captiond.intake.folder import WatchedFolder
from captiond.intake.held import HeldPhotos
from captiond.intake.mounts import Mount, Places, is_polled, silent_mount
from captiond.intake.remount import follow_mounts
from captiond.intake.scanner import Scanner
from captiond.intake.settler import Settler, TakeLinks, Tally, leave_links
from captiond.intake.watch import Watch, WatchHooks
from captiond.models import Lane

log = structlog.get_logger()

MANY_WAITING = 100_000
"""With so many photos waiting, events are left to the next scan: 50 MB are enough."""

POLL_SECONDS = 60.0
POLL_SHARE = 10
"""Without events a root is scanned each minute, but for a tenth of the time at most."""

THREADS = 3
"""One reads events, one looks at photos, one walks new folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What it takes to look after one root.

    `on_due` is called, on the loop, when photos became due, `on_links` with link files; `scanning`
    bounds how many roots are scanned at once. `writable` says that captiond may write there: to see
    that the watch lives, and to remove what a crash or a photo left. `tally` tells how far it got.
    """

    folder: WatchedFolder
    index: Index
    on_due: Callable[[], None]
    scanning: anyio.CapacityLimiter
    on_links: TakeLinks = leave_links
    writable: bool = False
    tally: Tally = field(default_factory=Tally)

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
        if intake.writable:
            tasks.start_soon(attendant.settler.tidier.run, name=f"tidy {intake.root}")
        await tasks.start(follow_mounts, intake.folder, attendant.mounted, name="follow mounts")
        if intake.folder.polling != "always":
            await tasks.start(attendant.watch.keep, name=f"watch {intake.root}")
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
        await attendant.held.wake()
        attendant.settler.close()
    tally = intake.tally
    return ScanTotals(seen, tally.due, tally.skipped, tally.gone)


async def tidy_once(intake: Intake) -> None:
    """Remove the sidecars of captiond's that photos left behind. Raises LibraryUnavailable."""
    if intake.writable:
        attendant = _Attendant(intake)
        await attendant.settler.witness.recognise(intake.scanning)
        await attendant.settler.tidier.tidy()


class _Attendant:
    """The parts of one root's intake and the wires between them."""

    def __init__(self, intake: Intake) -> None:
        folder, index = intake.folder, intake.index
        self._intake = intake
        self._threads = anyio.CapacityLimiter(THREADS)
        self.settler = Settler(
            folder,
            index=index,
            on_due=intake.on_due,
            on_links=intake.on_links,
            threads=self._threads,
            tally=intake.tally,
        )
        hooks = WatchHooks(take=self._take, missed=self._wanted_now)
        self.watch = Watch(folder, hooks=hooks, threads=self._threads)
        self._cover = self.watch.cover
        self.scanner = Scanner(
            folder,
            index=index,
            settler=self.settler,
            sweeps=intake.writable,
            arm=self._cover.arm,
        )
        self.held = HeldPhotos(folder, index=index, on_due=intake.on_due, threads=self._threads)
        self.added = AddedFolders(
            self.scanner, self.held, self._threads, on_walked=self.watch.tell_cover
        )
        self._silent: Mount | None = None
        self._wanted = anyio.Event()

    def mounted(self, places: Places) -> None:
        """Take note of the mounts the root is made of now; what lies on them is scanned for."""
        silent = silent_mount(places)
        if silent is not None and silent != self._silent:
            log.info("root.polled", root=self._intake.root, file_system=silent.fs_type)
        self._silent = silent
        self._wanted_now()

    async def scan_forever(self) -> None:
        """Scan now, then periodically, and whenever events may have been lost."""
        while True:
            self._wanted = anyio.Event()
            self._cover.recount()
            began = time.monotonic()
            seen = await self.scanner.scan_root(self._intake.scanning)
            await self.held.wake()
            self.settler.tidier.wake()
            took = time.monotonic() - began
            log.debug("root.scanned", root=self._intake.root, photos=seen, seconds=round(took, 3))
            self.watch.tell_cover(all_met=True)
            if self._intake.writable:
                await self.watch.check()
            await anyio.sleep(took)  # scans that events ask for take half of the time at most
            jitter = random.uniform(0.9, 1.1)  # noqa: S311 spreads the scans of many roots
            interval = scan_interval(
                self._intake.folder, self._silent, took, whole=self._cover.whole
            )
            with anyio.move_on_after(interval * jitter):
                await self._wanted.wait()

    def _take(self, batch: Batch) -> None:
        self.added.add(batch.folders, ruled=batch.ruled)
        if batch.ruled:  # what is not ignored any more was there before: it is no arrival
            self._wanted_now()
        if self.settler.waiting < MANY_WAITING:
            self.settler.hint(batch.photos, Lane.ARRIVAL)
            self.settler.hint_stems(batch.stems)
        else:
            self._wanted_now()

    def _wanted_now(self) -> None:
        self._wanted.set()


def scan_interval(
    folder: WatchedFolder, silent: Mount | None, took: float, *, whole: bool = True
) -> float:
    """Return the seconds until the next scan, after one that took `took` seconds.

    `silent` is a mount of the root that sends no events; `whole` says that every folder is watched.
    """
    if whole and not is_polled(folder.polling, silent):
        return folder.scan_interval_seconds
    return min(max(POLL_SECONDS, took * POLL_SHARE), folder.scan_interval_seconds)
