"""Keeps one watch on a root: arms it, hands its events on, starts it again when it fails.

Nobody waits in a thread for events: the event loop is told when the kernel has some.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import structlog
from anyio.abc import TaskStatus

from captiond.disk import files
from captiond.errors import SidecarError
from captiond.intake.cover import Cover, Heard
from captiond.intake.events import Batch, sort_events
from captiond.intake.folder import WatchedFolder

log = structlog.get_logger()

DEBOUNCE_SECONDS = 0.02
"""What belongs together comes together: events of one file make one hint."""

RETRY_SECONDS = 1.0
"""A root that is gone, or may not be read, is looked for this often: a few system calls."""

FIRST_DELAY_SECONDS = 1.0
LAST_DELAY_SECONDS = 60.0
HEALTHY_SECONDS = 60.0
GUARD_SECONDS = 1.0
GAP_SECONDS = 2.0
"""A machine that slept this long may find a disk that another system wrote to."""

CANARY_SECONDS = 5.0

OF_ROOT = (FileNotFoundError, NotADirectoryError, PermissionError)
REPLACED = "the folder was replaced"
DEAD = "a file was made and no event came"
BARE = "until then photos in folders without a watch are found by a scan each minute"


@dataclass(frozen=True, slots=True)
class WatchHooks:
    """Who is told: `take` of events, `missed` when events may have been lost or do not come."""

    take: Callable[[Batch], None]
    missed: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a watch ended; `of_root` when the root is gone, another folder, or may not be read."""

    error: str
    of_root: bool = False
    event: str = "watch.failed"


def next_delay(delay: float, *, healthy_seconds: float) -> float:
    """Return the pause before a restart, after one of `delay` and a watch that held so long."""
    if delay == 0 or healthy_seconds >= HEALTHY_SECONDS:
        return FIRST_DELAY_SECONDS
    return min(delay * 2, LAST_DELAY_SECONDS)


class Watch:
    """The watch of one root, for the root's life; `cover` arms single folders for the walks."""

    def __init__(
        self, watched: WatchedFolder, *, hooks: WatchHooks, threads: anyio.CapacityLimiter
    ) -> None:
        self.cover = Cover(watched)
        self._watched = watched
        self._hooks = hooks
        self._threads = threads
        self._restarts = Restarts(watched.root)
        self._was_armed = True
        self._told_bare = False
        self._canary = anyio.Event()
        self._dead = False

    async def keep(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled; started when armed, or when the first try has failed."""
        try:
            failure = await self._arm()
            task_status.started()
            while True:
                if failure is None:
                    failure = await self._listen()
                    self.cover.close()
                await anyio.sleep(self._restarts.pause_after(failure, now=time.monotonic()))
                failure = await self._arm()
        finally:
            self.cover.close()

    def tell_cover(self, *, all_met: bool = False) -> None:
        """Tell once when folders have no watch, and when all have again.

        `all_met` says that every folder was met since `cover.recount`.
        """
        if self.cover.bare and not self._told_bare:
            self._told_bare = True
            log.warning(
                "watch.incomplete",
                root=self._watched.root,
                folders=self.cover.bare,
                error=f"{self.cover.refusal}; {BARE}",
            )
            if not all_met:
                self._hooks.missed()
        elif self._told_bare and all_met and self.cover.whole:
            self._told_bare = False
            log.info("watch.completed", root=self._watched.root)

    async def check(self) -> None:
        """Make a file in the root, which must give an event; else the watch begins anew.

        Right after a scan, when the disk is awake: left alone, it may spin down.
        """
        if not self.cover.whole:
            return
        self._canary = canary = anyio.Event()
        try:
            await anyio.to_thread.run_sync(
                files.leave_canary, self._watched.root, limiter=self._threads
            )
        except SidecarError:  # read-only, or full: captiond leaves it as it is
            return
        with anyio.move_on_after(CANARY_SECONDS):
            await canary.wait()
            return
        self._dead = True

    async def _arm(self) -> Failure | None:
        failure = None
        try:
            await anyio.to_thread.run_sync(
                self.cover.open, abandon_on_cancel=True, limiter=self._threads
            )
        except OSError as error:
            self.cover.close()
            failure = Failure(str(error), of_root=isinstance(error, OF_ROOT))
        else:
            self._restarts.tell_armed(now=time.monotonic())
            self.tell_cover()
        if failure is None or self._was_armed:
            self._hooks.missed()
        self._was_armed = failure is None
        return failure

    async def _listen(self) -> Failure:
        """Hand events on until the watch is dead, or the root is another folder."""
        self._dead = False
        while True:
            waited_from = _uptime()
            with anyio.move_on_after(GUARD_SECONDS):
                await anyio.wait_readable(self.cover.fd)
            stood_still = _uptime() - waited_from > GUARD_SECONDS + GAP_SECONDS
            await anyio.sleep(DEBOUNCE_SECONDS)
            try:
                heard, batch, ended = await anyio.to_thread.run_sync(
                    self._hear, abandon_on_cancel=True, limiter=self._threads
                )
            except OSError as error:
                return Failure(str(error))
            self._hand_on(heard, batch, stood_still=stood_still)
            if ended:
                return Failure(REPLACED, of_root=True)
            if self._dead:
                return Failure(DEAD, event="watch.dead")

    def _hear(self) -> tuple[Heard, Batch, bool]:
        heard = self.cover.hear()
        return heard, sort_events(heard.paths, self._watched), heard.ended or self.cover.replaced

    def _hand_on(self, heard: Heard, batch: Batch, *, stood_still: bool) -> None:
        if heard.lost or files.CANARY in heard.paths:
            self._canary.set()
        if batch.photos or batch.folders or batch.stems or batch.ruled:
            self._hooks.take(batch)
        if stood_still:
            log.warning("watch.stood_still", root=self._watched.root)
        if heard.lost:
            log.warning("watch.overflowed", root=self._watched.root)
        if heard.lost or heard.altered or stood_still:
            self._hooks.missed()


class Restarts:
    """Says how long to wait before a restart, and tells of each failure once; seconds are any."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._delay = 0.0
        self._told = ""
        self._owed = False
        self._armed_at = math.inf

    def tell_armed(self, *, now: float) -> None:
        """Note that the watch is armed; tell so if its failure was told."""
        self._armed_at = now
        if self._owed:
            log.info("watch.restarted", root=self._root)
        self._owed = False

    def pause_after(self, failure: Failure, *, now: float) -> float:
        """Tell of a failure unless it is the same again; return the seconds to wait."""
        healthy_seconds, self._armed_at = now - self._armed_at, math.inf
        if failure.error != self._told or healthy_seconds >= HEALTHY_SECONDS:
            self._owed, self._told = True, failure.error
            log.warning(failure.event, root=self._root, error=failure.error)
        if failure.of_root:
            return RETRY_SECONDS
        self._delay = next_delay(self._delay, healthy_seconds=healthy_seconds)
        return self._delay


def _uptime() -> float:
    """Return seconds of a clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
