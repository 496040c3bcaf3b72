"""Takes back what captiond wrote, in the index and beside photos: the verb `undo`.

It asks nobody, and is safe beside a running daemon: a caption is taken out of the index before
anything beside its photo is touched, so that nothing is written there again. Where this process is
killed the same undo finds what it left.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import anyio

from captiond.errors import NotUndone, SidecarUnwritable
from captiond.index.base import Index
from captiond.index.runs_base import Run
from captiond.index.withdrawals_base import Found, Taking, Withdrawal
from captiond.models import Photo
from captiond.opening import open_index
from captiond.settings import Settings

AT_ONCE = 100
"""Captions that are taken back in one transaction: a running daemon waits 10 ms for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which photos the operator named: `run` is the number of a run, 0 for the last."""

    places: Sequence[Photo]
    since: float | None
    run: int | None


@dataclass(slots=True)
class Undone:
    """How many captions were taken back, what was left beside photos, what is still to be done."""

    photos: int = 0
    notes: int = 0
    pending: int = 0
    reason: str = ""
    """Why a sidecar could not be touched, or was left alone: of the first."""


class Undoing:
    """One choice of photos, in an open index."""

    def __init__(self, index: Index, taking: Taking) -> None:
        self._index = index
        self._taking = taking

    async def outlook(self) -> Found:
        """Return what would be taken back."""
        return await self._index.withdrawals.find(self._taking)

    async def carry_out(self) -> Undone:
        """Take back all of it."""
        now, undone, after = time.time(), Undone(), None
        reason = f"taken back on {datetime.fromtimestamp(now).astimezone():%Y-%m-%d}"
        while taken := await self._index.withdrawals.take(
            self._taking, reason=reason, now=now, after=after, limit=AT_ONCE
        ):
            for one in taken:
                await self._withdraw(one, undone)
            after = taken[-1].photo
        return undone

    async def _withdraw(self, one: Withdrawal, undone: Undone) -> None:
        from captiond.sidecars.withdraw import withdraw_sidecars

        undone.photos += 1
        try:
            done = await anyio.to_thread.run_sync(withdraw_sidecars, one.photo, one.written)
        except SidecarUnwritable as error:
            undone.pending += 1
            undone.reason = undone.reason or str(error)
            return
        outcome = done.outcome
        undone.notes += bool(outcome.notes)
        undone.reason = undone.reason or "; ".join(outcome.notes)
        await self._index.withdrawals.settle(
            one.photo, written=outcome.written, beside=outcome.beside
        )


@asynccontextmanager
async def open_undoing(settings: Settings, choice: Choice) -> AsyncIterator[Undoing]:
    """Open the index for one choice of photos; raises LibraryUnavailable, NotUndone."""
    async with AsyncExitStack() as stack:
        index = await open_index(settings, stack)
        since, until = await _span(index, choice)
        places = choice.places or [Photo(folder.path, "") for folder in settings.folders]
        yield Undoing(index, Taking(places=places, since=since, until=until))


async def last_runs(settings: Settings, count: int) -> list[Run]:
    """Return the latest runs, the newest first; raises LibraryUnavailable."""
    async with AsyncExitStack() as stack:
        index = await open_index(settings, stack)
        return await index.runs.last(count)


async def _span(index: Index, choice: Choice) -> tuple[float, float]:
    """Return from when until when the photos were captioned. Raises NotUndone."""
    if choice.run is None:
        return choice.since or 0.0, math.inf
    run = await index.runs.get(choice.run) if choice.run else None
    if choice.run == 0:
        run = next(iter(await index.runs.last(1)), None)
    if run is None:
        raise NotUndone("there was no such run; `captiond undo --runs` lists the last ones")
    return run.started_at, math.inf if run.ended_at is None else run.ended_at
