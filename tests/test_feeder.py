"""Who is begun, when, and how many at once."""

from __future__ import annotations

import time
from collections.abc import Collection

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from feeder_helpers import OWNER, Bench, names
from index_helpers import photo

from captiond.feeder import IDLE_SECONDS, Bell
from captiond.index.base import Claim, Retry
from captiond.models import Lane, State
from captiond.testing.memory_index import MemoryIndex


@pytest.mark.parametrize("slots", [1, 3])
async def test_never_more_than_the_slots_at_once(slots: int) -> None:
    """Of many due photos as many are in flight as there are slots, until all are done."""
    bench = Bench(slots=slots)
    bench.hold = set(names(20))
    async with bench.feeding():
        await bench.offer(*names(20))
        while len(bench.begun) < 20:
            await wait_all_tasks_blocked()
            assert bench.feeder.in_flight == slots
            bench.let_go(bench.begun[-slots])
        await bench.until(lambda: len(bench.begun) == 20)
    assert bench.most == slots
    assert sorted(bench.begun) == sorted(names(20))


async def test_a_photo_that_becomes_due_during_a_claim_is_not_forgotten() -> None:
    """The bell rings while the feeder is busy: it looks again at once, not after a while."""
    bench = Bench(slots=8)

    async def offer_another(path: str) -> None:
        if path == "0.jpg":
            await bench.offer("1.jpg")

    bench.on_begin = offer_another
    began = time.monotonic()
    async with bench.feeding():
        await bench.offer("0.jpg")
        await bench.until(lambda: bench.begun == ["0.jpg", "1.jpg"])
    assert time.monotonic() - began < IDLE_SECONDS / 2


async def test_a_bell_rung_before_the_wait_is_heard() -> None:
    """Rings are remembered, several count as one."""
    bell = Bell()
    bell.ring()
    bell.ring()
    with anyio.fail_after(1):
        await bell.wait(100)
    began = time.monotonic()
    await bell.wait(0.01)
    assert time.monotonic() - began >= 0.009


async def test_closing_claims_nothing_more_and_waits_for_what_is_in_flight() -> None:
    """`run` returns when the last photo in flight is done; the others stay queued."""
    bench = Bench(slots=2)
    bench.hold = set(names(2))
    async with anyio.create_task_group() as tasks:
        await bench.offer(*names(2))
        tasks.start_soon(bench.feeder.run)
        await bench.until(lambda: len(bench.begun) == 2)
        await bench.offer("late.jpg")
        bench.feeder.close()
        await wait_all_tasks_blocked()
        assert bench.feeder.in_flight == 2
        bench.let_go(*names(2))
    assert bench.feeder.in_flight == 0
    assert await bench.index.counts() == {State.CAPTIONED: 2, State.QUEUED: 1}


async def test_a_stopped_gate_claims_nothing() -> None:
    """Photos stay queued, in nobody's hands, while an operator is waited for."""
    bench = Bench()
    bench.gate.stop("the key is wrong", now=time.monotonic())
    async with bench.feeding():
        await bench.offer("a.jpg")
        await wait_all_tasks_blocked()
        assert bench.begun == []
    assert bench.index.rows[photo("a.jpg")].attempts == 0


async def test_a_held_gate_opens_in_time_for_one_probe() -> None:
    """Nothing is begun before the pause is over, then one photo until it is answered."""
    bench = Bench(slots=4)
    bench.hold = {"a.jpg", "b.jpg"}
    began = time.monotonic()
    bench.gate.hold("overloaded", started_at=began, now=began, retry_after=0.2)
    async with bench.feeding():
        await bench.offer("a.jpg", "b.jpg")
        await bench.until(lambda: len(bench.begun) == 1)
        assert 0.2 <= time.monotonic() - began < 2
        await wait_all_tasks_blocked()
        assert len(bench.begun) == 1
        bench.gate.succeed(started_at=time.monotonic())
        bench.let_go(*bench.begun)
        await bench.until(lambda: len(bench.begun) == 2)


async def test_a_photo_is_tried_again_when_its_time_has_come() -> None:
    """The feeder wakes for `retry_at` by itself, not earlier and not much later."""
    bench = Bench()
    await bench.offer("a.jpg", ring=False)
    await bench.index.claim(owner=OWNER, limit=1, now=time.time())
    at = time.time() + 0.3
    await bench.index.retry([Retry(photo("a.jpg"), at, "later")], owner=OWNER)
    async with bench.feeding():
        await bench.until(lambda: len(bench.begun) == 1)
    assert at <= time.time() < at + 2


class CountedClaims(MemoryIndex):
    """Counts how often it is asked for photos; `many` is set at the fifth time."""

    def __init__(self) -> None:
        super().__init__()
        self.claims = 0
        self.many = anyio.Event()

    async def claim(
        self, *, owner: str, limit: int, now: float, lanes: Collection[Lane] = tuple(Lane)
    ) -> list[Claim]:
        self.claims += 1
        if self.claims == 5:
            self.many.set()
        return await super().claim(owner=owner, limit=limit, now=now, lanes=lanes)


async def test_a_look_at_a_queue_with_nothing_due_claims_nothing() -> None:
    """A claim goes through the writer, a look does not: a daemon at rest only looks."""
    index = CountedClaims()
    bench = Bench(index=index)
    await bench.offer("a.jpg", ring=False)
    await index.claim(owner=OWNER, limit=1, now=time.time())
    await index.retry([Retry(photo("a.jpg"), time.time() + 0.3, "later")], owner=OWNER)
    index.claims = 0
    async with bench.feeding():
        await wait_all_tasks_blocked()
        assert index.claims == 2
        index.rows[photo("a.jpg")].retry_at = time.time() + 100
        with anyio.move_on_after(0.6):
            await index.many.wait()
        assert index.claims == 2
    assert bench.begun == []


async def test_what_waits_for_a_suspect_is_not_asked_for_again_and_again() -> None:
    """While a photo is held alone the feeder waits for its end, then goes on at once."""
    index = CountedClaims()
    bench = Bench(slots=4, index=index)
    await bench.offer(*names(3), ring=False)
    index.rows[photo("2.jpg")].crashes = 1
    bench.hold = {"2.jpg"}
    async with bench.feeding():
        await bench.until(lambda: bench.begun == ["2.jpg"])
        with anyio.move_on_after(0.5):
            await index.many.wait()
        assert index.claims < 5
        began = time.monotonic()
        bench.let_go("2.jpg")
        await bench.until(lambda: len(bench.begun) == 3)
    assert time.monotonic() - began < IDLE_SECONDS / 2


async def test_it_is_idle_when_nothing_is_due_soon() -> None:
    """Photos in flight and photos due within the time count, later ones do not."""
    bench = Bench()
    assert await bench.feeder.is_idle(within_seconds=60)
    await bench.offer("a.jpg", ring=False)
    assert not await bench.feeder.is_idle(within_seconds=60)
    await bench.index.claim(owner=OWNER, limit=1, now=time.time())
    retry = Retry(photo("a.jpg"), time.time() + 100, "later")
    await bench.index.retry([retry], owner=OWNER)
    assert await bench.feeder.is_idle(within_seconds=60)
    assert not await bench.feeder.is_idle(within_seconds=200)


async def test_an_error_out_of_the_index_ends_the_feeder() -> None:
    """Work that cannot even be recorded takes the daemon down loudly."""
    bench = Bench()

    async def fail(_: str) -> None:
        await checkpoint()
        raise OSError("the index is gone")

    bench.on_begin = fail
    await bench.offer("a.jpg")
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await bench.feeder.run()
