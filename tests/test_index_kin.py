"""What every Index knows of contents that may share a caption."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from index_helpers import (
    OWNER,
    RECIPE,
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
from captiond.index.history_base import Wanted
from captiond.index.jobs_base import Job
from captiond.index.kin_base import Mate
from captiond.models import HUMAN, Facts, Lane, State

SAME = "5a" * 32


def facts(digest, *, taken_at=None, camera="X100", pixels=None, likeness=None):
    return Facts(
        digest=digest,
        format="JPEG",
        width=4,
        height=3,
        taken_at=taken_at,
        camera=camera,
        pixels=pixels,
        likeness=likeness,
    )


def shot(digest, second, *, likeness="00" * 8, camera="X100"):
    """Return the facts of a photo of a burst."""
    taken_at = f"2024-05-01T10:00:{second:02}"
    return facts(digest, taken_at=taken_at, camera=camera, likeness=likeness)


async def taken(index, path):
    await index.offer([sighting(path)], now=1.0)
    return next(one for one in await claim(index) if one.photo.path == path)


async def captioned(index, path, of, words="a red boat", *, by=OWNER):
    """Caption a photo of these facts, as a captioner does; or a person."""
    await taken(index, path)
    shown = caption(words, digest=of.digest)
    if by == HUMAN:
        shown = replace(shown, recipe=HUMAN, origin=HUMAN, language="")
        await index.people.revise(photo(path), owner=OWNER, caption=shown, facts=of)
    else:
        asked = replace(request(path, number=f"request of {path}"), facts=of)
        assert await index.begin(asked, owner=OWNER)
        await index.answer(answer(path, number=asked.id, shows=shown))
    await index.complete([completed(path, digest=of.digest)], owner=OWNER)
    return shown


async def lent(index, path, shown, of):
    await taken(index, path)
    await index.kin.lend(photo(path), owner=OWNER, caption=shown, facts=of)
    await index.complete([completed(path, digest=of.digest)], owner=OWNER)


async def same_pixels(index, **how):
    found = await index.kin.same_pixels(SAME, recipe=RECIPE, **how)
    return None if found is None else found.description.caption


async def leaders(index, of, *, path="z.jpg", recipe=RECIPE, **how):
    found = await index.kin.leaders(photo(path), of, recipe=recipe, **how)
    return [(one.caption.description.caption, one.name) for one in found]


class TestSamePixels:
    async def test_caption_of_another_file_with_these_pixels_is_found(self, index):
        """The newest one counts, and none of a content that looks otherwise."""
        assert await same_pixels(index) is None
        await captioned(index, "a.jpg", facts("d1", pixels=SAME), "first")
        await captioned(index, "b.jpg", facts("d2", pixels=SAME), "second")
        await captioned(index, "c.jpg", facts("d3", pixels="ff" * 32), "third")
        await captioned(index, "d.jpg", facts("d4"), "fourth")
        assert await same_pixels(index) == "second"

    async def test_words_of_a_person_go_first(self, index):
        """Also before a newer caption of a model."""
        await captioned(index, "a.jpg", facts("d1", pixels=SAME), "hers", by=HUMAN)
        await captioned(index, "b.jpg", facts("d2", pixels=SAME), "its")
        assert await same_pixels(index) == "hers"

    async def test_words_of_captiond_beneath_a_person_s(self, index):
        """Without people the newest of a model's counts, also where a person's is newer."""
        await captioned(index, "a.jpg", facts("d1", pixels=SAME), "its")
        await captioned(index, "b.jpg", facts("d2", pixels=SAME), "hers", by=HUMAN)
        assert await same_pixels(index, people=False) == "its"

    async def test_another_language_is_no_match(self, index):
        """What the recipe would not take of a copy it does not take of the same pixels."""
        await captioned(index, "a.jpg", facts("d1", pixels=SAME))
        german = replace(RECIPE, language="de")
        assert await index.kin.same_pixels(SAME, recipe=german) is None

    async def test_only_newer_ones_serve_an_order(self, index):
        """A caption that was there when a new one was ordered is none."""
        await captioned(index, "a.jpg", facts("d1", pixels=SAME), "old")
        await index.history.order(Wanted(recipes={"/photos": RECIPE.key}))
        (again,) = await claim(index)
        assert await same_pixels(index, after=again.anew_after) is None
        await captioned(index, "b.jpg", facts("d2", pixels=SAME), "new")
        assert await same_pixels(index, after=again.anew_after) == "new"


class TestLending:
    async def test_lent_caption_is_shown_and_kept(self, index):
        """The photo shows the same words, of its own content; a copy finds them there."""
        shown = await captioned(index, "a.jpg", facts("d1"))
        await lent(index, "b.jpg", shown, facts("d2", pixels=SAME))
        kept = await index.history.shown(photo("b.jpg"))
        assert kept == replace(shown, digest="d2")
        assert await index.caption_of("d2", recipe=RECIPE) == kept
        assert await same_pixels(index) == "a red boat"

    async def test_lent_caption_costs_nothing(self, index):
        """No request brought it."""
        shown = await captioned(index, "a.jpg", facts("d1"))
        await lent(index, "b.jpg", shown, facts("d2"))
        costs = [past.cost_usd for past in await index.history.past(photo("b.jpg"))]
        assert costs == [None]

    async def test_what_people_wrote_is_to_be_put_into_it(self, index):
        """Their words were in the caption before; this one has none of them."""
        shown = await captioned(index, "a.jpg", facts("d1"))
        await taken(index, "b.jpg")
        await index.people.revise(photo("b.jpg"), owner=OWNER, caption=caption(digest="d2"))
        await index.kin.lend(photo("b.jpg"), owner=OWNER, caption=shown, facts=facts("d3"))
        assert not (await index.people.known(photo("b.jpg"), "d3")).is_heeded

    async def test_void_claim_is_lent_nothing(self, index):
        """A photo that changed meanwhile shows nothing of its old bytes."""
        shown = await captioned(index, "a.jpg", facts("d1"))
        await taken(index, "b.jpg")
        await index.offer([sighting("b.jpg", version=2)], now=2.0)
        await index.kin.lend(photo("b.jpg"), owner=OWNER, caption=shown, facts=facts("d2"))
        assert await index.history.shown(photo("b.jpg")) is None
        assert await index.caption_of("d2", recipe=RECIPE) is None


class TestMates:
    async def test_photos_of_one_stem_are_found(self, index):
        """In the same folder and in whatever case; no longer name, and no missing photo."""
        of_it = facts("d1", taken_at="2024-05-01T10:00:00")
        names = ("IMG_1.CR2", "img_1.jpg", "IMG_1.jpg.jpg", "IMG_11.jpg", "x/IMG_1.jpg", "1.jpg")
        await captioned(index, "img_1.jpg", of_it)
        await index.offer([sighting(name) for name in names], now=1.0)
        await index.offer([sighting("IMG_1.png", lane=Lane.BACKLOG)], now=1.0)
        await index.offer([sighting("IMG_1.tif")], now=1.0)
        await index.gone([photo("IMG_1.tif")], now=2.0)
        found = await index.kin.mates(photo("IMG_1.CR2"))
        assert sorted(found, key=lambda one: one.photo) == [
            Mate(photo=photo("IMG_1.png"), state=State.QUEUED, lane=Lane.BACKLOG),
            Mate(
                photo=photo("img_1.jpg"),
                state=State.CAPTIONED,
                lane=Lane.ARRIVAL,
                digest="d1",
                taken_at=of_it.taken_at,
            ),
        ]

    async def test_one_that_failed_says_so(self, index):
        """Nobody waits for it."""
        await taken(index, "a.jpg")
        await index.park([Parked(photo(), State.FAILED, "damaged")], owner=OWNER)
        (mate,) = await index.kin.mates(photo("a.cr2"))
        assert mate.state is State.FAILED

    async def test_one_that_lies_in_a_job_says_so(self, index):
        """It may be there for a day."""
        await taken(index, "a.jpg")
        asked = [request("a.jpg")]
        job = Job(id="j1", model="flash", requests=1, created_at=1.0)
        await index.jobs.make(job, asked, owner=OWNER)
        (mate,) = await index.kin.mates(photo("a.cr2"))
        assert (mate.in_job, mate.state) == (True, State.INFLIGHT)


class TestLeaders:
    async def test_photos_taken_in_the_same_seconds_lead(self, index):
        """By the same camera, in the same folder, the newest first; no others."""
        await captioned(index, "a.jpg", shot("d1", 5), "before")
        await captioned(index, "b.jpg", shot("d2", 25), "after")
        await captioned(index, "c.jpg", shot("d3", 26), "too late")
        await captioned(index, "d.jpg", shot("d4", 15, camera="other"), "other camera")
        await captioned(index, "x/e.jpg", shot("d5", 15), "other folder")
        await captioned(index, "f.jpg", facts("d6", likeness="00" * 8), "no time")
        await captioned(index, "g.jpg", facts("d7", taken_at="2024-05-01T10:00:15"), "no likeness")
        assert await leaders(index, shot("d9", 15)) == [("after", "b.jpg"), ("before", "a.jpg")]

    @pytest.mark.parametrize("ours", ["", "+02:00"])
    @pytest.mark.parametrize("theirs", ["", "+02:00"])
    async def test_offsets_are_no_hindrance(self, index, ours, theirs):
        """A camera's time is a local one, whether or not it wrote where."""
        first, last = shot("d1", 0), shot("d2", 10)
        await captioned(index, "a.jpg", replace(first, taken_at=first.taken_at + theirs))
        mine = replace(last, taken_at=last.taken_at + ours)
        assert await leaders(index, mine) == [("a red boat", "a.jpg")]

    @pytest.mark.parametrize(
        "lacking",
        [{"camera": None}, {"taken_at": None}, {"likeness": None}, {"taken_at": "0001-01-01"}],
    )
    async def test_photo_of_which_too_little_is_known_has_none(self, index, lacking):
        """Without camera, time or likeness nothing tells of a burst."""
        await captioned(index, "a.jpg", shot("d1", 5))
        assert await leaders(index, replace(shot("d2", 5), **lacking)) == []

    async def test_borrower_names_the_one_it_took_from(self, index):
        """What it shows is compared with the first, also when that photo is gone."""
        first = shot("d1", 1, likeness="11" * 8)
        shown = await captioned(index, "a.jpg", first)
        await lent(index, "b.jpg", shown, shot("d2", 9))
        again = await index.history.shown(photo("b.jpg"))
        await lent(index, "c.jpg", again, shot("d3", 18))
        (leader,) = await index.kin.leaders(photo("z.jpg"), shot("d9", 27), recipe=RECIPE)
        assert (leader.facts, leader.name) == (first, "a.jpg")
        await index.offer([sighting("a.jpg", version=2)], now=2.0)
        (leader,) = await index.kin.leaders(photo("z.jpg"), shot("d9", 27), recipe=RECIPE)
        assert (leader.facts, leader.name) == (first, None)

    async def test_words_as_a_person_left_them_are_no_leader(self, index):
        """A person's keywords are not lent along; where the sentence is a person's nothing is."""
        shown = await captioned(index, "a.jpg", shot("d1", 5), "its words")
        await index.requeue(states=[State.CAPTIONED], now=1.0)
        await claim(index)
        more = replace(shown, description=replace(shown.description, keywords=("hers",)))
        await index.people.revise(photo(), owner=OWNER, caption=more)
        (leader,) = await index.kin.leaders(photo("z.jpg"), shot("d2", 5), recipe=RECIPE)
        assert leader.caption == shown
        hers = replace(shown, recipe=HUMAN, origin=HUMAN)
        await index.people.revise(photo(), owner=OWNER, caption=hers)
        assert await leaders(index, shot("d2", 5)) == []

    async def test_borrower_stays_one_with_keywords_of_a_person(self, index):
        """A caption that was taken over is no leader's, whatever was added to it."""
        shown = await captioned(index, "a.jpg", shot("d1", 1))
        await taken(index, "b.jpg")
        await index.kin.lend(photo("b.jpg"), owner=OWNER, caption=shown, facts=shot("d2", 9))
        words = replace(shown.description, keywords=("hers",))
        revised = replace(shown, digest="d2", description=words)
        await index.people.revise(photo("b.jpg"), owner=OWNER, caption=revised)
        await index.complete([completed("b.jpg", digest="d2")], owner=OWNER)
        found = await index.kin.leaders(photo("z.jpg"), shot("d9", 18), recipe=RECIPE)
        assert [one.facts.digest for one in found] == ["d1"]

    async def test_only_newer_ones_serve_an_order(self, index):
        """A caption that was there when a new one was ordered leads nobody."""
        await captioned(index, "a.jpg", shot("d1", 5), "old")
        await index.history.order(Wanted(recipes={"/photos": RECIPE.key}))
        (again,) = await claim(index)
        assert await leaders(index, shot("d2", 5), after=again.anew_after) == []
        await captioned(index, "b.jpg", shot("d3", 5), "new")
        assert await leaders(index, shot("d2", 5), after=again.anew_after) == [("new", "b.jpg")]
        german = replace(RECIPE, language="de")
        assert await leaders(index, shot("d2", 5), recipe=german) == []


class TestInJobs:
    async def test_jobs_tell_of_kin(self, index):
        """The same pixels and what was taken in the same seconds, until they are answered."""
        asked = {
            "a.jpg": facts("d1", pixels=SAME),
            "b.jpg": replace(shot("d2", 5), pixels="bb"),
            "c.jpg": facts("d3", pixels="cc"),
        }
        for path in asked:
            await taken(index, path)
        requests = [
            replace(request(path, number=path), facts=of_it) for path, of_it in asked.items()
        ]
        job = Job(id="j1", model="flash", requests=3, created_at=1.0)
        await index.jobs.make(job, requests, owner=OWNER)
        mine = replace(shot("d9", 7), pixels=SAME)
        found = await index.kin.in_jobs(mine)
        assert sorted(found) == [(photo(path), asked[path]) for path in ("a.jpg", "b.jpg")]
        assert await index.kin.in_jobs(facts("d9", pixels="cc")) == [
            (photo("c.jpg"), asked["c.jpg"])
        ]
        await index.jobs.end("j1", "failed", "no room", now=2.0)
        assert await index.kin.in_jobs(mine) == []


async def test_column_names_the_first_caption(tmp_path):
    """In the file a lent caption names the row that it was taken from, also when lent on."""
    async with opened("sqlite", tmp_path) as index:
        shown = await captioned(index, "a.jpg", facts("d1"))
        await lent(index, "b.jpg", shown, facts("d2"))
        again = await index.history.shown(photo("b.jpg"))
        await lent(index, "c.jpg", again, facts("d3"))
    with closing(sqlite3.connect(tmp_path / "index.db")) as db:
        rows = db.execute(
            "SELECT digest, taken_from, cost_usd FROM captions JOIN library USING (digest)"
        )
        assert sorted(rows) == [("d1", None, 0.25), ("d2", 1, None), ("d3", 1, None)]
        told = db.execute("SELECT path, taken_from FROM library_facts ORDER BY path").fetchall()
        assert [path for _, path in told] == [None, "/photos/a.jpg", "/photos/a.jpg"]
