"""What the index reads to answer: never more than it must, however many rows there are."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing

import pytest
from index_helpers import claim, claimed_paths, opened, photo, sighting

from captiond.index import beside, downloads, queue, withdrawals
from captiond.index.withdrawals_base import Taking
from captiond.models import Lane


@pytest.fixture
async def planned(tmp_path):
    """Return a function that tells how SQLite goes about a statement."""
    async with opened("sqlite", tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "index.db")) as db:

        def plan(sql, values):
            steps = db.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
            return " / ".join(step for *_, step in steps)

        yield plan


@pytest.mark.parametrize(
    "sql",
    [queue.DUE, queue.PROMOTE, queue.NEXT_DUE, queue.NEXT_LATER, queue.EARLIER_SUSPECT],
)
async def test_claims_read_the_queue_in_order(planned, sql):
    """No query of a claim reads more than it takes, or sorts."""
    plan = planned(sql, {"limit": 1, "now": 1.0, "lane": Lane.BACKLOG})
    assert "TEMP B-TREE" not in plan
    assert re.search(r"INDEX photos_(due|later|suspect) \((state=\? AND )?lane", plan), plan


async def test_a_long_queue_is_claimed_like_a_short_one(tmp_path):
    """With 100,000 photos waiting the newest come first, in a few milliseconds."""
    async with opened("sqlite", tmp_path) as index:
        for start in range(0, 100_000, 20_000):
            many = range(start, start + 20_000)
            await index.offer([sighting(f"{n:06}.jpg") for n in many], now=float(start))
        assert await claimed_paths(index, limit=3) == ["099999.jpg", "099998.jpg", "099997.jpg"]
        seconds = []
        for _ in range(20):
            start = time.perf_counter()
            await claim(index, limit=8)
            seconds.append(time.perf_counter() - start)
        assert sorted(seconds)[10] < 0.02


async def test_departed_photos_are_found_without_a_walk(planned):
    """Among a hundred thousand photos, what is asked after every deletion costs no time."""
    plan = planned(beside.DEPARTED, ("/photos", 1.0, 9, 0))
    assert not re.search("SCAN|TEMP", plan), plan


async def test_downloads_are_taken_in_the_order_of_their_index(planned):
    """Among a million addresses the next one is the first row that is read."""
    plan = planned(downloads.NEXT, {"besides": "[]", "among": None})
    assert "downloads_due" in plan
    assert "TEMP" not in plan


async def test_an_undo_goes_on_where_it_was(planned):
    """Of a large library no part that was taken back already is read again."""
    taking = Taking(places=[photo(""), photo("", root="/other")], since=0.0, until=9.0)
    plan = planned(*withdrawals.next_after(taking, "/photos", ("sub", "a.jpg"), limit=100))
    assert "(root=? AND (folder,name)>(?,?))" in plan, plan
    assert "TEMP" not in plan
