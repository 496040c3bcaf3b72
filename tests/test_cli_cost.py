"""The verb `cost`: what was asked and what it cost."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import replace

import anyio
import pytest
from cli_helpers import RECIPE, House
from index_helpers import request

from captiond.index.ledger_base import Bill
from captiond.index.store import SqliteIndex
from captiond.models import Photo, Tier, Usage

NOW = time.time()
DAYS = 86_400.0


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Four photos of today at $0.001, one lost, one of ten days ago by flex, two unpriced."""
    made = House(tmp_path_factory.mktemp("cost") / "house")
    made.fill()
    anyio.run(_ask_more, made)
    return made


async def _ask_more(house):
    index = await SqliteIndex.open(house.index)
    other = replace(RECIPE, model="my-own-model")
    try:
        for number, at, recipe, usd in (
            ("lost", NOW, RECIPE, 0.007),
            ("old", NOW - 10 * DAYS, RECIPE, 0.5),
            ("own", NOW, other, None),
            ("own lost", NOW, other, None),
        ):
            asked = replace(request(number=number, recipe=recipe), photo=_photo(house, number))
            await index.note(replace(asked, started_at=at, reserved_usd=usd), owner="test")
        await index.abandon("lost", "no answer", now=NOW, bill=None)
        await index.ledger.settle("old", Bill(Usage(1000, 90, 40), 0.5, Tier.FLEX), now=NOW)
        await index.ledger.settle("own", Bill(Usage(10, 1)), now=NOW)
        await index.abandon("own lost", "no answer", now=NOW, bill=None)
    finally:
        await index.aclose()


def _photo(house, number):
    return Photo(str(house.photos), f"boats/{number}.jpg")


def rows(house, *arguments):
    return {row["name"]: row for row in house.json("cost", *arguments)["rows"]}


def test_the_totals_are_of_today_this_month_and_all(house):
    """What no answer came for, and what has no price, stands beside and is never 0."""
    told = rows(house)
    assert list(told) == ["today", "this month", "in all"]
    today, everything = told["today"], told["in all"]
    assert (today["requests"], today["answered"], everything["requests"]) == (7, 5, 8)
    assert today["usd"] == pytest.approx(0.004)
    assert everything["usd"] == pytest.approx(0.504)
    assert (today["lost"], today["lost_usd"], today["unpriced"]) == (2, pytest.approx(0.007), 2)
    assert today["usd_per_1000"] is None
    assert everything["thinking_tokens"] == 40


def test_it_is_split_up_by_tier_model_folder_and_day(house):
    """Each group has its own line, and together they are everything."""
    by_tier, by_model = rows(house, "--by", "tier"), rows(house, "--by", "model")
    assert by_tier["flex"]["usd_per_1000"] == pytest.approx(500.0)
    assert by_model["my-own-model"]["usd"] is None
    assert by_model["m"]["usd"] == pytest.approx(0.504)
    by_folder, by_day = rows(house, "--by", "folder"), rows(house, "--by", "day")
    assert set(by_folder) == {f"{house.photos}/boats", f"{house.photos}/cats"}
    assert len(by_day) == 2
    for split in (by_tier, by_model, by_folder, by_day):
        assert sum(row["requests"] for row in split.values()) == 8


def test_people_read_what_is_not_known(house):
    """Unknown prices and lost answers are told in words."""
    code, out, err = house.run("cost", "--by", "model")
    assert (code, err) == (0, "")
    own = next(line for line in out.splitlines() if line.startswith("my-own-model"))
    assert "unknown" in own.split("\t")
    assert own.endswith("1 request unanswered; 2 requests of unknown price")
    assert "1 request unanswered: at most $0.0070 more" in out
    assert "at most $0.0070 more" in house.on_terminal("cost", columns=150)


@pytest.mark.parametrize(("when", "requests"), [("24h", 7), ("2w", 8), ("2001-01-01", 8)])
def test_since_takes_a_date_or_a_span(house, when, requests):
    """Only what was asked since then is counted."""
    (total,) = rows(house, "--since", when).values()
    assert total["requests"] == requests


@pytest.mark.parametrize("wrong", [("--since", "soon"), ("--since", "7y"), ("--by", "colour")])
def test_what_makes_no_sense_is_a_usage_error(house, wrong):
    """Exit code 2, and the words that are understood."""
    code, out, err = house.run("cost", *wrong)
    assert (code, out) == (2, "")
    assert wrong[1] in err


def test_an_index_of_an_older_version_is_told_as_such(tmp_path):
    """`cost` asks for a start of the daemon, and `status` leaves the money out."""
    house = House(tmp_path / "house")
    house.fill()
    with contextlib.closing(sqlite3.connect(house.index)) as db:
        db.executescript("DROP TRIGGER requests_entered; DROP TABLE spending;")
    code, _, err = house.run("cost")
    assert code == 1
    assert "older captiond" in err
    assert house.json("status")["money"] == {}
