"""Goes once over every folder and through the queue, then ends: the verb `scan`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio

from captiond import __version__
from captiond.app import App, check, open_app
from captiond.intake.attend import scan_once, tidy_once
from captiond.models import State
from captiond.orders import Orders, obey_signals
from captiond.quota.gate import Pause
from captiond.settings import Settings

LOOK_SECONDS = 0.1
LOOK_SHARE = 20
"""Counting a million rows takes 75 ms: it is done for a twentieth of the time at most."""
SOON_SECONDS = 60.0
"""Photos due within this time are waited for; later ones stay in the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a pass stands; `captioned` and `set_aside` count this pass alone."""

    scanning: bool
    waiting: int
    in_flight: int
    captioned: int
    set_aside: int
    paused: str | None


async def scan(settings: Settings, on_progress: Callable[[Progress], None]) -> Progress:
    """Caption what is new in every folder; return how the pass ended.

    Ends early on SIGINT or SIGTERM, or when the captioner stops answering for more than
    SOON_SECONDS; what is left waits in the queue. Raises ConfigError, AlreadyRunning,
    LibraryUnavailable.
    """
    async with anyio.create_task_group() as life:
        async with open_app(check(settings)) as app:
            orders = await life.start(obey_signals, life)
            ended = await _pass(app, orders, on_progress)
        life.cancel_scope.cancel()
    return ended


async def _pass(app: App, orders: Orders, on_progress: Callable[[Progress], None]) -> Progress:
    await app.index.recover(now=app.bench.clock())
    await app.index.runs.begin("scan", __version__, now=app.bench.clock())
    async with anyio.create_task_group() as feeding:
        app.feed(feeding)
        scans = _Scans(app)
        async with anyio.create_task_group() as scanning:
            scanning.start_soon(scans.run, name="scans")
            await _follow(app, orders, scans, on_progress)
            scanning.cancel_scope.cancel()
        pause = app.bench.gate.pause
        app.wind_down(feeding)
    if not orders.stopping:
        for intake in app.intakes:
            await tidy_once(intake)
    await app.index.runs.end(now=app.bench.clock())
    return await _progress(app, scanning=False, pause=pause)


class _Scans:
    """The scans of all folders, side by side; once more if anything was fetched then."""

    def __init__(self, app: App) -> None:
        self.done = False
        self._app = app

    async def run(self) -> None:
        await self._scan()
        if await self._app.downloads.finish():
            await self._scan()
        self.done = True

    async def _scan(self) -> None:
        async with anyio.create_task_group() as folders:
            for intake in self._app.intakes:
                folders.start_soon(scan_once, intake, name=f"scan {intake.root}")


async def _follow(
    app: App, orders: Orders, scans: _Scans, on_progress: Callable[[Progress], None]
) -> None:
    """Report progress until there is nothing left to do now, or the operator stops it."""
    while not orders.stopping:
        pause = app.bench.gate.pause
        began = anyio.current_time()
        on_progress(await _progress(app, scanning=not scans.done, pause=pause))
        took = anyio.current_time() - began
        if _given_up(app) or (scans.done and await app.is_idle(within_seconds=SOON_SECONDS)):
            return
        await anyio.sleep(max(LOOK_SECONDS, took * LOOK_SHARE))


def _given_up(app: App) -> bool:
    opens_in = app.bench.gate.opens_in(now=app.bench.ticks())
    return app.in_flight == 0 and (opens_in is None or opens_in > SOON_SECONDS)


async def _progress(app: App, *, scanning: bool, pause: Pause | None) -> Progress:
    counts, ended = await app.index.counts(), app.bench.ended
    return Progress(
        scanning=scanning,
        waiting=counts.get(State.QUEUED, 0),
        in_flight=counts.get(State.INFLIGHT, 0),
        captioned=ended.captioned,
        set_aside=ended.set_aside + sum(intake.tally.skipped for intake in app.intakes),
        paused=pause.reason if pause else None,
    )
