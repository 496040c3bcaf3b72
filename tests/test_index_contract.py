"""What every Index promises, asked of the SQLite file and of its in-memory twin alike."""

from __future__ import annotations

import os

import pytest
from index_helpers import (
    OWNER,
    RECIPE,
    add_captioned,
    answer,
    caption,
    claim,
    claimed_paths,
    completed,
    photo,
    request,
    sighting,
    signature,
)

from captiond.index.base import Parked, Retry, Sighting
from captiond.index.folders_base import FolderDigest, KnownFile
from captiond.index.health_base import Health
from captiond.models import Lane, Photo, Recipe, State, Written


class TestOffer:
    async def test_new_file_becomes_due(self, index):
        """A new file is queued and can be claimed, with what was seen of it."""
        assert await index.offer([sighting(lane=Lane.BACKLOG)], now=7.0) == 1
        (taken,) = await claim(index)
        assert taken.photo == photo()
        assert taken.signature == signature()
        assert (taken.lane, taken.attempts, taken.seen_at) == (Lane.BACKLOG, 1, 7.0)
        assert taken.digest is None
        assert taken.written == {}

    async def test_file_with_a_reason_is_skipped(self, index):
        """A file that is no photo becomes a row, but is never due."""
        assert await index.offer([sighting(reason="zero bytes")], now=1.0) == 0
        assert await index.counts() == {State.SKIPPED: 1}
        assert await claim(index) == []

    async def test_known_file_stays_as_it_is(self, index):
        """The same file with the same signature changes nothing, whatever its state."""
        await index.offer([sighting("a.jpg"), sighting("b.jpg", reason="a pipe")], now=1.0)
        again = [sighting("a.jpg", lane=Lane.BACKLOG), sighting("b.jpg")]
        assert await index.offer(again, now=2.0) == 0
        (taken,) = await claim(index)
        assert (taken.lane, taken.seen_at) == (Lane.ARRIVAL, 1.0)
        assert await index.counts() == {State.INFLIGHT: 1, State.SKIPPED: 1}

    async def test_changed_file_starts_anew(self, index):
        """Another signature forgets digest and attempts, but not which sidecars are ours."""
        await add_captioned(index)
        assert await index.offer([sighting(version=2)], now=9.0) == 1
        (taken,) = await claim(index)
        assert (taken.attempts, taken.digest, taken.seen_at) == (1, None, 9.0)
        assert taken.signature == signature(2)
        assert taken.written == {"txt": Written("a.jpg.txt", "ab" * 32)}

    async def test_changed_file_may_turn_out_to_be_no_photo(self, index):
        """A captioned photo that became something else is skipped."""
        await add_captioned(index)
        assert await index.offer([sighting(version=2, reason="zero bytes")], now=9.0) == 0
        assert await index.counts() == {State.SKIPPED: 1}

    async def test_the_same_file_twice_in_one_offer_is_one_photo(self, index):
        """Sightings of one path within one call are taken in order."""
        await index.offer([sighting(), sighting(), sighting(version=2)], now=1.0)
        (taken,) = await claim(index)
        assert taken.signature == signature(2)

    async def test_names_of_any_bytes_come_back_as_they_were(self, index):
        """Names that are not UTF-8, or look like their escapes, are told apart and kept whole."""
        names = [
            os.fsdecode(b"d\xe9j\xe0/b\xff.jpg"),
            "déjà/b\\xff.jpg",
            "a\\x5cb.jpg",
            "a\\b.jpg",
            "line\nbreak \N{BEACH WITH UMBRELLA}.jpg",
        ]
        await index.offer([sighting(name) for name in names], now=1.0)
        assert set(await claimed_paths(index)) == set(names)

    async def test_signatures_beyond_63_bits_come_back_as_they_were(self, index):
        """The inodes of mergerfs and times far away neither fail nor look like a change."""
        odd = signature()
        odd = type(odd)(1, 2**63 + 1, -5, 2**64 - 1)
        seen = Sighting(photo(), odd, Lane.ARRIVAL)
        await index.offer([seen], now=1.0)
        assert await index.offer([seen], now=2.0) == 0
        (taken,) = await claim(index)
        assert taken.signature == odd

    async def test_twenty_thousand_at_once(self, index):
        """A burst of 20,000 files is one call."""
        burst = [sighting(f"{n % 40}/{n}.jpg") for n in range(20_000)]
        assert await index.offer(burst, now=1.0) == 20_000
        assert await index.counts() == {State.QUEUED: 20_000}


class TestGone:
    async def test_missing_and_back(self, index):
        """A photo that comes back unchanged is queued with its digest and what was written."""
        await add_captioned(index)
        await index.gone([photo(), photo("never seen.jpg")], now=7.0)
        assert await index.counts() == {State.MISSING: 1}
        assert await claim(index) == []
        assert await index.offer([sighting()], now=8.0) == 1
        (taken,) = await claim(index)
        assert (taken.digest, taken.attempts) == ("d1", 1)
        assert set(taken.written) == {"txt"}

    async def test_missing_and_back_changed(self, index):
        """A photo that comes back with other bytes is a new one."""
        await add_captioned(index)
        await index.gone([photo()], now=7.0)
        await index.offer([sighting(version=2)], now=8.0)
        (taken,) = await claim(index)
        assert taken.digest is None

    async def test_photo_in_flight_stays_in_flight(self, index):
        """Whoever holds the photo decides what becomes of it."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.gone([photo()], now=2.0)
        assert await index.counts() == {State.INFLIGHT: 1}

    async def test_a_waiting_retry_goes_missing_too(self, index):
        """A photo that waits to be tried again is not waited for once it is gone."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.retry([Retry(photo(), 50.0, "busy")], owner=OWNER)
        await index.gone([photo()], now=2.0)
        assert await index.next_due() is None


class TestClaim:
    async def test_arrivals_before_backlog_the_newest_first(self, index):
        """The order is lane, then time seen, then order of arrival, newest first."""
        await index.offer([sighting("old.jpg"), sighting("old2.jpg")], now=1.0)
        await index.offer([sighting("scan.jpg", lane=Lane.BACKLOG)], now=5.0)
        await index.offer([sighting("new.jpg")], now=3.0)
        expected = ["new.jpg", "old2.jpg", "old.jpg", "scan.jpg"]
        assert await claimed_paths(index, limit=3) == expected[:3]
        assert await claimed_paths(index) == expected[3:]

    async def test_each_lane_is_a_queue_of_its_own(self, index):
        """Who asks for the photos of one lane never gets, or waits for, one of the other."""
        await index.offer([sighting("scan.jpg", lane=Lane.BACKLOG)], now=1.0)
        await index.offer([sighting("new.jpg")], now=3.0)
        assert await claimed_paths(index, lanes=[Lane.BACKLOG]) == ["scan.jpg"]
        assert await claimed_paths(index, lanes=[Lane.BACKLOG]) == []
        assert await index.next_due(lanes=[Lane.BACKLOG]) is None
        assert await index.next_due(lanes=[Lane.ARRIVAL]) == 3.0
        await index.retry([Retry(photo("scan.jpg"), 50.0, "busy")], owner=OWNER)
        assert await index.next_due(lanes=[Lane.BACKLOG]) == 50.0
        assert await claimed_paths(index, lanes=[Lane.ARRIVAL]) == ["new.jpg"]
        assert await claimed_paths(index, lanes=[Lane.ARRIVAL]) == []
        assert await claimed_paths(index, lanes=[Lane.BACKLOG]) == ["scan.jpg"]

    async def test_nothing_is_claimed_twice(self, index):
        """A claimed photo is out of the queue for every owner."""
        await index.offer([sighting()], now=1.0)
        assert len(await claim(index)) == 1
        assert await claim(index, owner="other") == []

    async def test_retry_at_is_waited_for(self, index):
        """A photo to be tried later is not due before, and is due then."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.retry([Retry(photo(), 50.0, "busy")], owner=OWNER)
        assert await index.next_due() == 50.0
        assert await claim(index, now=49.9) == []
        (taken,) = await claim(index, now=50.0)
        assert taken.attempts == 2

    async def test_next_due(self, index):
        """A due photo is due in the past, a claimed one not at all."""
        assert await index.next_due() is None
        await index.offer([sighting()], now=3.0)
        due = await index.next_due()
        assert due is not None
        assert due <= 3.0
        await claim(index)
        assert await index.next_due() is None


class TestClosing:
    async def test_complete(self, index):
        """A completed photo is captioned and remembers what was written."""
        await add_captioned(index)
        assert await index.counts() == {State.CAPTIONED: 1}
        await index.requeue(states=[State.CAPTIONED], now=9.0)
        (taken,) = await claim(index)
        assert taken.digest == "d1"
        assert taken.written == {"txt": Written("a.jpg.txt", "ab" * 32)}

    async def test_retry_may_give_the_attempt_back(self, index):
        """An attempt that was not the photo's fault does not count."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.retry([Retry(photo(), 2.0, "quota", counted=False)], owner=OWNER)
        (taken,) = await claim(index)
        assert taken.attempts == 1

    @pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.SKIPPED, State.MISSING])
    async def test_park(self, index, state):
        """A parked photo is in its state and out of the queue."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.park([Parked(photo(), state, "because")], owner=OWNER)
        assert await index.counts() == {state: 1}
        assert await claim(index) == []

    async def test_release(self, index):
        """A released photo is as it was: lane, place in line, attempts."""
        await index.offer([sighting("a.jpg")], now=1.0)
        await index.offer([sighting("b.jpg")], now=2.0)
        before = await claim(index)
        await index.release([one.photo for one in before], owner=OWNER)
        assert await claim(index) == before

    async def test_requeue(self, index):
        """Requeued photos are due at once with their attempts forgotten, others stay."""
        await index.offer([sighting("a.jpg"), sighting("b.jpg")], now=1.0)
        await claim(index)
        await index.park([Parked(photo("a.jpg"), State.FAILED, "no")], owner=OWNER)
        await index.park([Parked(photo("b.jpg"), State.REFUSED, "no")], owner=OWNER)
        assert await index.requeue(states=[State.FAILED, State.SKIPPED], now=5.0) == 1
        (taken,) = await claim(index, now=5.0)
        assert (taken.photo, taken.attempts) == (photo("a.jpg"), 1)

    async def test_requeue_of_single_photos(self, index):
        """Only the named photos are queued anew, and only those in the states asked for."""
        names = ("a.jpg", "b.jpg", "c.jpg")
        await index.offer([sighting(name) for name in names], now=1.0)
        await claim(index)
        await index.park([Parked(photo("a.jpg"), State.FAILED, "no")], owner=OWNER)
        await index.park([Parked(photo("b.jpg"), State.FAILED, "no")], owner=OWNER)
        await index.park([Parked(photo("c.jpg"), State.REFUSED, "no")], owner=OWNER)
        named = [photo("b.jpg"), photo("c.jpg"), photo("unknown.jpg")]
        assert await index.requeue(states=[State.FAILED], now=5.0, photos=named) == 1
        assert [taken.photo for taken in await claim(index, now=5.0)] == [photo("b.jpg")]

    async def test_requeue_of_the_waiting_makes_them_due(self, index):
        """Waiting for a later time ends when the photo is queued anew."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.retry([Retry(photo(), 500.0, "busy")], owner=OWNER)
        assert await index.requeue(states=[State.QUEUED], now=5.0) == 1
        assert len(await claim(index, now=5.0)) == 1


async def complete(index, owner):
    await index.complete([completed()], owner=owner)


async def retry(index, owner):
    await index.retry([Retry(photo(), 77.0, "later")], owner=owner)


async def park(index, owner):
    await index.park([Parked(photo(), State.FAILED, "no")], owner=owner)


async def release(index, owner):
    await index.release([photo()], owner=owner)


async def begin(index, owner):
    assert not await index.begin(request(number="r2"), owner=owner)


VERBS = [complete, retry, park, release, begin]


class TestVoidClaims:
    @pytest.mark.parametrize("verb", VERBS)
    async def test_another_owner_does_nothing(self, index, verb):
        """A write by anyone but the owner of the claim leaves the claim alone."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await verb(index, "stranger")
        assert await index.counts() == {State.INFLIGHT: 1}
        assert await index.begin(request(), owner=OWNER)

    @pytest.mark.parametrize("verb", VERBS)
    async def test_an_unclaimed_photo_is_left_alone(self, index, verb):
        """A write without a claim does nothing."""
        await index.offer([sighting()], now=1.0)
        await verb(index, OWNER)
        (taken,) = await claim(index)
        assert (taken.attempts, taken.digest) == (1, None)

    @pytest.mark.parametrize("verb", VERBS)
    async def test_a_changed_file_is_claimed_anew_once_it_was_let_go(self, index, verb):
        """Nobody works on the new bytes while the old claim is held; then they start fresh."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        assert await index.offer([sighting(version=2)], now=2.0) == 1
        assert await claim(index) == []
        assert await index.next_due() is None
        await verb(index, OWNER)
        assert await index.counts() == {State.QUEUED: 1}
        (taken,) = await claim(index)
        assert (taken.signature, taken.attempts, taken.digest) == (signature(2), 1, None)

    async def test_an_answer_for_a_changed_file_is_kept_but_not_shown(self, index):
        """Paid words are kept for their content, and never shown beside other bytes."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.begin(request(), owner=OWNER)
        await index.offer([sighting(version=2)], now=2.0)
        await index.answer(answer())
        await index.complete([completed()], owner=OWNER)
        assert await index.caption_of("d1", recipe=RECIPE) == caption()
        (taken,) = await claim(index)
        assert (taken.digest, taken.written) == (None, {})

    async def test_assign_needs_the_claim(self, index):
        """A caption is assigned only by the owner of the claim."""
        await add_captioned(index, "first.jpg")
        await index.offer([sighting("b.jpg")], now=1.0)
        await claim(index)
        await index.assign(photo("b.jpg"), owner="stranger", caption=caption())
        await index.release([photo("b.jpg")], owner=OWNER)
        (taken,) = await claim(index)
        assert taken.digest is None
        await index.assign(photo("b.jpg"), owner=OWNER, caption=caption())
        await index.release([photo("b.jpg")], owner=OWNER)
        (taken,) = await claim(index)
        assert taken.digest == "d1"

    async def test_a_changed_file_that_vanishes_is_claimed_when_it_returns(self, index):
        """A held photo that goes missing and comes back is not stuck."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.offer([sighting(version=2)], now=2.0)
        await index.gone([photo()], now=3.0)
        await index.release([photo()], owner=OWNER)
        assert await index.counts() == {State.MISSING: 1}
        await index.offer([sighting(version=2)], now=4.0)
        assert len(await claim(index)) == 1


class TestCaptions:
    async def test_digest_is_known_after_begin(self, index):
        """Bytes that were read once are not read again for their digest."""
        await index.offer([sighting()], now=1.0)
        await claim(index)
        await index.begin(request(), owner=OWNER)
        await index.abandon("r1", "overloaded", now=2.0)
        await index.retry([Retry(photo(), 3.0, "overloaded", counted=False)], owner=OWNER)
        (taken,) = await claim(index)
        assert taken.digest == "d1"

    async def test_unknown_content_has_no_caption(self, index):
        """There is nothing to reuse for bytes never captioned."""
        assert await index.caption_of("d9", recipe=RECIPE) is None

    async def test_the_newest_wins_over_the_very_recipe(self, index):
        """What another recipe answered later is what the content's photos are to show."""
        other = Recipe(origin="gemini", model="flash", language="en", prompt="Polished.")
        await self.answered(index, caption("by the recipe"), "r1", RECIPE)
        await self.answered(index, caption("later", recipe=other, created_at=9.0), "r2", other)
        found = await index.caption_of("d1", recipe=RECIPE)
        assert found is not None
        assert found.description.caption == "later"

    async def test_the_newest_of_one_recipe(self, index):
        """Of several captions by one recipe the newest is reused."""
        await self.answered(index, caption("first"), "r1", RECIPE)
        await self.answered(index, caption("second", created_at=9.0), "r2", RECIPE)
        found = await index.caption_of("d1", recipe=RECIPE)
        assert found is not None
        assert found.description.caption == "second"

    @pytest.mark.parametrize(
        ("change", "reused"),
        [
            ({"prompt": "Polished."}, True),
            ({"model": "pro"}, True),
            ({"language": "de"}, False),
            ({"origin": "offline"}, False),
        ],
    )
    async def test_another_recipe_of_the_same_origin_and_language(self, index, change, reused):
        """A moved photo never pays again because the prompt was polished, but for a language."""
        await self.answered(index, caption(), "r1", RECIPE)
        kept = {"origin": "gemini", "model": "flash", "language": "en", "prompt": "Describe."}
        found = await index.caption_of("d1", recipe=Recipe(**(kept | change)))
        assert (found is not None) == reused

    async def test_all_words_come_back(self, index):
        """Every part of a description survives, in any script."""
        words = caption(
            "Ein Boot, \N{SAILBOAT}",
            title="Boot",
            alt_text="boat",
            keywords=("rot", "Übersee", 'a "quote"'),
            text="NO\nPARKING",
        )
        await self.answered(index, words, "r1", RECIPE)
        assert await index.caption_of("d1", recipe=RECIPE) == words

    async def test_a_late_abandon_does_not_undo_an_answer(self, index):
        """Closing a request that was answered changes nothing."""
        await add_captioned(index)
        await index.abandon("request of a.jpg", "cancelled", now=9.0)
        assert await index.caption_of("d1", recipe=RECIPE) == caption()

    async def answered(self, index, shows, number, recipe):
        await index.offer([sighting(f"{number}.jpg")], now=1.0)
        await claim(index)
        path = f"{number}.jpg"
        await index.begin(request(path, number=number, recipe=recipe), owner=OWNER)
        await index.answer(answer(path, number=number, shows=shows))
        await index.complete([completed(path, recipe=recipe)], owner=OWNER)

    async def test_a_caption_from_a_sidecar_is_one_like_any_other(self, index):
        """What was read beside a photo is kept, reused and shown, without a request."""
        await index.offer([sighting("a.jpg"), sighting("b.jpg")], now=1.0)
        await claim(index)
        await index.restore(caption("a boat", created_at=2.0), request().facts)
        await index.assign(photo("a.jpg"), owner=OWNER, caption=caption("a boat", created_at=2.0))
        await index.complete([completed("a.jpg")], owner=OWNER)
        assert await index.caption_of("d1", recipe=RECIPE) == caption("a boat", created_at=2.0)
        assert await index.counts() == {State.CAPTIONED: 1, State.INFLIGHT: 1}


class TestFolderView:
    async def test_files_of_a_folder(self, index):
        """The files straight in a folder are known by name, missing ones too."""
        await index.offer([sighting("x/a.jpg"), sighting("x/b.jpg", version=5)], now=1.0)
        await index.offer([sighting("top.jpg"), sighting("x/y/deep.jpg")], now=1.0)
        await index.gone([photo("x/a.jpg")], now=2.0)
        view = index.folder_view()
        assert view.files("/photos", "x") == {
            "a.jpg": KnownFile(1, 1, State.MISSING),
            "b.jpg": KnownFile(5, 5, State.QUEUED),
        }
        assert set(view.files("/photos", "")) == {"top.jpg"}
        assert view.files("/elsewhere", "x") == {}
        view.close()

    async def test_folders_at_or_beneath(self, index):
        """Only folders with a photo that is not missing, only at or beneath the one asked for."""
        paths = ["top.jpg", "x/a.jpg", "x/y/b.jpg", "x/y/c.jpg", "x-z/d.jpg", "gone/e.jpg"]
        await index.offer([sighting(path) for path in paths], now=1.0)
        await index.offer([Sighting(Photo("/other", "q/f.jpg"), signature(), Lane.ARRIVAL)], now=1)
        await index.gone([photo("gone/e.jpg")], now=2.0)
        view = index.folder_view()
        assert sorted(view.folders("/photos", "")) == ["", "x", "x-z", "x/y"]
        assert sorted(view.folders("/photos", "x")) == ["x", "x/y"]
        assert view.folders("/photos", "x/y") == ["x/y"]
        assert view.folders("/photos", "nowhere") == []
        view.close()

    async def test_digests(self, index):
        """A folder's digest is what was saved last."""
        await index.save_folders([FolderDigest("/photos", "", "one")])
        await index.save_folders(
            [FolderDigest("/photos", "", "two"), FolderDigest("/photos", "x", "three")]
        )
        view = index.folder_view()
        assert view.digest("/photos", "") == "two"
        assert view.digest("/photos", "x") == "three"
        assert view.digest("/photos", "y") is None
        view.close()

    async def test_disks(self, index):
        """The file system at a folder is what was saved last; others stay, None forgets."""
        odd = os.fsdecode(b"us\xffb")
        await index.save_disks("/photos", {"": "ext4 1 /", "usb": "vfat 2 /"})
        await index.save_disks("/photos", {"": "xfs 3 /", odd: f"ext4 4 /{odd}"})
        await index.save_disks("/photos", {"usb": None, "never": None})
        view = index.folder_view()
        assert view.disks("/photos") == {"": "xfs 3 /", odd: f"ext4 4 /{odd}"}
        assert view.disks("/other") == {}
        view.close()

    async def test_names_that_are_not_utf8(self, index):
        """Folders and files of any bytes are found under the very names the disk has."""
        folder, name = os.fsdecode(b"d\xe9j\xe0"), os.fsdecode(b"b\xff.jpg")
        await index.offer([sighting(f"{folder}/{name}", reason="not UTF-8")], now=1.0)
        await index.save_folders([FolderDigest("/photos", folder, "one")])
        view = index.folder_view()
        assert view.folders("/photos", "") == [folder]
        assert view.folders("/photos", folder) == [folder]
        assert set(view.files("/photos", folder)) == {name}
        assert view.digest("/photos", folder) == "one"
        view.close()
        await index.gone([photo(f"{folder}/{name}")], now=2.0)
        assert await index.counts() == {State.MISSING: 1}


async def test_beat_and_counts_of_nothing(index):
    """An empty index has no states, and takes the daemon's health."""
    assert await index.counts() == {}
    await index.beat(Health("box", 7, "1.0", 1.0, 2.0, "no quota", 60.0))
    await index.beat(Health("box", 7, "1.0", 1.0, 3.0))
