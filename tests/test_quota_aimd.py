"""How many questions at once, when the service is asked too much."""

from __future__ import annotations

import anyio
import pytest

from captiond.errors import Busy, CaptionerBusy
from captiond.quota.slots import Slots


async def test_slots_halve_once_a_round_and_grow_again_by_one_a_round() -> None:
    """Eight refusals of questions asked together are one; eight answers bring one more."""
    asking = Slots(16)
    await answer(asking)
    await all_open(asking)
    release = anyio.Event()

    async def refused() -> None:
        with pytest.raises(CaptionerBusy):
            await refuse(asking, Busy.RATE, after=release)

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(refused)
        await anyio.wait_all_tasks_blocked()
        release.set()
    assert asking.now == 8
    for slots in (8, 9, 10):
        assert asking.now == slots
        for _ in range(slots + 1):
            await answer(asking)
    for _ in range(10):
        asking.cut()
    assert asking.now == 1
    for _ in range(200):
        await answer(asking)
    assert asking.now == 16


async def test_an_overload_that_is_borne_costs_no_slot() -> None:
    """One 503 in a hundred is bad luck; that the service is overloaded is the gate's to say."""
    asking = Slots(4)
    await answer(asking)
    await all_open(asking)
    with pytest.raises(CaptionerBusy):
        await refuse(asking, Busy.OVERLOAD)
    assert asking.now == 4


async def answer(asking: Slots) -> None:
    with asking.watched():
        pass


async def refuse(asking: Slots, kind: Busy, *, after: anyio.Event | None = None) -> None:
    with asking.watched():
        if after is not None:
            await after.wait()
        raise CaptionerBusy("refused", kind=kind)


async def all_open(asking: Slots) -> None:
    with anyio.fail_after(10):
        while asking.now < asking.total:  # noqa: ASYNC110 slots open by a timer, without an event
            await anyio.sleep(0.01)
