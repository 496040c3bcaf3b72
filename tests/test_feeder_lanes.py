"""Arrivals and backlog, fed side by side."""

from __future__ import annotations

import time

import pytest
from anyio import wait_all_tasks_blocked
from feeder_helpers import Bench, names

from captiond.feeder import IDLE_SECONDS
from captiond.models import Lane


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "apart"])
async def test_an_arrival_is_begun_while_the_backlog_fills_its_slots(shared: bool) -> None:
    """What was dropped a moment ago is next at once, whatever of the backlog hangs."""
    bench = Bench(slots=2, shared=shared)
    bench.hold = {"new.jpg", *names(50)}
    await bench.offer(*names(50), lane=Lane.BACKLOG)
    async with bench.feeding():
        await bench.until(lambda: len(bench.begun) == 2)
        await bench.offer("new.jpg")
        await bench.until(lambda: len(bench.begun) == 3)
        assert bench.begun[2] == "new.jpg"
        bench.hold.clear()


async def test_the_backlog_has_the_slots_that_arrivals_leave() -> None:
    """Where slots are shared, the backlog waits while arrivals fill them, and goes on after."""
    bench = Bench(slots=2, shared=True)
    bench.hold = {"new 1.jpg", "new 2.jpg", "new 3.jpg"}
    await bench.offer(*sorted(bench.hold))
    await bench.offer("old.jpg", lane=Lane.BACKLOG)
    async with bench.feeding():
        await bench.until(lambda: len(bench.begun) == 3)
        await wait_all_tasks_blocked()
        assert "old.jpg" not in bench.begun
        began = time.monotonic()
        bench.let_go("new 1.jpg", "new 2.jpg")
        await bench.until(lambda: "old.jpg" in bench.begun)
        assert time.monotonic() - began < IDLE_SECONDS / 2
    assert bench.most == 3


async def test_after_a_pause_one_photo_of_all_lanes_is_the_probe() -> None:
    """Arrivals and backlog have one gate: what one of them has on the way counts for both."""
    bench = Bench(slots=4)
    bench.hold = {"new.jpg", "old.jpg"}
    began = time.monotonic()
    bench.gate.hold("overloaded", started_at=began, now=began, retry_after=0.2)
    async with bench.feeding():
        await bench.offer("old.jpg", lane=Lane.BACKLOG)
        await bench.offer("new.jpg")
        await bench.until(lambda: len(bench.begun) == 1)
        await wait_all_tasks_blocked()
        assert len(bench.begun) == 1
        bench.gate.succeed(started_at=time.monotonic())
        bench.let_go(*bench.begun)
        await bench.until(lambda: len(bench.begun) == 2)
