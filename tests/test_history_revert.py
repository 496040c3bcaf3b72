"""Captions that photos had, and bringing one back: asked of every Index alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from history_index_helpers import OFFLINE, OTHER, recaption, revert, wanted, words_of
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
    signature,
)

from captiond.errors import NotReverted
from captiond.index.base import Parked
from captiond.index.history_base import REVERSAL_SECONDS
from captiond.index.jobs_base import Job
from captiond.models import State


class TestRevert:
    async def test_back_step_by_step(self, index):
        """The caption before; once more, the one before that; then there is none."""
        await add_captioned(index)
        await recaption(index, words="second", recipe=OTHER)
        await recaption(index, words="third")
        assert (await revert(index)).description.caption == "second"
        assert await words_of(index) == "second"
        assert (await revert(index)).description.caption == "a red boat"
        with pytest.raises(NotReverted, match="first caption"):
            await revert(index)
        assert (await revert(index, 3)).description.caption == "third"
        assert (await revert(index)).description.caption == "second"
        assert await index.counts() == {State.CAPTIONED: 1}

    async def test_history_lists_every_caption(self, index):
        """Newest first, with what it cost; a reversal names the number that it repeats."""
        await add_captioned(index)
        await recaption(index, words="second")
        await revert(index)
        past = await index.history.past(photo())
        assert [(one.number, one.reverts, one.shown, one.cost_usd) for one in past] == [
            (3, 1, True, None),
            (2, None, False, 0.25),
            (1, None, False, 0.25),
        ]
        assert past[0].caption == replace(past[2].caption, created_at=20.0)
        assert await index.history.past(photo("unknown.jpg")) == []

    async def test_what_was_brought_back_stays(self, index):
        """Copies and moves take it along, in whatever language; `stale` leaves it alone."""
        german = replace(RECIPE, language="de")
        await add_captioned(index, shows=caption("ein Boot", recipe=german))
        await recaption(index, words="second")
        await revert(index)
        found = await index.caption_of("d1", recipe=RECIPE)
        assert found is not None
        assert found.description.caption == "ein Boot"
        assert await index.history.order(wanted(stale=True)) == 0
        assert await index.history.order(wanted()) == 1

    async def test_each_copy_shows_its_own(self, index):
        """A copy that is there stays as it is, also when it is looked at again."""
        await add_captioned(index, "a.jpg")
        await index.offer([sighting("b.jpg")], now=1.0)
        await claim(index)
        await index.assign(photo("b.jpg"), owner=OWNER, caption=caption())
        await index.complete([completed("b.jpg")], owner=OWNER)
        await recaption(index, "a.jpg", words="new")
        await index.gone([photo("b.jpg")], now=10.0)
        await index.offer([sighting("b.jpg")], now=11.0)
        await claim(index)
        assert await words_of(index, "b.jpg") == "a red boat"
        await index.complete([completed("b.jpg")], owner=OWNER)
        assert await words_of(index, "b.jpg") == "a red boat"
        with pytest.raises(NotReverted, match="first caption"):
            await revert(index, path="b.jpg")
        assert (await revert(index, 2, path="b.jpg")).description.caption == "new"

    async def test_words_of_the_offline_captioner_belong_to_their_path(self, index):
        """They speak of names: a copy's are no past of this one."""
        for path in ("a.jpg", "b.jpg"):
            await index.offer([sighting(path)], now=1.0)
            await claim(index)
            await index.begin(request(path, number=path, recipe=OFFLINE), owner=OWNER)
            shows = caption(f"a photo named {path}", recipe=OFFLINE)
            await index.answer(answer(path, number=path, shows=shows))
            await index.complete([completed(path, recipe=OFFLINE)], owner=OWNER)
        await recaption(index, "b.jpg", words="a boat")
        told = [one.caption.description.caption for one in await index.history.past(photo("b.jpg"))]
        assert told == ["a boat", "a photo named b.jpg"]
        assert (await revert(index, path="b.jpg")).description.caption == "a photo named b.jpg"

    async def test_a_reversal_that_is_never_settled_is_done_by_the_queue(self, index):
        """Whoever reverts may be killed: a minute later the photo is due, and costs nothing."""
        await add_captioned(index)
        await recaption(index, words="second")
        await index.history.revert(photo(), None, signature=signature(), now=20.0)
        assert await claim(index, now=20.0 + REVERSAL_SECONDS - 1) == []
        (taken,) = await claim(index, now=20.0 + REVERSAL_SECONDS)
        assert taken.anew_after is None
        assert await words_of(index) == "a red boat"

    async def test_a_reversal_whose_photo_was_taken_meanwhile(self, index):
        """Only what was written is noted; the rest is the holder's."""
        await add_captioned(index)
        await recaption(index, words="second")
        done = await index.history.revert(photo(), None, signature=signature(), now=20.0)
        await claim(index)
        assert not await index.history.settle(done, completed())
        assert await index.counts() == {State.INFLIGHT: 1}

    @pytest.mark.parametrize(
        ("number", "told"), [(None, "first caption"), (1, "shows caption 1"), (7, "no caption 7")]
    )
    async def test_nothing_to_bring_back(self, index, number, told):
        """A sentence says why, and nothing changes."""
        await add_captioned(index)
        with pytest.raises(NotReverted, match=told):
            await revert(index, number)
        assert len(await index.history.past(photo())) == 1
        assert await index.counts() == {State.CAPTIONED: 1}

    async def test_not_now(self, index):
        """Unknown, changed, waiting, in flight, in a batch job: a sentence each."""
        with pytest.raises(NotReverted, match="not in the index"):
            await revert(index)
        await add_captioned(index)
        await recaption(index, words="second")
        with pytest.raises(NotReverted, match="file has changed"):
            await index.history.revert(photo(), None, signature=signature(2), now=9.0)
        await index.history.order(wanted())
        with pytest.raises(NotReverted, match="waits for its turn"):
            await revert(index)
        await claim(index)
        with pytest.raises(NotReverted, match="right now"):
            await revert(index)
        job = Job(id="j", model="flash", requests=1, created_at=9.0)
        assert await index.jobs.make(job, [request(number="in a job")], owner=OWNER)
        with pytest.raises(NotReverted, match="batch job"):
            await revert(index)
        await index.jobs.end("j", "failed", "no", now=10.0)
        await claim(index)
        await index.park([Parked(photo(), State.MISSING, "gone")], owner=OWNER)
        with pytest.raises(NotReverted, match="missing"):
            await revert(index)
