"""Ordering new captions, asked of every Index: the SQLite file and its twin alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from history_index_helpers import OFFLINE, OTHER, wanted, words_of
from index_helpers import (
    OWNER,
    RECIPE,
    add_captioned,
    answer,
    caption,
    claim,
    completed,
    opened,
    photo,
    request,
    sighting,
)

from captiond.index.base import Parked
from captiond.index.history_base import IN_VAIN, Share, Wanted
from captiond.models import Lane, State


class TestOrder:
    async def test_a_photo_waits_in_the_backlog_for_a_new_caption(self, index):
        """It is due at once, and nothing that was there before serves it."""
        await add_captioned(index)
        assert await index.history.order(wanted()) == 1
        (taken,) = await claim(index, lanes=[Lane.BACKLOG])
        assert (taken.anew_after, taken.attempts, taken.digest) == (1, 1, "d1")
        assert await words_of(index) is None
        after = taken.anew_after
        assert await index.caption_of("d1", recipe=RECIPE, after=after) is None
        assert await index.caption_of("d1", recipe=RECIPE) is not None

    async def test_its_new_caption_serves_it_and_its_copies(self, index):
        """A crash after the answer, or a copy that was ordered with it: nobody pays twice."""
        await add_captioned(index, "a.jpg")
        await add_captioned(index, "b.jpg")
        assert await index.history.order(wanted()) == 2
        claims = {one.photo.path: one for one in await claim(index)}
        await index.begin(request("a.jpg", number="new"), owner=OWNER)
        await index.answer(answer("a.jpg", number="new", shows=caption("new", created_at=1.0)))
        await index.recover(now=10.0)
        assert await words_of(index, "a.jpg") == "new"
        after = claims["b.jpg"].anew_after
        found = await index.caption_of("d1", recipe=RECIPE, after=after)
        assert found is not None
        assert found.description.caption == "new"
        assert await index.caption_of("d1", recipe=OTHER, after=after) is None

    @pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.SKIPPED])
    async def test_an_order_in_vain_leaves_the_photo_as_it_was(self, index, state):
        """It stays captioned with what it showed, the reason as a note."""
        await add_captioned(index)
        await index.history.order(wanted())
        await claim(index)
        await index.begin(request(number="r2"), owner=OWNER)
        await index.abandon("r2", "declined", now=9.0)
        await index.park([Parked(photo(), state, "declined")], owner=OWNER)
        assert await index.counts() == {State.CAPTIONED: 1}
        assert await words_of(index) == "a red boat"

    async def test_a_photo_that_kills_each_time_keeps_its_caption(self, index):
        """Three crashes set the order aside, not the photo."""
        await add_captioned(index)
        await index.history.order(wanted())
        for number in range(3):
            await claim(index)
            await index.begin(request(number=f"r{number}"), owner=OWNER)
            await index.recover(now=10.0)
        assert await index.counts() == {State.CAPTIONED: 1}
        assert await words_of(index) == "a red boat"

    async def test_a_changed_file_forgets_the_order(self, index):
        """Other bytes are a new photo."""
        await add_captioned(index)
        await index.history.order(wanted())
        await index.offer([sighting(version=2)], now=9.0)
        (taken,) = await claim(index)
        assert taken.anew_after is None

    async def test_a_missing_photo_that_comes_back_is_still_ordered(self, index):
        """A disk that was gone for a while loses no order."""
        await add_captioned(index)
        await index.history.order(wanted())
        await index.gone([photo()], now=8.0)
        await index.offer([sighting()], now=9.0)
        (taken,) = await claim(index)
        assert taken.anew_after == 1

    async def test_only_what_shows_a_caption_is_ordered(self, index):
        """Waiting, failed, missing photos and photos of other roots are left alone."""
        await index.offer([sighting("waits.jpg"), sighting("pipe.jpg", reason="a pipe")], now=1.0)
        assert await index.history.order(wanted()) == 0
        await add_captioned(index)
        elsewhere = Wanted(recipes={"/elsewhere": RECIPE.key}, places=[photo()])
        assert await index.history.order(elsewhere) == 0
        assert await index.history.order(Wanted(recipes={"/elsewhere": "x"})) == 0


class TestFilters:
    @pytest.fixture(autouse=True)
    async def _photos(self, index):
        shows = {
            "a.jpg": caption(digest="d1"),
            "x/b.jpg": caption(digest="d2", recipe=OTHER),
            "x/y/c.jpg": caption(digest="d2", recipe=OTHER),
            "x!/d.jpg": caption(digest="d3", recipe=OFFLINE),
        }
        models = {OTHER.key: "pro-2-lite-001", OFFLINE.key: ""}
        recipes = {one.key: one for one in (RECIPE, OTHER, OFFLINE)}
        for at, (path, one) in enumerate(shows.items()):
            shown = replace(one, model=models.get(one.recipe, one.model))
            recipe, number = recipes[one.recipe], f"request {at}"
            await index.offer([sighting(path)], now=1.0)
            await claim(index)
            await index.begin(
                request(path, number=number, digest=one.digest, recipe=recipe), owner=OWNER
            )
            await index.answer(answer(path, number=number, shows=shown))
            done = completed(path, digest=one.digest, recipe=recipe)
            await index.complete([replace(done, captioned_at=float(at))], owner=OWNER)

    @pytest.mark.parametrize(
        ("filters", "photos", "contents"),
        [
            ({}, 4, 3),
            ({"origin": "offline"}, 1, 1),
            ({"model": "pro"}, 2, 1),
            ({"model": "pro-2-lite"}, 2, 1),
            ({"model": "pro-2-lite-001"}, 2, 1),
            ({"model": "pro-2"}, 0, 0),
            ({"model": "flash"}, 1, 1),
            ({"model": "%"}, 0, 0),
            ({"stale": True}, 3, 2),
            ({"since": 1.0}, 3, 2),
            ({"stale": True, "origin": "gemini"}, 2, 1),
            ({"places": [photo("x")]}, 2, 1),
            ({"places": [photo("x"), photo("x/y/c.jpg"), photo("x/y")]}, 2, 1),
            ({"places": [photo("x/y/c.jpg"), photo("a.jpg")]}, 2, 2),
            ({"places": [photo("")], "origin": "gemini"}, 3, 2),
            ({"places": [photo("nothing")]}, 0, 0),
        ],
    )
    async def test_each_filter_narrows(self, index, filters, photos, contents):
        """What is counted is what is ordered, each photo once."""
        chosen = wanted(**filters)
        expected = [Share(RECIPE.key, photos, contents)] if photos else []
        assert await index.history.count(chosen) == expected
        assert await index.history.order(chosen) == photos
        assert await index.history.order(chosen) == 0


async def test_the_note_of_an_order_in_vain(tmp_path):
    """The reason says that the caption before stays."""
    async with opened("memory", tmp_path) as index:
        await add_captioned(index)
        await index.history.order(wanted())
        await claim(index)
        await index.park([Parked(photo(), State.REFUSED, "declined")], owner=OWNER)
        assert index.rows[photo()].reason == IN_VAIN + "declined"
