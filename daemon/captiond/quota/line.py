"""Who is next: arrivals before the backlog, and within a lane whoever waits longest."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.lowlevel import checkpoint

from captiond.models import Lane


class Line:
    """Lets so many in at a time; for the event loop's own thread.

    anyio.CapacityLimiter lets in by the order of coming: an arrival would wait behind as much of
    the backlog as is in hand.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0
        self._waiting: dict[Lane, deque[anyio.Event]] = {lane: deque() for lane in Lane}

    @property
    def places(self) -> int:
        """How many may be in at a time; whoever is in when it shrinks stays in."""
        return self._places

    @places.setter
    def places(self, places: int) -> None:
        self._places = places
        self._let_in()

    @asynccontextmanager
    async def place(self, lane: Lane) -> AsyncIterator[None]:
        """Wait for a place, and hold it for the block."""
        await checkpoint()
        called = anyio.Event()
        self._waiting[lane].append(called)
        self._let_in()
        try:
            await called.wait()
            yield
        finally:
            if called.is_set():
                self._taken -= 1
            else:
                self._waiting[lane].remove(called)
            self._let_in()

    def _let_in(self) -> None:
        for lane in sorted(Lane):
            while self._waiting[lane] and self._taken < self._places:
                self._taken += 1
                self._waiting[lane].popleft().set()
