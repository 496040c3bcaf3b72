"""The daemon's life: arm, feed, reload, drain.

    run      open the parts, serve until told otherwise; after SIGHUP once more with new settings
    serve    watches armed -> READY -> photos flow -> an order comes -> drain

SIGTERM and SIGINT stop the watch and let the photos in flight finish; a second one forces. A task
that dies takes the daemon down loudly: the service manager restarts it.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import structlog
from anyio.abc import TaskGroup

from captiond import __version__, paced
from captiond.app import App, check, open_app
from captiond.bench import Bench
from captiond.errors import AlreadyRunning, ConfigError, LibraryUnavailable
from captiond.index.health_base import Health
from captiond.intake.attend import attend
from captiond.jumps import ClockWatch, clock_jumped
from captiond.models import State
from captiond.orders import Orders, obey_signals
from captiond.sdnotify import Notifier
from captiond.settings import Settings

log = structlog.get_logger()

HEARTBEAT_SECONDS = 5.0
MORE_SECONDS = 60.0
PULSE_SECONDS = 1.0
END_SECONDS = 1.0
COUNT_SHARE = 200
RECOUNT_SECONDS = 15.0
"""Counting takes 74 ms with a million photos: it may take a two-hundredth of the time, but one slow
count on a busy machine does not leave the status line behind for long."""

Load = Callable[[], Settings]


async def run(load: Load, *, notifier: Notifier, watchdog_usec: int | None = None) -> None:
    """Serve until told to stop.

    Raises ConfigError, AlreadyRunning, LibraryUnavailable at the start; later a wrong
    configuration is told, and the daemon goes on with the old one.
    """
    settings: Settings | None = check(load())
    former: Settings | None = None
    async with anyio.create_task_group() as life:
        orders = await life.start(obey_signals, life)
        while settings is not None:
            async with AsyncExitStack() as stack:
                async with _more_time(notifier):
                    app = await _open(settings, former, stack)
                former = app.settings
                settings = await _serve(app, orders, load, notifier, watchdog_usec)
        life.cancel_scope.cancel()


async def _open(settings: Settings, former: Settings | None, stack: AsyncExitStack) -> App:
    """Open the parts; where that fails after a reload, open them as they were before."""
    try:
        return await stack.enter_async_context(open_app(settings))
    except (ConfigError, AlreadyRunning, LibraryUnavailable) as error:
        if former is None:
            raise
        log.error("config.rejected", problems=str(error).splitlines())
        return await stack.enter_async_context(open_app(former))


async def _serve(
    app: App, orders: Orders, load: Load, notifier: Notifier, watchdog_usec: int | None
) -> Settings | None:
    """Serve with these parts; return the settings to go on with, None to end."""
    async with anyio.create_task_group() as feeding:
        async with anyio.create_task_group() as watching:
            watching.start_soon(_beat, app, notifier, watchdog_usec, name="heartbeat")
            # A task, so that an order is obeyed while a large tree or a full disk takes its time.
            watching.start_soon(_arm, app, notifier, watching, feeding, name="arm")
            settings = await _next_settings(orders, load, notifier)
            watching.cancel_scope.cancel()
        log.info("service.draining", in_flight=app.in_flight, reload=settings is not None)
        app.wind_down(feeding)
        async with _more_time(notifier):
            await app.drained()
    with anyio.move_on_after(END_SECONDS):  # a full disk holds the write back, and not the end
        await app.index.runs.end(now=app.bench.clock())
    log.info("service.drained", in_flight=app.in_flight)
    return settings


async def _arm(app: App, notifier: Notifier, watching: TaskGroup, feeding: TaskGroup) -> None:
    """Take back what a crash left, arm the watches, let photos flow."""
    async with _more_time(notifier):
        recovered = await app.index.recover(now=app.bench.clock())
        await app.index.runs.begin("run", __version__, now=app.bench.clock())
        log.info(
            "service.started",
            version=__version__,
            index=app.settings.index.path,
            folders=list(app.bench.plans.roots),
            recovered=len(recovered),
        )
        for intake in app.intakes:
            await watching.start(attend, intake, name=f"intake {intake.root}")
    app.feed(feeding)
    # Among the watches, as it ends with them: what is underway then goes on at the next start.
    watching.start_soon(app.downloads.run, name="downloads")
    notifier.ready()
    log.info("service.ready")


@asynccontextmanager
async def _more_time(notifier: Notifier) -> AsyncIterator[None]:
    """Keep the manager patient while there is no heartbeat.

    Arming 100,000 folders on a cold disk takes minutes, photos in flight half a minute.
    """
    async with anyio.create_task_group() as asking:

        async def ask() -> None:
            while True:
                notifier.extend_timeout(MORE_SECONDS)
                notifier.watchdog()
                await anyio.sleep(PULSE_SECONDS)

        asking.start_soon(ask, name="more time")
        yield
        asking.cancel_scope.cancel()


async def _next_settings(orders: Orders, load: Load, notifier: Notifier) -> Settings | None:
    """Wait for an order; return the settings to go on with, None to end."""
    while True:
        await orders.news()
        if orders.stopping:
            notifier.stopping()
            return None
        notifier.reloading()
        try:
            return check(load())
        except ConfigError as error:
            log.error("config.rejected", problems=error.problems)
        notifier.ready()


async def _beat(app: App, notifier: Notifier, watchdog_usec: int | None) -> None:
    """Say how things stand; the watchdog is fed each time the loop gets round to here."""
    every = min(HEARTBEAT_SECONDS, (watchdog_usec or 60_000_000) / 3_000_000)
    started_at, counts, recount_at = app.bench.clock(), dict[State, int](), -math.inf
    watch = ClockWatch(clock=app.bench.clock(), ticks=app.bench.ticks())
    while True:
        notifier.watchdog()
        if seconds := watch.jump(clock=app.bench.clock(), ticks=app.bench.ticks()):
            started_at += seconds
            with anyio.move_on_after(every):
                await clock_jumped(app.bench, seconds)
        paced.refresh(app.bench)
        health = _health(app, started_at)
        with anyio.move_on_after(every):  # a full disk holds writes back; that is no hang
            await app.index.beat(health)
        if (began := anyio.current_time()) >= recount_at:
            counts = await app.index.counts()
            took = anyio.current_time() - began
            recount_at = began + min(COUNT_SHARE * took, RECOUNT_SECONDS)
        notifier.status(status_line(counts, paced.paused(app.bench)))
        await anyio.sleep(every)


def _health(app: App, started_at: float) -> Health:
    bench = app.bench
    pause = bench.gate.pause
    return Health(
        owner=bench.owner,
        pid=os.getpid(),
        version=__version__,
        started_at=started_at,
        beat_at=bench.clock(),
        paused=pause.reason if pause else None,
        paused_until=_until(bench),
        found_by_event=sum(intake.tally.found_by_event for intake in app.intakes),
        found_by_scan=sum(intake.tally.found_by_scan for intake in app.intakes),
        pace=paced.report(bench),
    )


def _until(bench: Bench) -> float | None:
    """Return when the gate opens by itself, in unix seconds."""
    pause = bench.gate.pause
    if pause is None or pause.until is None:
        return None
    return pause.goes_on_at or bench.clock() + pause.until - bench.ticks()


def status_line(counts: dict[State, int], paused: str | None) -> str:
    """Return how things stand in one line, as `systemctl status` shows it."""
    told = [f"{count:,} {state}" for state, count in sorted(counts.items()) if count]
    line = ", ".join(told) or "no photos yet"
    return f"{line}; paused: {paused}" if paused else line
