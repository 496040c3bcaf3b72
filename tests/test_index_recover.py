"""What a crash leaves, and whom it puts under suspicion: asked of every Index alike."""

from __future__ import annotations

import pytest
from index_helpers import (
    OWNER,
    answer,
    claim,
    claimed_paths,
    completed,
    photo,
    request,
    sighting,
)

from captiond.index.base import CRASH_LIMIT, Retry
from captiond.index.suspects import claimable
from captiond.models import Lane, State


async def test_photos_in_flight_come_back_uncounted(index):
    """A photo that was only claimed at a crash is as it was before."""
    await index.offer([sighting()], now=1.0)
    (before,) = await claim(index)
    for _ in range(CRASH_LIMIT + 1):
        assert await index.recover(now=2.0) == [photo()]
        assert await index.recover(now=2.0) == []
        assert await claim(index) == [before]


async def crash(index, *paths, number):
    """Crash with these photos claimed, and each with the captioner."""
    assert await claimed_paths(index) == list(paths)
    for path in paths:
        assert await index.begin(request(path, number=f"{number} {path}"), owner=OWNER)
    assert len(await index.recover(now=2.0)) == len(paths)


async def test_the_photo_at_the_captioner_counts_crashes(index):
    """A photo whose request was in flight at three crashes is set aside, its neighbour not."""
    await index.offer([sighting("good.jpg"), sighting("bad.jpg")], now=1.0)
    await crash(index, "bad.jpg", "good.jpg", number=1)
    for number in range(2, CRASH_LIMIT + 1):
        await crash(index, "bad.jpg", number=number)
    assert await index.counts() == {State.FAILED: 1, State.QUEUED: 1}
    assert await claimed_paths(index) == ["good.jpg"]


async def test_a_suspect_is_claimed_alone(index):
    """A photo that was with the captioner at a crash waits for all others, and they for it."""
    await index.offer([sighting("suspect.jpg")], now=1.0)
    await crash(index, "suspect.jpg", number=1)
    await index.offer([sighting("new.jpg")], now=3.0)
    await index.offer([sighting("old.jpg")], now=0.5)
    assert await claimed_paths(index) == ["new.jpg"]
    assert await claimed_paths(index) == []
    await index.complete([completed("new.jpg")], owner=OWNER)
    assert await claimed_paths(index) == ["suspect.jpg"]
    assert await claimed_paths(index) == []
    assert await claimed_paths(index, owner="other") == ["old.jpg"]


async def test_no_two_suspects_meet_a_crash_together(index):
    """Those of the backlog wait for those among the arrivals, who may be another owner's."""
    await index.offer([sighting("old.jpg", lane=Lane.BACKLOG), sighting("new.jpg")], now=1.0)
    await crash(index, "new.jpg", "old.jpg", number=1)
    await index.offer([sighting("fresh.jpg", lane=Lane.BACKLOG)], now=3.0)
    backlog = {"owner": "backlog", "lanes": [Lane.BACKLOG]}
    assert await claimed_paths(index, **backlog) == ["fresh.jpg"]
    await index.complete([completed("fresh.jpg")], owner="backlog")
    assert await claimed_paths(index, **backlog) == []
    assert await claimed_paths(index, lanes=[Lane.ARRIVAL]) == ["new.jpg"]
    assert await claimed_paths(index, **backlog) == []
    await index.complete([completed("new.jpg")], owner=OWNER)
    assert await claimed_paths(index, **backlog) == ["old.jpg"]


async def test_a_suspect_steps_back_for_a_while(index):
    """What else kills captiond in a row finds other photos in flight: 3 s later, then 12 s."""
    await index.offer([sighting()], now=1.0)
    for number, seconds in enumerate((3.0, 12.0)):
        assert await claimed_paths(index) == ["a.jpg"]
        assert await index.begin(request(number=str(number)), owner=OWNER)
        await index.recover(now=100.0)
        assert await index.next_due() == 100.0 + seconds
        assert await claimed_paths(index, now=100.0 + seconds - 0.1) == []


async def test_an_answer_ends_the_suspicion(index):
    """A photo that came back from the captioner is claimed beside others, its crashes forgotten."""
    await index.offer([sighting("a.jpg"), sighting("b.jpg")], now=1.0)
    await crash(index, "b.jpg", "a.jpg", number=1)
    assert await claimed_paths(index) == ["b.jpg"]
    await index.begin(request("b.jpg", number="again"), owner=OWNER)
    await index.answer(answer("b.jpg", number="again"))
    await index.retry([Retry(photo("b.jpg"), 5.0, "no room")], owner=OWNER)
    await index.offer([sighting("c.jpg")], now=9.0)
    assert await claimed_paths(index) == ["c.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("due", "held", "expected"),
    [
        ([], [], 0),
        ([False, False, True], [], 2),
        ([True, True], [], 1),
        ([True, False], [False], 0),
        ([False, False], [False, False], 2),
        ([False], [True], 0),
    ],
)
def test_how_many_may_be_claimed(due, held, expected):
    """Photos above suspicion side by side, a suspect when nothing else is held."""
    assert claimable(due, held=held) == expected


async def test_an_abandoned_request_is_no_crash(index):
    """Only requests still open at the crash count."""
    await index.offer([sighting()], now=1.0)
    for number in range(CRASH_LIMIT + 1):
        assert len(await claim(index)) == 1
        await index.begin(request(number=str(number)), owner=OWNER)
        await index.abandon(str(number), "overloaded", now=2.0)
        assert len(await index.recover(now=3.0)) == 1


async def test_a_changed_file_that_was_held_is_free(index):
    """A claim that was void at the crash does not keep the photo back."""
    await index.offer([sighting()], now=1.0)
    await claim(index)
    await index.offer([sighting(version=2)], now=2.0)
    assert await index.recover(now=3.0) == [photo()]
    assert len(await claim(index)) == 1


async def test_requeue_forgets_crashes(index):
    """A photo set aside and queued anew has its three chances again."""
    await index.offer([sighting()], now=1.0)
    for number in range(CRASH_LIMIT):
        await claim(index)
        await index.begin(request(number=str(number)), owner=OWNER)
        await index.recover(now=2.0)
    await index.requeue(states=[State.FAILED], now=3.0)
    await claim(index)
    await index.begin(request(number="again"), owner=OWNER)
    await index.recover(now=4.0)
    assert await index.counts() == {State.QUEUED: 1}
