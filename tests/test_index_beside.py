"""What every Index knows of the files beside photos, and of what departed photos left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from index_helpers import (
    OWNER,
    answer,
    caption,
    claim,
    completed,
    photo,
    request,
    sighting,
)

from captiond.index.base import Parked, Retry
from captiond.index.beside_base import DAY_SECONDS, Departed
from captiond.models import Photo, State, Written

FAR = 10 * DAY_SECONDS


async def captioned(index, path="a.jpg", *, beside="b1", digest="d1", root="/photos"):
    """Caption a photo; its sidecar is then what lies beside it."""
    seen = replace(sighting(path, version=7), photo=Photo(root, path))
    await index.offer([seen], now=1.0)
    await claim(index)
    asked = replace(request(path, number=root + path, digest=digest), photo=Photo(root, path))
    assert await index.begin(asked, owner=OWNER)
    told = answer(path, number=root + path, shows=caption(digest=digest))
    await index.answer(replace(told, photo=Photo(root, path)))
    done = completed(path, digest=digest, beside=beside)
    await index.complete([replace(done, photo=Photo(root, path))], owner=OWNER)


def now_beside(beside, path="a.jpg"):
    return sighting(path, version=7, beside=beside)


async def state_of(index, path="a.jpg"):
    view = index.folder_view()
    known = view.files("/photos", "")[path]
    view.close()
    return known.state


class TestChanges:
    async def test_a_sidecar_that_changed_queues_its_photo(self, index):
        """Digest and caption are kept, attempts begin anew, and nobody may be asked."""
        await captioned(index)
        assert await index.offer([now_beside("b1")], now=9.0) == 0
        assert await index.offer([now_beside("b2")], now=9.0) == 1
        (taken,) = await claim(index)
        assert (taken.digest, taken.attempts, taken.unasked) == ("d1", 1, True)
        assert taken.written == {"txt": Written("a.jpg.txt", "ab" * 32)}
        assert await index.history.shown(photo()) == caption()

    async def test_what_was_read_is_what_is_compared_with(self, index):
        """Once it was read, what lies there is no news any more."""
        await captioned(index)
        await index.offer([now_beside("b2")], now=9.0)
        await claim(index)
        await index.complete([completed(beside="b3")], owner=OWNER)
        assert await index.offer([now_beside("b3")], now=10.0) == 0
        assert await index.offer([now_beside("b2")], now=10.0) == 1

    @pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.SKIPPED])
    async def test_a_photo_without_a_caption_is_put_back(self, index, state):
        """What was set aside is set aside again, with its reason, where nobody wrote a caption."""
        await index.offer([sighting(version=7, beside="b1")], now=1.0)
        await claim(index)
        await index.park([Parked(photo(), state, "because")], owner=OWNER)
        assert await index.offer([now_beside("b2")], now=9.0) == 1
        (taken,) = await claim(index)
        assert taken.unasked
        await index.beside.put_back(photo(), owner=OWNER, beside="b2")
        assert await index.counts() == {state: 1}
        assert await index.offer([now_beside("b2")], now=10.0) == 0
        assert await index.requeue(states=[state], now=11.0) == 1
        assert [taken.unasked for taken in await claim(index)] == [False]

    async def test_trouble_on_the_way_changes_nothing(self, index):
        """A folder that cannot be written now, or a file that cannot be read, costs no caption."""
        await captioned(index)
        await index.offer([now_beside("b2")], now=9.0)
        await claim(index)
        await index.retry([Retry(photo(), 10.0, "the disk is full")], owner=OWNER)
        (taken,) = await claim(index)
        assert taken.unasked
        await index.park([Parked(photo(), State.FAILED, "unreadable")], owner=OWNER)
        assert await index.counts() == {State.CAPTIONED: 1}
        assert await index.history.shown(photo()) == caption()

    async def test_a_photo_in_the_queue_stays_as_it_is(self, index):
        """It is read when its turn comes; one that is worked on stores what was read."""
        await index.offer([sighting(version=7, beside="b1")], now=1.0)
        assert await index.offer([now_beside("b2")], now=2.0) == 0
        (taken,) = await claim(index)
        assert not taken.unasked
        assert await index.offer([now_beside("b3")], now=3.0) == 0
        assert await index.counts() == {State.INFLIGHT: 1}

    async def test_other_bytes_are_asked_about(self, index):
        """A photo that changed while it was looked at for its sidecar is captioned anew."""
        await captioned(index)
        await index.offer([now_beside("b2")], now=9.0)
        assert await index.offer([sighting(version=8, beside="b2")], now=10.0) == 1
        (taken,) = await claim(index)
        assert (taken.unasked, taken.digest) == (False, None)

    async def test_what_is_not_known_is_learnt(self, index):
        """What lies beside photos of an older captiond is no change; later it is."""
        await captioned(index, beside=None)
        assert await index.offer([now_beside("b1")], now=9.0) == 0
        await index.beside.learn({photo(): "b1", photo("none.jpg"): "b1"})
        await index.beside.learn({photo(): "b9"})
        assert await index.offer([now_beside("b1")], now=9.0) == 0
        assert await index.offer([now_beside("b2")], now=9.0) == 1

    async def test_photos_that_share_a_stem(self, index):
        """All that bear a name but for the extension, and that are there, are found."""
        paths = [
            "x/a.jpg",
            "x/a.CR2",
            "x/a.b.jpg",
            "x/ab.jpg",
            "x/a",
            "a.jpg",
            "x/a.gif",
            "x/é.jpg",
        ]
        await index.offer([sighting(path) for path in paths], now=1.0)
        await index.gone([photo("x/a.gif")], now=2.0)
        found = await index.beside.sharing("/photos", ["x/a", "x/é"])
        assert sorted(found) == ["x/a.CR2", "x/a.jpg", "x/é.jpg"]
        assert await index.beside.sharing("/other", ["x/a"]) == []


class TestDeparted:
    async def departed(self, index, *, now=10.0):
        return await index.beside.departed("/photos", now=now, limit=10)

    async def test_a_photo_that_moved_has_departed(self, index):
        """Its content is captioned at another path: what was written at the old one may go."""
        await captioned(index, "a.jpg")
        await index.gone([photo("a.jpg")], now=9.0)
        assert await self.departed(index) == []
        await captioned(index, "b.jpg")
        left = {"txt": Written("a.jpg.txt", "ab" * 32)}
        assert await self.departed(index) == [Departed(photo("a.jpg"), left)]
        await index.beside.forget([photo("a.jpg"), photo("b.jpg")])
        assert await self.departed(index) == []
        await index.gone([photo("b.jpg")], now=9.0)
        assert len(await self.departed(index, now=FAR)) == 1

    async def test_a_photo_that_lives_nowhere_else_has_departed_after_a_day(self, index):
        """Until then it may come back."""
        await captioned(index)
        await index.gone([photo()], now=9.0)
        assert await self.departed(index, now=8.0 + DAY_SECONDS) == []
        assert [one.photo for one in await self.departed(index, now=9.0 + DAY_SECONDS)] == [photo()]

    async def test_a_photo_that_came_back_has_not_departed(self, index):
        """One that is there again keeps what was written beside it."""
        await captioned(index)
        await index.gone([photo()], now=9.0)
        await index.offer([now_beside("b1")], now=9.5)
        assert await self.departed(index, now=FAR) == []

    async def test_only_a_look_at_the_disk_says_so(self, index):
        """A photo that was set aside as missing is not gone for good until it is seen to be."""
        await captioned(index)
        await index.offer([now_beside("b2")], now=9.0)
        await claim(index)
        await index.park([Parked(photo(), State.MISSING, "not watched any more")], owner=OWNER)
        assert await self.departed(index, now=FAR) == []
        await index.gone([photo()], now=10.0)
        assert len(await self.departed(index, now=FAR)) == 1

    async def test_what_another_photo_goes_by_is_left(self, index):
        """A sidecar that also belongs to a photo that is still there is none to be removed."""
        await captioned(index, "a.jpg")
        await index.offer([sighting("a.png")], now=1.0)
        await claim(index)
        await index.begin(request("a.png", number="r9"), owner=OWNER)
        await index.answer(answer("a.png", number="r9"))
        done = replace(completed("a.png"), written=completed("a.jpg").written)
        await index.complete([done], owner=OWNER)
        await index.gone([photo("a.jpg")], now=9.0)
        assert await self.departed(index) == [Departed(photo("a.jpg"), {})]

    async def test_other_roots_are_none_of_it(self, index):
        """Each root looks after its own; that the content lives in another one counts."""
        await captioned(index, "a.jpg")
        await captioned(index, "a.jpg", root="/other")
        await index.gone([photo("a.jpg")], now=9.0)
        assert len(await self.departed(index)) == 1
        assert await index.beside.departed("/other", now=FAR, limit=10) == []
