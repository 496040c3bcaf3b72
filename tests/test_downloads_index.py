"""The downloads of an index: one contract for SQLite and its twin in memory."""

from __future__ import annotations

import os

import pytest
from index_helpers import photo

from captiond.downloads.addresses import wanted
from captiond.index.downloads_base import Stage

ROOT = "/photos"


@pytest.fixture
def store(index):
    return index.downloads


def asked(*names, folder="", host="a.example"):
    return [wanted(f"https://{host}/{name}", ROOT, folder) for name in names]


async def test_an_address_is_one_row_for_its_folder(store):
    """Added again it is the same; for another folder it is another."""
    first = await store.add(asked("1.jpg", "2.jpg"), now=1.0)
    assert await store.add(asked("2.jpg", "1.jpg"), now=2.0) == first[::-1]
    (other,) = await store.add(asked("1.jpg", folder="in"), now=3.0)
    assert other not in first
    rows = await store.rows([other, *first])
    assert [(row.url, row.folder) for row in rows] == [
        ("https://a.example/1.jpg", "in"),
        ("https://a.example/1.jpg", ""),
        ("https://a.example/2.jpg", ""),
    ]
    assert await store.counts() == {Stage.QUEUED: 3}


async def test_the_oldest_is_claimed_first_and_once(store):
    """Busy hosts are passed over; the attempt is counted."""
    ids = await store.add([*asked("1"), *asked("2", host="b.example")], now=1.0)
    taken = await store.claim(now=2.0, besides=["a.example:443"])
    assert (taken.id, taken.state, taken.attempts) == (ids[1], Stage.UNDERWAY, 1)
    assert await store.claim(now=2.0, among=[ids[1]]) is None
    assert (await store.claim(now=2.0)).id == ids[0]
    assert await store.claim(now=2.0) is None


async def test_what_is_put_back_waits_for_its_time(store):
    """With its reason; an attempt that does not count is given back."""
    await store.add(asked("1"), now=1.0)
    taken = await store.claim(now=2.0)
    await store.postpone(taken, "busy", at=10.0)
    assert await store.next_due() == 10.0
    assert await store.next_due(besides=["a.example:443"]) is None
    assert await store.next_due(among=[]) is None
    assert await store.claim(now=9.0) is None
    taken = await store.claim(now=10.0)
    assert (taken.attempts, taken.reason) == (2, "busy")
    await store.postpone(taken, "full", at=20.0, counted=False)
    assert (await store.claim(now=20.0)).attempts == 2


async def test_what_waits_for_a_root_is_held_back(store):
    """What waits longer anyway, or for another root, is left as it is."""
    await store.add([*asked("1", "2"), wanted("https://a.example/3", "/other", "")], now=1.0)
    await store.postpone(await store.claim(now=2.0), "busy", at=90.0)
    await store.hold_back(ROOT, None, "full", at=60.0)
    rows = await store.rows([1, 2, 3])
    assert [(row.retry_at, row.reason) for row in rows] == [
        (90.0, "busy"),
        (60.0, "full"),
        (None, None),
    ]


async def test_a_folder_that_cannot_be_written_holds_back_its_own(store):
    """The other folders of the root go on."""
    await store.add([wanted(f"https://a.example/{at}", ROOT, at) for at in ("", "x", "x/y")], now=1)
    await store.hold_back(ROOT, "x", "gone", at=60.0)
    rows = await store.rows([1, 2, 3])
    assert [row.reason for row in rows] == [None, "gone", None]


async def test_a_crash_gives_the_attempt_back(store):
    """What was underway waits again, with what was known of its version."""
    await store.add(asked("1"), now=1.0)
    taken = await store.claim(now=2.0)
    await store.begun(taken, '"v1"')
    await store.recover()
    again = await store.claim(now=2.0)
    assert (again.attempts, again.validator) == (1, '"v1"')


async def test_what_came_keeps_its_source_by_content(store):
    """The first address stands; the row holds the told one."""
    await store.add(asked("1?token=x", "2"), now=1.0)
    for name in ("1", os.fsdecode(b"\xff.jpg")):
        taken = await store.claim(now=2.0)
        source = taken.url.partition("?")[0]
        await store.done(taken, name=name, digest="d1", source=source, now=3.0)
    assert await store.source_of("d1") == "https://a.example/1"
    assert await store.source_of("d2") == ""
    rows = await store.rows([1, 2])
    assert [row.photo.full for row in rows] == ["/photos/1", os.fsdecode(b"/photos/\xff.jpg")]
    assert rows[0].url == "https://a.example/1"
    assert await store.add(asked("1?token=x"), now=4.0) == [1]


async def test_what_ended_can_be_queued_anew(store):
    """By its address, or all that failed; with attempts from the start."""
    (first, second) = await store.add(asked("1?sig=x", "2"), now=1.0)
    taken = await store.claim(now=2.0)
    await store.done(taken, name="1.jpg", digest="d", source="https://a.example/1", now=3.0)
    await store.failed(await store.claim(now=2.0), "404", now=3.0)
    await store.anew(asked("1?sig=x"), now=4.0)
    (row, other) = await store.rows([first, second])
    assert (row.state, row.url, row.name) == (Stage.QUEUED, "https://a.example/1?sig=x", None)
    assert (other.state, other.reason) == (Stage.FAILED, "404")
    assert await store.retry_failed(now=5.0) == 1
    assert await store.counts() == {Stage.QUEUED: 2}
    assert (await store.claim(now=6.0)).attempts == 1


async def test_a_link_file_is_taken_once(store):
    """A changed one adds what is new in it; what is refused has failed at once."""
    file = photo("trip.urls.txt")
    named = [*asked("1"), wanted("ftp://x/", ROOT, "")]
    assert not await store.knows_links(file, "d1")
    assert await store.take_links(file, "d1", named, now=1.0) == 2
    assert await store.knows_links(file, "d1")
    assert not await store.knows_links(file, "d2")
    assert await store.take_links(file, "d2", asked("1", "2"), now=2.0) == 1
    assert await store.counts() == {Stage.QUEUED: 2, Stage.FAILED: 1}
