"""Own back-offs, bad luck and bad photos, slots that are lent."""

from __future__ import annotations

import itertools
import random

import anyio
import pytest

from captiond.errors import CaptionerShed, ReplyUnusable
from captiond.models import Lane, Photo
from captiond.quota.odds import RUN, Odds
from captiond.quota.setbacks import (
    ALONE_FAULTS,
    ALONE_LIMIT_SECONDS,
    FIRST_SECONDS,
    LIMIT_SECONDS,
    REMEMBERED,
    Setbacks,
)
from captiond.quota.slots import Slots

POISON, GOOD = Photo("/photos", "poison.jpg"), Photo("/photos", "good.jpg")


def test_a_photo_that_fails_alone_steps_back_ever_longer() -> None:
    """From half a second to an hour, as long as others are answered between its faults."""
    setbacks, steps = Setbacks(), []
    for _ in range(20):
        steps.append(setbacks.meet(POISON))
        setbacks.end(GOOD)
    assert steps[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert steps[-1] == LIMIT_SECONDS
    setbacks.end(POISON)
    assert setbacks.meet(POISON) == FIRST_SECONDS


def test_in_an_outage_no_photo_gathers_a_setback() -> None:
    """However often they fail, while nobody is answered they come back at once."""
    setbacks = Setbacks()
    setbacks.end(GOOD)
    for _ in range(ALONE_FAULTS):
        assert {setbacks.meet(POISON), setbacks.meet(GOOD)} == {FIRST_SECONDS}


def test_who_is_alone_to_fail_steps_back_in_the_end() -> None:
    """A poison photo in a library where all else is done is not asked about for ever."""
    setbacks = Setbacks()
    steps = [setbacks.meet(POISON) for _ in range(ALONE_FAULTS + 20)]
    assert steps[ALONE_FAULTS - 1] == FIRST_SECONDS
    assert steps[-1] == ALONE_LIMIT_SECONDS


def test_memory_of_setbacks_is_bounded() -> None:
    """Photos that fail and are deleted do not pile up."""
    setbacks = Setbacks()
    for number in range(REMEMBERED + 5):
        setbacks.meet(Photo("/photos", f"{number}.jpg"))
    assert len(setbacks._known) == REMEMBERED


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_bad_luck_gives_up_no_photo(share: float) -> None:
    """Of 20,000 photos that meet nonsense at random none brings too many in a row by chance."""
    odds, rng, given_up = Odds(), random.Random(1), 0  # noqa: S311 luck, no secret
    for _ in range(20_000):
        for attempt in itertools.count(1):
            usable = rng.random() >= share
            odds.note(attempt=attempt, usable=usable)
            given_up += not usable and attempt >= odds.tries()
            if usable:
                break
    assert given_up == 0


def test_a_bad_photo_is_given_up_soon_where_others_fare_well() -> None:
    """Its own replies do not count for the service: it costs five requests, or nine at a start."""
    odds = Odds()
    odds.note(attempt=1, usable=False)
    assert odds.tries() <= 9
    for _ in range(300):
        odds.note(attempt=1, usable=True)
    odds.note(attempt=1, usable=False)
    for attempt in range(2, 10):
        odds.note(attempt=attempt, usable=False)
    assert 4 <= odds.tries() <= 6


def test_photo_after_photo_without_a_usable_reply_is_in_vain() -> None:
    """A queue of thousands is not paid for; retries do not count, one usable reply ends it."""
    odds = Odds()
    for _ in range(RUN - 1):
        odds.note(attempt=1, usable=False)
        odds.note(attempt=2, usable=False)
    assert not odds.in_vain
    odds.note(attempt=1, usable=False)
    assert odds.in_vain
    odds.note(attempt=4, usable=True)
    assert not odds.in_vain


async def test_before_the_first_answer_there_is_one_slot() -> None:
    """One question finds out whether the service is there; its answer opens all slots."""
    asking, asked = Slots(8), 0

    async def ask() -> None:
        nonlocal asked
        async with asking.slot(Lane.ARRIVAL):
            with asking.watched():
                asked += 1
                first = asked == 1
                await anyio.wait_all_tasks_blocked() if first else await release.wait()
                assert not first or asked == 1

    release = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
        while asked < 9:
            await anyio.wait_all_tasks_blocked()
        assert asked == 9
        release.set()
    assert asked == 20


async def test_slots_that_hang_are_lent_one_by_one_and_all_at_a_sign_of_life() -> None:
    """In a silence one more question each patience; an answer to it sets all slots free."""
    asking, asked = Slots(3, patience_seconds=0.2), []
    hang, quiet = anyio.Event(), anyio.Event()

    async def ask(name: str, until: anyio.Event | None) -> None:
        async with asking.slot(Lane.ARRIVAL):
            with asking.watched():
                asked.append(name)
                if until is not None:
                    await until.wait()

    async with anyio.create_task_group() as tasks:
        tasks.cancel_scope.deadline = anyio.current_time() + 10
        await ask("first", None)
        began = anyio.current_time()
        for _ in range(3):
            tasks.start_soon(ask, "hangs", hang)
        tasks.start_soon(ask, "probe", quiet)
        for _ in range(5):
            tasks.start_soon(ask, "later", hang)
        await anyio.wait_all_tasks_blocked()
        assert asked == ["first", "hangs", "hangs", "hangs"]
        while "probe" not in asked:
            await anyio.lowlevel.checkpoint()
        assert anyio.current_time() - began >= 0.19
        assert len(asked) == 5
        quiet.set()
        while asked.count("later") < 3:
            await anyio.lowlevel.checkpoint()
        assert len(asked) == 8
        hang.set()
    assert len(asked) == 10
    assert asking._line.places == 3


@pytest.mark.parametrize("total", [2, 8])
async def test_a_slow_service_never_gets_more_questions_than_allowed(total: int) -> None:
    """Where answers take long, waiting long is no silence, from the first question on."""
    asking, at_once, most = Slots(total, patience_seconds=0.05), 0, 0

    async def ask() -> None:
        nonlocal at_once, most
        async with asking.slot(Lane.ARRIVAL):
            at_once += 1
            most = max(most, at_once)
            with asking.watched():
                await anyio.sleep(0.3)
            at_once -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(4 * total):
            tasks.start_soon(ask)
    assert most == total


async def test_a_shed_flex_question_halves_the_slots_once_for_all_asked_together() -> None:
    """Whoever was asked beside it and is shed, too, says nothing new."""
    asking, release = Slots(4), anyio.Event()
    with asking.watched():
        pass

    async def be_shed() -> None:
        await release.wait()
        raise CaptionerShed("no room")

    async def ask() -> None:
        async with asking.slot(Lane.BACKLOG):
            with pytest.raises(CaptionerShed), asking.watched():
                await be_shed()

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        release.set()
    assert asking.now == 2


async def test_an_unusable_reply_is_a_sign_of_life_and_a_fault_is_none() -> None:
    """What came back from the model opens the slots, what went wrong on the way does not."""
    asking = Slots(4)
    async with asking.slot(Lane.ARRIVAL):
        with pytest.raises(OSError, match="reset"), asking.watched():
            raise OSError("reset")
    assert asking._line.places == 1
    async with asking.slot(Lane.ARRIVAL):
        with pytest.raises(ReplyUnusable), asking.watched():
            raise ReplyUnusable("nothing")
    assert asking._line.places == 4
