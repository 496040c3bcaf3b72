"""The ledger: what each request cost, and the caps that are held while it is entered."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from dataclasses import replace

import pytest
from index_helpers import OWNER, RECIPE, add_captioned, answer, claim, opened, request, sighting
from test_index_migrations import make_first_version

from captiond.errors import OverBudget
from captiond.index.ledger_base import FREE, Bill, Spent
from captiond.index.search import Library
from captiond.index.spending import spent_by
from captiond.index.store import SqliteIndex
from captiond.models import Cap, Sent, Tier, Usage

DAY = Cap("usd_per_day", 1.0, 0.0, 86_400.0)


def costing(usd, *, number="r1", path="a.jpg", within=(), at=4.0, **more):
    asked = request(path, number=number, digest=number)
    return replace(asked, reserved_usd=usd, within=within, started_at=at, **more)


async def note(index, *requests):
    for one in requests:
        await index.note(one, owner=OWNER)


async def test_a_request_is_reserved_until_its_cost_is_known(index):
    """In flight it counts with its bound, answered with its cost and its tokens."""
    await note(index, costing(0.4))
    assert await index.ledger.spent(since=0.0) == Spent(requests=1, in_flight=1, in_flight_usd=0.4)
    await index.answer(answer(number="r1", cost_usd=0.25))
    assert await index.ledger.spent(since=0.0) == Spent(
        requests=1,
        answered=1,
        input_tokens=100,
        output_tokens=20,
        thinking_tokens=5,
        usd=0.25,
    )


async def test_what_is_not_billed_costs_nothing(index):
    """An HTTP error gives the reservation back."""
    await note(index, costing(0.4))
    await index.abandon("r1", "overloaded", now=5.0, bill=FREE)
    assert await index.ledger.spent(since=0.0) == Spent(requests=1)


async def test_a_billed_answer_without_a_caption_is_counted(index):
    """A refusal costs its tokens."""
    await note(index, costing(0.4))
    await index.abandon("r1", "blocked", now=5.0, bill=Bill(Usage(100, 7, 2), 0.01))
    spent = await index.ledger.spent(since=0.0)
    assert spent == Spent(
        requests=1, input_tokens=100, output_tokens=7, thinking_tokens=2, usd=0.01
    )


async def test_what_nobody_knows_stays_reserved(index):
    """A timeout, and a crash, count with what they may have cost."""
    await note(index, costing(0.4), costing(0.2, number="r2"))
    await index.abandon("r1", "no answer in time", now=5.0, bill=None)
    await index.recover(now=6.0)
    spent = await index.ledger.spent(since=0.0)
    assert spent == Spent(requests=2, lost=2, lost_usd=pytest.approx(0.6))


async def test_an_unknown_price_is_told_and_never_zero(index):
    """Neither reserved nor priced: counted as such, whatever becomes of it."""
    await note(index, *(costing(None, number=number) for number in ("r1", "r2", "r3")))
    await index.answer(answer(number="r1", cost_usd=None))
    await index.abandon("r2", "blocked", now=5.0, bill=Bill(Usage(1, 1)))
    assert (await index.ledger.spent(since=0.0)).unpriced == 3
    await index.abandon("r3", "overloaded", now=5.0, bill=FREE)
    spent = await index.ledger.spent(since=0.0)
    assert (spent.unpriced, spent.usd) == (2, 0.0)


async def test_a_request_whose_words_are_not_kept_is_closed(index):
    """`settle` counts an answer without a caption."""
    await note(index, costing(0.4))
    await index.ledger.settle("r1", Bill(Usage(10, 2), 0.1, Tier.FLEX), now=5.0)
    spent = await index.ledger.spent(since=0.0)
    assert (spent.answered, spent.usd, spent.in_flight) == (1, 0.1, 0)
    await index.recover(now=6.0)
    assert (await index.ledger.spent(since=0.0)).lost == 0


async def test_a_cap_counts_what_is_spent_lost_and_in_flight(index):
    """The request that would pass the cap is not entered; one that just fits is."""
    await note(index, *(costing(0.3, number=number, within=(DAY,)) for number in ("r1", "r2")))
    await index.answer(answer(number="r1", cost_usd=0.25))
    await index.abandon("r2", "no answer in time", now=5.0, bill=None)
    await note(index, costing(0.2, number="r3", within=(DAY,)))
    with pytest.raises(OverBudget) as over:
        await index.note(costing(0.26, number="r4", within=(DAY,)), owner=OWNER)
    assert over.value.until is None, "only what is in flight stands in the way"
    await note(index, costing(0.25, number="r5", within=(DAY,)))
    assert (await index.ledger.spent(since=0.0)).requests == 4


async def test_a_cap_that_is_reached_says_when_it_goes_on(index):
    """What is spent already leaves no room: not before the period ends."""
    await note(index, costing(0.3))
    await index.answer(answer(number="r1", cost_usd=0.9))
    with pytest.raises(OverBudget, match=r"limits\.usd_per_day = 1 .*\$0\.9000 spent") as over:
        await index.note(costing(0.2, number="r2", within=(DAY,)), owner=OWNER)
    assert over.value.until == 86_400.0


async def test_a_cap_of_nothing_lets_nothing_through(index):
    """With 0 USD not even what costs nothing is entered."""
    with pytest.raises(OverBudget):
        await index.note(costing(0.0, within=(replace(DAY, usd=0.0),)), owner=OWNER)


async def test_a_claim_over_the_cap_stays_as_it_was(index):
    """The photo can be released as if it had never been claimed."""
    await index.offer([sighting()], now=1.0)
    (one,) = await claim(index)
    with pytest.raises(OverBudget):
        await index.begin(costing(2.0, within=(DAY,)), owner=OWNER)
    await index.release([one.photo], owner=OWNER)
    assert len(await claim(index)) == 1


async def test_a_clock_that_jumps_back_opens_no_cap(index):
    """What was asked ahead of the clock counts for every period that began before it."""
    tomorrow = 100_000.0
    await note(index, costing(0.9, at=tomorrow, within=(DAY,)))
    with pytest.raises(OverBudget):
        await index.note(costing(0.2, number="r2", at=4.0, within=(DAY,)), owner=OWNER)


async def test_another_day_has_its_own_cap(index):
    """What was asked before the period does not count for it."""
    await note(index, costing(0.9))
    later = replace(DAY, since=86_400.0, until=172_800.0)
    await note(index, costing(0.9, number="r2", at=90_000.0, within=(later,)))
    assert (await index.ledger.spent(since=86_400.0)).requests == 1


async def test_the_average_output_is_of_the_recipe_or_else_of_the_model(index):
    """The recipe's own answers come first, then those of its model."""
    other = replace(RECIPE, prompt="Otherwise.")
    assert await index.ledger.recent_output(RECIPE) is None
    await add_captioned(index, "a.jpg")
    assert await index.ledger.recent_output(RECIPE) == 20.0
    assert await index.ledger.recent_output(other) == 20.0
    await note(index, replace(costing(0.1, number="r9"), recipe=other))
    await index.ledger.settle("r9", Bill(Usage(1, 60), 0.1), now=5.0)
    assert await index.ledger.recent_output(other) == 60.0
    assert await index.ledger.recent_output(RECIPE) == 20.0
    assert await index.ledger.recent_output(replace(RECIPE, model="another")) is None


async def test_two_processes_near_the_cap_do_not_both_pass_it(tmp_path):
    """Of fifty requests from two connections only as many are entered as the cap holds."""
    async with opened("sqlite", tmp_path) as one, opened("sqlite", tmp_path) as other:

        async def enter(index, number):
            with contextlib.suppress(OverBudget):
                await index.note(costing(0.1, number=number, within=(DAY,)), owner=OWNER)

        turns = [(index, f"{n} {at}") for n in range(25) for at, index in enumerate((one, other))]
        await asyncio.gather(*(enter(index, number) for index, number in turns))
        assert await one.ledger.spent(since=0.0) == Spent(
            requests=10, in_flight=10, in_flight_usd=1.0
        )


async def test_what_was_sent_is_kept_without_the_prompt(tmp_path):
    """Tier, lane, reservation and what went out; the recipe's prompt is not repeated."""
    sent = Sent(("data of the photo", RECIPE.prompt), "image/jpeg", 40, 30, 1234)
    async with opened("sqlite", tmp_path) as index:
        await note(index, costing(0.4, tier=Tier.FLEX, sent=sent))
        await index.answer(replace(answer(number="r1"), tier=Tier.STANDARD))
    with contextlib.closing(sqlite3.connect(tmp_path / "index.db")) as db:
        columns = "tier, answered_tier, lane, reserved_usd, sent"
        (row,) = db.execute(f"SELECT {columns} FROM requests").fetchall()
    assert row[:4] == ("flex", "standard", 0, 0.4)
    assert '"texts": ["data of the photo", null]' in row[4]


async def test_the_sums_are_those_of_the_ledger(tmp_path):
    """Through every kind of end, and a change of tier, the sums stay what the rows add up to."""
    async with opened("sqlite", tmp_path) as index:
        await note(index, *(costing(0.1 * n, number=f"r{n}", at=900.0 * n) for n in range(1, 7)))
        await index.answer(replace(answer(number="r1"), tier=Tier.FLEX))
        await index.abandon("r2", "overloaded", now=5.0)
        await index.abandon("r3", "no answer", now=5.0, bill=None)
        await index.abandon("r4", "blocked", now=5.0, bill=Bill(Usage(5, 5), 0.01, Tier.FLEX))
        await index.answer(answer(number="r3"))
    with Library(tmp_path / "index.db") as library:
        by_tier = dict(spent_by(library, "tier", since=0.0))
        assert by_tier["flex"].usd == pytest.approx(0.26)
        summed = library.rows("SELECT sum(requests), sum(nano_usd) FROM spending", ())
        rows = library.rows("SELECT sum(requests), sum(nano_usd) FROM requests_spending", ())
    assert summed == rows == [(6, 510_000_000)]


async def test_a_ledger_of_an_older_version_is_summed_up(tmp_path):
    """Rows that were written before have no tier and no bound: their cost counts all the same."""
    path = tmp_path / "index.db"
    await make_first_version(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(
            """
            DROP TRIGGER requests_entered; DROP TRIGGER requests_changing;
            DROP TRIGGER requests_changed; DROP VIEW spending_changes; DROP VIEW requests_spending;
            DROP TABLE spending; DROP INDEX requests_time;
            ALTER TABLE requests DROP COLUMN tier; ALTER TABLE requests DROP COLUMN answered_tier;
            ALTER TABLE requests DROP COLUMN lane; ALTER TABLE requests DROP COLUMN reserved_usd;
            ALTER TABLE requests DROP COLUMN sent;
            DELETE FROM _sqlite_migrations WHERE name = '0003_ledger';
            UPDATE requests SET cost_usd = 0.25;
            INSERT INTO requests
                SELECT 'old', root, folder, name, digest, recipe, owner, 'lost', NULL, NULL, NULL,
                    NULL, NULL, NULL, started_at, ended_at, NULL
                FROM requests;
            """
        )
    index = await SqliteIndex.open(path)
    try:
        spent = await index.ledger.spent(since=0.0)
    finally:
        await index.aclose()
    assert (spent.requests, spent.answered, spent.usd) == (2, 1, 0.25)
    assert (spent.lost, spent.lost_usd, spent.unpriced) == (1, 0.0, 1)
