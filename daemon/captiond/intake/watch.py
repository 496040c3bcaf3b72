"""Keeps one watch on a root: arms it, hands its events on, starts it again when it fails.

watchfiles' Rust backend is used directly: `awatch` builds it on the event loop (1.4 s for 10,000
folders), and a name that is not UTF-8 ends it with the batch dropped. Here any failure costs a
restart and a scan. The backend is never given a timeout: where one ends, it clears its events
without looking again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import structlog
from anyio.abc import TaskStatus
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from captiond.intake.events import Batch, sort_events
from captiond.intake.folder import WatchedFolder

log = structlog.get_logger()

DEBOUNCE_MS = 50
STEP_MS = 10
"""16 ms from a drop to its event at the median; 0.3 s of CPU a minute on 10,000 folders."""

FIRST_DELAY_SECONDS = 1.0
LAST_DELAY_SECONDS = 60.0
HEALTHY_SECONDS = 60.0
GUARD_SECONDS = 5.0
GAP_SECONDS = 2.0
"""A process that stood still this long may have lost events without an error."""

NAME_NOT_UTF8 = (
    "the kernel's events end at a name that is not UTF-8; while there is a folder of such a name, "
    "new photos are found by a scan each minute"
)


@dataclass(frozen=True, slots=True)
class WatchHooks:
    """Who is told: `take` of events, `missed` when events may have been lost."""

    take: Callable[[Batch], None]
    missed: Callable[[], None]


def next_delay(delay: float, *, healthy_seconds: float) -> float:
    """Return the pause before a restart, after one of `delay` and a watch that held so long."""
    if delay == 0 or healthy_seconds >= HEALTHY_SECONDS:
        return FIRST_DELAY_SECONDS
    return min(delay * 2, LAST_DELAY_SECONDS)


async def keep_watching(
    watched: WatchedFolder,
    *,
    hooks: WatchHooks,
    threads: anyio.CapacityLimiter,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Watch until cancelled; started when armed, or when the first try has failed and was told.

    A failure that comes back at each restart is told once.
    """
    delay, started, told, news = 0.0, False, "", True
    while True:
        watch, armed_at = Watch(watched, hooks=hooks, threads=threads), time.monotonic()
        try:
            await watch.arm()
            armed_at = time.monotonic()
            if not started:
                task_status.started()
                started = True
            else:
                hooks.missed()
                if news:
                    log.info("watch.restarted", root=watched.root)
            await watch.run()
            error = "the folder was replaced"
        except (OSError, WatchfilesRustInternalError) as failure:
            error = reason(failure)
        healthy_seconds = time.monotonic() - armed_at
        news = error != told or healthy_seconds >= HEALTHY_SECONDS
        if news:
            log.warning("watch.failed", root=watched.root, error=error)
        delay, told = next_delay(delay, healthy_seconds=healthy_seconds), error
        if not started:
            task_status.started()
            started = True
        await anyio.sleep(delay)


def reason(failure: Exception) -> str:
    """Return why a watch failed, in a sentence for a person."""
    text = str(failure)
    path = text.removeprefix("Unable to decode path ").removesuffix(" to string")
    return text if path == text else f"{NAME_NOT_UTF8}: {path}"


class Watch:
    """One life of a watch: armed once, run until it fails or the root is another folder."""

    def __init__(
        self, watched: WatchedFolder, *, hooks: WatchHooks, threads: anyio.CapacityLimiter
    ) -> None:
        self._watched = watched
        self._hooks = hooks
        self._threads = threads

    async def arm(self) -> None:
        """Set up the kernel's watches; raises OSError, WatchfilesRustInternalError."""
        await anyio.to_thread.run_sync(self._arm, abandon_on_cancel=True, limiter=self._threads)

    async def run(self) -> None:
        """Hand events on; return when the root is not the folder any more that was armed.

        Raises OSError, WatchfilesRustInternalError.
        """
        try:
            while not self._pulse.replaced:
                batch = await anyio.to_thread.run_sync(
                    self._pull, abandon_on_cancel=True, limiter=self._threads
                )
                if batch is not None:
                    self._hooks.take(batch)
                elif self._pulse.stood_still:
                    log.warning("watch.stood_still", root=self._watched.root)
                    self._hooks.missed()
        finally:
            self._pulse.stopped = True

    def _arm(self) -> None:
        root = self._watched.root
        self._pulse = _Pulse(root)
        self._notify = RustNotify([root], False, False, 0, self._watched.recursive, False)

    def _pull(self) -> Batch | None:
        """Wait for events; None when the pulse ended it."""
        self._pulse.begin()
        changes = self._notify.watch(DEBOUNCE_MS, STEP_MS, 0, self._pulse)
        return None if isinstance(changes, str) else sort_events(changes, self._watched)


class _Pulse:
    """Is asked by the backend every STEP_MS whether to stop; sees gaps and a replaced root."""

    def __init__(self, root: str) -> None:
        self.stopped = False
        self.stood_still = False
        self.replaced = False
        self._root = root
        self._identity = _identity(root)
        self._asked_at = self._guarded_at = _uptime()

    def begin(self) -> None:
        self.stood_still = False
        self._asked_at = _uptime()

    def is_set(self) -> bool:
        now = _uptime()
        self.stood_still = now - self._asked_at > GAP_SECONDS
        self._asked_at = now
        if now - self._guarded_at > GUARD_SECONDS:
            self._guarded_at = now
            self.replaced = _identity(self._root) != self._identity
        return self.stopped or self.stood_still or self.replaced


def _uptime() -> float:
    """Return seconds of a clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _identity(root: str) -> tuple[int, int] | None:
    try:
        found = Path(root).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
