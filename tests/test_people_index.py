"""What every Index promises of people's words and of captions that are taken back."""

from __future__ import annotations

import math
from dataclasses import replace

from history_index_helpers import words_of
from index_helpers import (
    OWNER,
    RECIPE,
    add_captioned,
    answer,
    caption,
    claim,
    completed,
    photo,
    request,
    sighting,
)

from captiond.index.history_base import Wanted
from captiond.index.people_base import Known
from captiond.index.withdrawals_base import Found, Taking
from captiond.models import HUMAN, Facts, Handwriting, State, Written

ALL = Taking(places=[photo("")], since=0.0, until=math.inf)
FACTS = Facts(digest="d1", format="jpeg", width=4, height=3)


def by_people(words, *, digest="d1", created_at=7.0, **more):
    return replace(
        caption(words, digest=digest, created_at=created_at, **more),
        recipe=HUMAN,
        origin=HUMAN,
        model="",
        language="",
    )


async def adopt(index, path="a.jpg", *, words="Our boat", **more):
    """Take a photo from the sighting to a person's caption."""
    await index.offer([sighting(path)], now=1.0)
    (taken,) = await claim(index)
    words = by_people(words, **more)
    await index.people.revise(taken.photo, owner=OWNER, caption=words, facts=FACTS)
    await index.complete([replace(completed(path), digest=words.digest, recipe=HUMAN)], owner=OWNER)


async def revise(index, words, path="a.jpg"):
    """Have a captioned photo show other words, as after an edit beside it."""
    await index.offer([replace(sighting(path), beside="old")], now=2.0)
    await index.beside.learn({photo(path): "old"})
    await index.offer([replace(sighting(path), beside="new")], now=3.0)
    (taken,) = await claim(index)
    await index.people.revise(taken.photo, owner=OWNER, caption=words)
    done = replace(completed(path), digest=words.digest, recipe=words.recipe)
    await index.complete([done], owner=OWNER)


async def take(index, taking=ALL, **how):
    how = {"reason": "taken back", "now": 9.0, "after": None, "limit": 100} | how
    return await index.withdrawals.take(taking, **how)


async def retried(index, *photos):
    states = [State.SKIPPED]
    return await index.requeue(states=states, now=10.0, photos=list(photos) or None)


class TestPeople:
    async def test_a_persons_caption_is_shown_and_wins(self, index):
        """It is the photo's, and before captiond's the one of every new copy."""
        await adopt(index)
        assert await words_of(index) == "Our boat"
        await add_captioned(index, "b.jpg", number="r2")
        assert (await index.caption_of("d1", recipe=RECIPE)).description.caption == "Our boat"
        assert await index.caption_of("d1", recipe=RECIPE, after=0) is not None
        assert (await index.caption_of("d1", recipe=RECIPE, after=0)).origin == "gemini"

    async def test_what_somebody_brought_back_wins_over_it(self, index):
        """A revert is the last word on a content."""
        await add_captioned(index)
        await revise(index, by_people("Our boat"))
        row = sighting().signature
        await index.history.revert(photo(), 1, signature=row, now=8.0)
        assert (await index.caption_of("d1", recipe=RECIPE)).description.caption == "a red boat"

    async def test_it_is_not_captioned_anew(self, index):
        """Nobody's order takes a person's caption, nor one that a person took back."""
        await adopt(index)
        everything = Wanted(recipes={"/photos": RECIPE.key})
        assert await index.history.count(everything) == []
        assert await index.history.order(everything) == 0

    async def test_what_captiond_itself_said_of_pixels(self, index):
        """A revision and a person's words are not among it, whatever asked for it is."""
        await add_captioned(index, "b.jpg", shows=caption("A boat", digest="d2"))
        await revise(index, caption("A boat", digest="d2", title="Ours", created_at=7.0), "b.jpg")
        await adopt(index, digest="d3")
        for digest in ("d2", "d3"):
            await index.restore(
                caption(f"of {digest}", digest=digest), replace(FACTS, digest=digest, pixels="p")
            )
        said = [one.caption for one in await index.people.said("p")]
        assert sorted(said) == ["A boat", "of d2", "of d3"]
        assert await index.people.said("q") == []

    async def test_what_people_changed_holds_for_the_same_pixels(self, index):
        """Other bytes with these pixels know it, too; what is lent between them is no change."""
        first = replace(FACTS, pixels="p")
        await add_captioned(index, shows=caption("A boat", title="Boat", keywords=("sea", "red")))
        await index.restore(caption("A boat", created_at=8.0), first)
        await revise(index, caption("A boat", title="Ours", keywords=("red",), created_at=7.0))
        other = replace(first, digest="d2")
        await index.offer([sighting("b.jpg")], now=9.0)
        (taken,) = await claim(index)
        newest = await index.kin.same_pixels("p", recipe=RECIPE)
        await index.kin.lend(taken.photo, owner=OWNER, caption=newest, facts=other)
        changed = (await index.people.known(taken.photo, "d2")).changed
        assert changed.title == "Ours"
        assert changed.keywords_taken_back == ("sea",)

    async def test_what_captiond_said_of_the_bytes_before(self, index):
        """A photo whose bytes changed is still known by what captiond said of the old ones."""
        await add_captioned(index, shows=caption("A boat"))
        await index.offer([sighting(version=2)], now=2.0)
        (taken,) = await claim(index)
        own = (await index.people.known(taken.photo, "d2")).own
        assert [one.caption for one in own] == ["A boat"]

    async def test_what_people_wrote_into_files_with_these_pixels(self, index):
        """It is found whatever else the files hold."""
        await index.people.inscribe("d1", Handwriting(caption="Our boat"))
        await index.restore(caption("A boat"), replace(FACTS, pixels="p"))
        assert await index.people.inscribed("p") == [Handwriting(caption="Our boat")]
        assert await index.people.inscribed("q") == []

    async def test_a_void_claim_changes_nothing(self, index):
        """Words for bytes that changed meanwhile are not shown for the new ones."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.offer([sighting(version=2)], now=2.0)
        await index.people.revise(photo(), owner=OWNER, caption=by_people("Our boat"))
        assert await words_of(index) is None

    async def test_a_new_answer_heeds_nothing_yet(self, index):
        """What is in the file is kept with its bytes, what is in the caption with the photo."""
        hand = Handwriting(
            title="Boat",
            keywords=("red",),
            taken_back=frozenset({"caption"}),
            keywords_taken_back=("sea",),
        )
        await index.people.inscribe("d1", hand)
        assert await index.people.known(photo(), "d1") == Known(hand)
        await add_captioned(index)
        said = (caption().description,)
        assert await index.people.known(photo(), "d1") == Known(hand, own=said)
        await revise(index, caption("a red boat", title="Boat", created_at=7.0))
        boat = Handwriting(title="Boat")
        assert await index.people.known(photo(), "d1") == Known(
            hand, is_heeded=True, own=said, changed=boat
        )
        assert await index.people.known(photo(), "d2") == Known(is_heeded=True)
        await index.history.order(Wanted(recipes={"/photos": RECIPE.key}))
        await claim(index)
        await index.begin(request(number="r2"), owner=OWNER)
        await index.answer(answer(number="r2"))
        assert await index.people.known(photo(), "d1") == Known(hand, own=said * 2, changed=boat)


class TestWithdrawals:
    async def test_a_caption_is_taken_back(self, index):
        """The photo shows none and is skipped; the content's caption stays for who asks for it."""
        await add_captioned(index)
        assert await index.withdrawals.find(ALL) == Found(1, 0, 0, (photo(),))
        (one,) = await take(index)
        assert (one.photo, set(one.written)) == (photo(), {"txt"})
        assert await index.counts() == {State.SKIPPED: 1}
        assert await index.history.shown(photo()) is None
        assert await index.people.is_taken_back("d1")
        assert await retried(index) == 0
        assert await claim(index) == []

    async def test_it_is_found_again_until_it_is_settled(self, index):
        """Who is killed between index and sidecars is finished by the next."""
        await add_captioned(index)
        (one,) = await take(index)
        assert await take(index) == [one]
        await index.withdrawals.settle(photo(), written={}, beside="now")
        assert await take(index) == []
        assert await index.withdrawals.find(ALL) == Found(0, 0, 0, ())

    async def test_it_comes_back_by_name(self, index):
        """Retried by name the photo may be captioned again, and nothing else is withheld."""
        await add_captioned(index)
        await take(index)
        assert await retried(index, photo()) == 1
        (taken,) = await claim(index)
        assert not taken.withdrawn
        assert not await index.people.is_taken_back("d1")

    async def test_a_withheld_photo_is_claimed_as_such(self, index):
        """What comes back from missing after its caption was taken back says so."""
        await add_captioned(index)
        await take(index)
        await index.gone([photo()], now=9.0)
        await index.offer([sighting()], now=10.0)
        (taken,) = await claim(index)
        assert taken.withdrawn
        await index.people.withhold(photo(), owner=OWNER, digest="d1", reason="taken back")
        assert await index.counts() == {State.SKIPPED: 1}

    async def test_a_copy_that_shows_one_keeps_the_content_known(self, index):
        """Taken back in one place and shown in another: the content's caption may be reused."""
        await add_captioned(index)
        await add_captioned(index, "sub/b.jpg", number="r2")
        await take(index, replace(ALL, places=[photo("sub")]))
        assert not await index.people.is_taken_back("d1")
        assert await words_of(index) == "a red boat"

    async def test_a_persons_words_stay(self, index):
        """A person's caption is shown as before, without the words that captiond added."""
        await add_captioned(index, shows=caption("a red boat", title="Boat", keywords=("boat",)))
        await revise(index, by_people("Our boat", title="Boat", keywords=("ours", "boat")))
        assert await index.withdrawals.find(ALL) == Found(1, 1, 0, (photo(),))
        await take(index)
        shown = (await index.history.shown(photo())).description
        assert (shown.caption, shown.title, shown.keywords) == ("Our boat", "", ("ours",))
        assert await index.counts() == {State.CAPTIONED: 1}
        await index.withdrawals.settle(photo(), written={}, beside=None)
        assert await take(index) == []

    async def test_which_photos(self, index):
        """Places and times choose; what is in somebody's hands is left alone."""
        for number, path in enumerate(("a.jpg", "sub/b.jpg", "subway/c.jpg")):
            digest = f"d{number}"
            await add_captioned(index, path, shows=caption(digest=digest), number=digest)
        assert (await index.withdrawals.find(replace(ALL, places=[photo("sub")]))).photos == 1
        assert (await index.withdrawals.find(replace(ALL, places=[photo("a.jpg")]))).photos == 1
        assert (await index.withdrawals.find(replace(ALL, since=6.5))).photos == 0
        assert (await index.withdrawals.find(replace(ALL, until=6.0))).photos == 0
        await index.history.order(Wanted(recipes={"/photos": RECIPE.key}, places=[photo("a.jpg")]))
        await claim(index)
        assert (await index.withdrawals.find(ALL)).busy == 1
        first = await take(index, limit=1)
        assert [one.photo.path for one in first] == ["sub/b.jpg"]
        rest = await take(index, after=first[0].photo)
        assert [one.photo.path for one in rest] == ["subway/c.jpg"]
        assert rest[0].written == {"txt": Written("subway/c.jpg.txt", "ab" * 32)}


async def test_runs(index):
    """The last come first; one that a crash left open ends where the next begins."""
    await index.runs.begin("run", "1.0", now=1.0)
    await index.runs.begin("scan", "1.1", now=5.0)
    await index.runs.end(now=6.0)
    last = await index.runs.last(5)
    assert [(run.id, run.verb, run.started_at, run.ended_at) for run in last] == [
        (2, "scan", 5.0, 6.0),
        (1, "run", 1.0, 5.0),
    ]
    assert await index.runs.get(1) == last[1]
    assert await index.runs.get(3) is None
