"""Hands due photos to as many tasks as there are slots.

The queue is rows in the index, so nothing waits in memory: a photo is claimed when a slot is free.
Each lane has a feeder of its own, so that an arrival is claimed however much of a backlog is in
hand.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import anyio

from captiond.index.base import Claim, Index
from captiond.models import Lane

IDLE_SECONDS = 5.0
"""How often the queue is looked at unasked: another process may have queued photos (`retry`)."""

SHORTEST_SECONDS = 0.05
"""The shortest wait of its own accord, so that no clash of clocks makes it spin."""


class Bell:
    """Wakes whoever waits for it; rings before the wait are not lost."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or at its next wait."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Return when the bell rang, or after `seconds`; tell whether it rang."""
        with anyio.move_on_after(max(seconds, 0.0)):
            await self._event.wait()
        rang, self._event = self._event.is_set(), anyio.Event()
        return rang


class Turnstile(Protocol):
    """Says how many photos may be begun now; `quota.gate.Gate` does."""

    def allowance(self, *, now: float, in_flight: int) -> int:
        """Return how many more photos may be begun."""

    def opens_in(self, *, now: float) -> float | None:
        """Return the seconds until photos may be begun again: 0 = now, None = nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one feeder takes from the queue: whose claims, of which lane, when, how many at a time.

    With `shared`, photos of other lanes take up its slots, too.
    """

    owner: str
    lane: Lane
    gate: Turnstile
    slots: int
    shared: bool = False


class Traffic:
    """Counts the photos in flight by lane, and wakes the feeders that wait for one to end."""

    def __init__(self) -> None:
        self.in_flight: Counter[Lane] = Counter()
        self.waiting: set[Bell] = set()

    def end(self, lane: Lane) -> None:
        """Note that a photo is done."""
        self.in_flight[lane] -= 1
        for bell in self.waiting:
            bell.ring()


class Feeder:
    """Claims photos of its part and runs `work` on each."""

    def __init__(
        self,
        index: Index,
        work: Callable[[Claim], Awaitable[None]],
        *,
        part: Part,
        traffic: Traffic,
        clock: Callable[[], float],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bell = Bell()
        self._index = index
        self._work = work
        self._part = part
        self._traffic = traffic
        self._clock = clock
        self._ticks = ticks
        self._closing = False
        self._ended = anyio.Event()
        self._ended.set()

    @property
    def in_flight(self) -> int:
        """How many of its photos are claimed and not done yet."""
        return self._traffic.in_flight[self._part.lane]

    def close(self) -> None:
        """Claim nothing more; `run` returns when the photos in flight are done."""
        self._closing = True
        self.bell.ring()

    async def run(self) -> None:
        """Feed until closed."""
        self._ended = anyio.Event()
        try:
            async with anyio.create_task_group() as photos:
                while not self._closing:
                    now = self._clock()
                    room = self._room()
                    claims = await self._claim(room, now)
                    for claim in claims:
                        self._traffic.in_flight[self._part.lane] += 1
                        photos.start_soon(self._one, claim, name=f"photo {claim.photo.path}")
                    emptied_at = now if len(claims) < room else -math.inf
                    await self._rest(emptied_at)
                    self._traffic.waiting.discard(self.bell)
        finally:
            self._ended.set()

    async def ended(self) -> None:
        """Wait until `run` has returned; at once when it never began."""
        await self._ended.wait()

    async def is_idle(self, *, within_seconds: float) -> bool:
        """Tell whether nothing is in flight and nothing will be due within that time."""
        due = await self._next_due()
        return self.in_flight == 0 and (due is None or due > self._clock() + within_seconds)

    def _room(self) -> int:
        everywhere = self._traffic.in_flight.total()
        allowed = self._part.gate.allowance(now=self._ticks(), in_flight=everywhere)
        return max(min(self._free(), allowed), 0)

    def _free(self) -> int:
        part, in_flight = self._part, self._traffic.in_flight
        return part.slots - (in_flight.total() if part.shared else in_flight[part.lane])

    async def _claim(self, limit: int, now: float) -> list[Claim]:
        if not limit:
            return []
        part = self._part
        return await self._index.claim(owner=part.owner, limit=limit, now=now, lanes=(part.lane,))

    async def _next_due(self) -> float | None:
        return await self._index.next_due(lanes=(self._part.lane,))

    async def _one(self, claim: Claim) -> None:
        try:
            await self._work(claim)
        finally:
            self._traffic.end(self._part.lane)
            self.bell.ring()

    async def _rest(self, emptied_at: float) -> None:
        """Wait for the bell, or until photos are due: a look at the queue writes nothing."""
        due = await self._look()
        while not await self.bell.wait(self._patience(due, emptied_at)):
            due = await self._look()
            if due is not None and due <= self._clock():
                return

    async def _look(self) -> float | None:
        """Return when the next photo is due that there is room for."""
        return await self._next_due() if self._free() > 0 else None

    def _patience(self, due: float | None, emptied_at: float) -> float:
        """Return how long nothing new can be begun, if the bell does not ring.

        What was due at `emptied_at` and is still there is withheld until another photo is done,
        maybe one of another lane.
        """
        now = self._clock()
        if self._free() <= 0 or (due is not None and due <= now):
            self._traffic.waiting.add(self.bell)
        opens_in = self._part.gate.opens_in(now=self._ticks())
        if due is None or opens_in is None or due <= emptied_at:
            return IDLE_SECONDS
        return min(max(due - now, opens_in, SHORTEST_SECONDS), IDLE_SECONDS)
