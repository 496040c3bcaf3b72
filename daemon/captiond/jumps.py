"""Notices that the wall clock jumped, and sets right what waits by it.

A NAS without a battery wakes up in 1970 and learns the time minutes later; a clock that was hours
ahead is set back. Waits in memory run on ticks and do not care; a photo's time in the queue and the
day of the quotas do.
"""

from __future__ import annotations

import structlog

from captiond import paced
from captiond.bench import Bench

log = structlog.get_logger()

JUMP_SECONDS = 10.0
"""Less is no matter: clocks are slewed by milliseconds, a loaded machine looks late by seconds, but
at both clocks."""


class ClockWatch:
    """Compares the wall clock with ticks; times in seconds."""

    def __init__(self, *, clock: float, ticks: float) -> None:
        self._offset = clock - ticks

    def jump(self, *, clock: float, ticks: float) -> float:
        """Return by how much the wall clock jumped since the last look, 0 if it did not."""
        jump = clock - ticks - self._offset
        if abs(jump) < JUMP_SECONDS:
            return 0.0
        self._offset += jump
        return jump


async def clock_jumped(bench: Bench, seconds: float) -> None:
    """Set right what waits by the wall clock, which jumped by so much; told once."""
    before = bench.clock() - seconds
    log.warning("clock.jumped", seconds=round(seconds, 1))
    bench.gate.unpark(now=bench.ticks())
    paced.refresh(bench)
    await paced.recall_day(bench)
    await bench.index.limits.postpone(seconds, before=before)
