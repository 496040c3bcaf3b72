"""What the index keeps of limits, and what of the ledger counts for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from index_helpers import OWNER, RECIPE, claim, photo, request, sighting

from captiond.index.base import Retry
from captiond.index.limits_base import LONGEST_WAIT_SECONDS, PARKED, Learned

MODEL = RECIPE.model
OTHER = replace(RECIPE, model="pro")
NOW = 1_800_000_000.0


async def test_what_was_learned_of_a_model_is_kept(index):
    """The newest number of a name stands, and other models have their own."""
    day = Learned(PARKED, None, "daily quota used up", NOW, until=NOW + 3600)
    rate = Learned("requests_per_minute", 15, "GenerateRequestsPerMinute", NOW)
    await index.limits.learn(MODEL, [day, rate])
    await index.limits.learn("pro", [replace(rate, value=2)])
    await index.limits.learn(MODEL, [replace(rate, value=20)])
    learned = await index.limits.learned(MODEL)
    assert sorted(learned, key=lambda one: one.name) == [day, replace(rate, value=20)]
    assert await index.limits.learned("flash-9") == []


async def test_requests_count_by_model_and_time(index):
    """Those in flight count; neither older ones nor later ones nor another model's do."""
    for number, (at, recipe) in enumerate(
        [
            (NOW - 90, RECIPE),
            (NOW - 50, RECIPE),
            (NOW - 10, RECIPE),
            (NOW - 5, OTHER),
            (NOW + 99, RECIPE),
        ]
    ):
        asked = request(f"{number}.jpg", number=f"r{number}", digest=f"d{number}", recipe=recipe)
        await index.note(replace(asked, started_at=at), owner=OWNER)
    asked = await index.limits.asked(MODEL, since=NOW - 60, until=NOW)
    assert sorted(asked) == [(NOW - 50, None), (NOW - 10, None)]
    assert await index.limits.asked_count(MODEL, since=NOW - 3600, until=NOW) == 3


async def test_what_the_service_refused_for_a_limit_does_not_count(index):
    """A 429 is none of the requests that the service counts."""
    await index.note(replace(request(), started_at=NOW), owner=OWNER)
    await index.abandon("r1", "asked too fast", now=NOW, limited=True)
    assert await index.limits.asked_count(MODEL, since=NOW - 60, until=NOW) == 0


@pytest.mark.parametrize("jump", [-7200.0, 50 * 365 * 86_400.0])
async def test_after_a_jump_of_the_clock_waiting_photos_wait_as_long_as_before(index, jump):
    """Whichever way it went; a time that was set by the right clock, before the boot, stays."""
    for path, at in (("soon.jpg", NOW + 30), ("boot.jpg", NOW + LONGEST_WAIT_SECONDS + 1)):
        await index.offer([sighting(path)], now=NOW)
        await claim(index, now=NOW)
        await index.retry([Retry(photo(path), at, "later")], owner=OWNER)
    assert await index.limits.postpone(jump, before=NOW) == 1
    due = {NOW + 30 + jump, NOW + LONGEST_WAIT_SECONDS + 1}
    assert await index.next_due() == min(due)
