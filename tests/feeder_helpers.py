"""Feeds lanes from an index in memory, with work that lasts until it is let go."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from index_helpers import sighting

from captiond.feeder import Feeder, Part, Traffic
from captiond.index.base import Claim
from captiond.models import Lane, State
from captiond.quota.gate import Gate
from captiond.testing.memory_index import MemoryIndex

OWNER = "box"


class Bench:
    """An index, a gate, a feeder for each lane, and work that lasts until it is let go.

    `begun` in their order. With `shared` slots, one is left to the arrivals alone.
    """

    def __init__(
        self, *, slots: int = 2, index: MemoryIndex | None = None, shared: bool = False
    ) -> None:
        self.index, self.gate = index or MemoryIndex(), Gate()
        self.begun: list[str] = []
        self.most = 0
        self.hold: set[str] = set()
        self.changed = anyio.Event()
        self.on_begin: Callable[[str], Awaitable[None]] | None = None
        self.traffic = Traffic()
        self.feeder = self.feeds(Lane.ARRIVAL, slots + shared, shared=shared)
        self.backlog = self.feeds(Lane.BACKLOG, slots, shared=shared)

    def feeds(self, lane: Lane, slots: int, *, shared: bool) -> Feeder:
        return Feeder(
            self.index,
            self.work,
            part=Part(owner=owner(lane), lane=lane, gate=self.gate, slots=slots, shared=shared),
            traffic=self.traffic,
            clock=time.time,
        )

    async def work(self, claim: Claim) -> None:
        path = claim.photo.path
        self.begun.append(path)
        self.most = max(self.most, self.traffic.in_flight.total())
        self.tell()
        if self.on_begin is not None:
            await self.on_begin(path)
        await self.until(lambda: path not in self.hold)
        await self.index.release([claim.photo], owner=owner(claim.lane))
        row = self.index.rows[claim.photo]
        row.state = State.CAPTIONED

    def tell(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        with anyio.fail_after(10):
            while not condition():
                await self.changed.wait()

    def let_go(self, *paths: str) -> None:
        self.hold.difference_update(paths)
        self.tell()

    async def offer(self, *paths: str, lane: Lane = Lane.ARRIVAL, ring: bool = True) -> None:
        """Queue photos as intake does."""
        for path in paths:
            await self.index.offer([sighting(path, lane=lane)], now=time.time())
        if ring:
            self.feeder.bell.ring()
            self.backlog.bell.ring()

    @asynccontextmanager
    async def feeding(self) -> AsyncIterator[None]:
        """Run the feeders; close them at the end, with all work let go."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.feeder.run)
            tasks.start_soon(self.backlog.run)
            yield
            self.feeder.close()
            self.backlog.close()
            self.let_go(*self.hold)


def owner(lane: Lane) -> str:
    return f"{OWNER} {lane.name}"


def names(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]
