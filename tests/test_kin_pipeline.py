"""A photo that takes the caption of its kin, from its claim to its row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kin_helpers import Album
from pipeline_helpers import NOW, RECIPE, WORDS, assert_waits

from captiond import errors
from captiond.index.history_base import Wanted
from captiond.models import HUMAN, Facts, Handwriting, State
from captiond.pipeline import caption_photo
from captiond.sidecars.handwriting import read_handwriting

PAN = "0f" * 8


@pytest.fixture
def album(tmp_path: Path) -> Album:
    return Album(tmp_path)


class TestSamePixels:
    async def test_metadata_changed_in_place_costs_nothing(self, album):
        """The row and its sidecar show the words again, with what is new in the file."""
        await album.run(album.show("a.jpg", b"one", pixels="p"))
        hand = Handwriting(keywords=("harbour",))
        row = await album.run(album.show("a.jpg", b"two", pixels="p", hand=hand))
        assert album.asked == ["a.jpg"]
        assert (row.state, row.caption.origin) == (State.CAPTIONED, "gemini")
        assert row.caption.description.keywords == ("harbour", *WORDS.keywords)
        assert album.words("a.jpg") == (WORDS.caption, WORDS.caption)

    async def test_other_pixels_are_asked_about(self, album):
        """An edit of the picture is another picture; unknown pixels are no match."""
        await album.run(album.show("a.jpg", b"one", pixels="p"))
        await album.run(album.show("a.jpg", b"two", pixels="q"))
        await album.run(album.show("b.jpg", b"three"))
        await album.run(album.show("c.jpg", b"four"))
        assert album.asked == ["a.jpg", "a.jpg", "b.jpg", "c.jpg"]

    async def test_own_words_in_the_file_are_no_person_s(self, album):
        """Another program copied them from the sidecar into the file: they stay captiond's."""
        await album.run(album.show("a.jpg", b"one", pixels="p"))
        echo = Handwriting(caption=WORDS.caption, keywords=(*WORDS.keywords, "harbour"))
        row = await album.run(album.show("a.jpg", b"two", pixels="p", hand=echo))
        assert row.caption.origin == "gemini"
        assert row.caption.description.keywords == ("harbour", *WORDS.keywords)

    async def test_own_words_by_another_recipe_are_no_person_s(self, album):
        """A caption in another language that was copied into the file is no caption by now."""
        await album.run(album.show("a.jpg", b"one", pixels="p"))
        echo = Handwriting(caption=WORDS.caption, title="Our boat")
        album.follow(recipe=replace(RECIPE, language="de"))
        row = await album.run(album.show("a.jpg", b"two", pixels="p", hand=echo))
        assert album.asked == ["a.jpg", "a.jpg"]
        assert (row.caption.origin, row.caption.description.title) == ("gemini", "Our boat")

    async def test_own_words_in_a_file_whose_pixels_changed(self, album):
        """What a sidecar of captiond's says is no person's caption of another picture."""
        album.bench = replace(album.bench, read_handwriting=read_handwriting)
        await album.run(album.show("a.jpg", b"one", pixels="p"))
        echo = Handwriting(caption=WORDS.caption)
        row = await album.run(album.show("a.jpg", b"two", pixels="q", hand=echo))
        assert album.asked == ["a.jpg", "a.jpg"]
        assert row.caption.origin == "gemini"

    async def test_a_person_s_new_words_go_first(self, album):
        """What was written into the file along with the change is the caption from then on."""
        await album.run(album.show("a.jpg", b"one", pixels="p"))
        hand = Handwriting(caption="Our boat.")
        row = await album.run(album.show("a.jpg", b"two", pixels="p", hand=hand))
        assert (row.caption.origin, row.caption.description.caption) == (HUMAN, "Our boat.")
        copy = await album.run(album.show("b.jpg", b"three", pixels="p"))
        assert (copy.caption.origin, copy.caption.description.caption) == (HUMAN, "Our boat.")
        assert album.asked == ["a.jpg"]

    async def test_of_two_that_come_together_one_pays(self, album):
        """The other waits without an attempt, and is not decoded again while it does."""
        first = album.show("a.jpg", b"one", pixels="p")
        second = album.show("b.jpg", b"two", pixels="p")
        for photo in (first, second):
            await album.offer(photo)
        claims = await album.index.claim(owner="box", limit=2, now=album.now)
        with album.bench.contents.hold("another"):
            facts = Facts(digest="another", format="jpeg", width=1, height=1, pixels="p")
            album.bench.contents.ask(first, facts)
            for claim in claims:
                await caption_photo(claim, album.bench)
            for name in ("a.jpg", "b.jpg"):
                assert_waits(album.row(name), at=NOW + 2)
            album.now += 2
            (again,) = await album.index.claim(owner="box", limit=1, now=album.now)
            await caption_photo(again, album.bench)
            assert len(album.prepared) == 2
        await album.settle_all()
        assert len(album.asked) == 1
        assert album.words("a.jpg") == album.words("b.jpg")

    async def test_who_waited_asks_when_the_first_one_failed(self, album):
        """What is not held any more keeps nobody waiting."""
        album.captioner.script.append(errors.CaptionRefused("no"))
        await album.settle_all(
            album.show("a.jpg", b"one", pixels="p"), album.show("b.jpg", b"two", pixels="p")
        )
        states = {album.row(name).state for name in ("a.jpg", "b.jpg")}
        assert states == {State.REFUSED, State.CAPTIONED}

    async def test_order_for_one_is_not_served_by_an_old_caption(self, album):
        """Nor by its own before; both that are ordered share the new one."""
        photos = [album.show(f"{n}.jpg", bytes([n]), pixels="p") for n in range(2)]
        await album.settle_all(*photos)
        wanted = Wanted(recipes={str(album.root): RECIPE.key}, places=photos[:1])
        await album.index.history.order(wanted)
        await album.settle_all()
        assert len(album.asked) == 2
        await album.index.history.order(replace(wanted, places=()))
        await album.settle_all()
        assert len(album.asked) == 3

    async def test_offline_words_are_not_lent(self, album):
        """They speak of the file's name."""
        album.captioner.paid = False
        await album.run(album.show("a.jpg", b"one", pixels="p"))
        await album.run(album.show("b.jpg", b"two", pixels="p"))
        assert album.asked == ["a.jpg", "b.jpg"]


class TestPairs:
    @pytest.mark.parametrize("names", [("A.CR2", "a.jpg"), ("a.jpg", "A.CR2"), ("x.NEF", "x.HEIC")])
    async def test_pair_that_comes_together_is_asked_about_once(self, album, names):
        """About the one that is no raw file, whichever has its turn first; both are captioned."""
        await album.settle_all(*(album.show(name, name.encode()) for name in names))
        assert album.asked == [next(name for name in names if not name.endswith(("CR2", "NEF")))]
        assert {album.words(name) for name in names} == {(WORDS.caption, WORDS.caption)}
        assert {album.row(name).attempts for name in names} == {1}
        assert sorted(album.prepared) == sorted(name.encode() for name in names)

    @pytest.mark.parametrize("names", [("a.dng", "a.jpg"), ("a.jpg", "a.dng")])
    async def test_the_one_that_comes_later_takes_the_caption(self, album, names):
        """Whichever it is."""
        for name in names:
            await album.settle_all(album.show(name, name.encode()))
        assert album.asked == [names[0]]
        assert album.words("a.dng") == album.words("a.jpg")

    async def test_picture_waits_while_the_raw_file_is_asked_about(self, album):
        """Which came first, and asks for itself; of the same name elsewhere it is no pair."""
        raw = Facts(digest="raw", format="raw", width=1, height=1)
        (album.root / "x").mkdir()
        for folder, waits in (("", True), ("x/", False)):
            await album.offer(album.show(f"{folder}a.jpg", folder.encode() + b"jpg"))
            (claim,) = await album.index.claim(owner="box", limit=1, now=album.now)
            with album.bench.contents.hold(raw.digest):
                album.bench.contents.ask(album.show("a.nef", b"raw"), raw)
                await caption_photo(claim, album.bench)
            assert (album.row(f"{folder}a.jpg").state is State.QUEUED) is waits
        assert_waits(album.row("a.jpg"), at=NOW + 2)
        assert album.asked == ["a.jpg"]

    async def test_a_person_s_caption_is_taken_too(self, album):
        """What she wrote of one is true of the other."""
        hand = Handwriting(caption="Our boat.")
        await album.settle_all(album.show("a.jpg", b"jpg", hand=hand), album.show("a.arw", b"raw"))
        assert (album.asked, album.row("a.arw").caption.origin) == ([], HUMAN)

    async def test_raw_file_asks_for_itself_when_the_other_failed(self, album):
        """Refused, damaged or gone: nobody waits for it."""
        album.captioner.script.append(errors.CaptionRefused("no"))
        await album.settle_all(album.show("a.jpg", b"jpg"), album.show("a.nef", b"raw"))
        assert album.asked == ["a.jpg", "a.nef"]
        gone = album.show("b.jpg", b"gone")
        await album.offer(gone)
        (album.root / "b.jpg").unlink()
        await album.index.gone([gone], now=album.now)
        await album.settle_all(album.show("b.nef", b"raw too"))
        assert album.row("b.nef").state is State.CAPTIONED

    async def test_other_exposures_of_the_same_name_are_no_pair(self, album):
        """The counter began anew: more than two seconds lie between them."""
        late, early = "2024-05-01T10:00:03", "2024-05-01T10:00:00+02:00"
        await album.settle_all(
            album.show("a.jpg", b"jpg", taken_at=late), album.show("a.nef", b"raw", taken_at=early)
        )
        assert sorted(album.asked) == ["a.jpg", "a.nef"]

    async def test_edited_photo_beside_its_original_is_no_pair(self, album):
        """Nor beside a pair: the camera's own picture is the raw file's."""
        names = ("a.jpg", "a.heic", "a.tif", "a.cr3")
        await album.settle_all(*(album.show(name, name.encode()) for name in names))
        assert sorted(album.asked) == ["a.heic", "a.jpg", "a.tif"]

    async def test_same_name_elsewhere_is_no_pair(self, album):
        """In another folder it is another photo."""
        (album.root / "x").mkdir()
        await album.settle_all(album.show("a.jpg", b"jpg"), album.show("x/a.cr2", b"raw"))
        assert len(album.asked) == 2


class TestBursts:
    def shoot(self, album, number, *, second=None, likeness=PAN):
        taken_at = f"2024-05-01T10:00:{number if second is None else second:02}"
        content = f"shot {number}".encode()
        how = {"taken_at": taken_at, "camera": "X100", "likeness": likeness}
        return album.show(f"{number:02}.jpg", content, **how)

    async def test_burst_is_asked_about_once(self, album):
        """The others say where their words are from; without the setting each is asked about."""
        album.follow(bursts=True)
        await album.settle_all(*(self.shoot(album, number) for number in range(8)))
        (leader,) = album.asked
        reasons = {album.row(f"{n:02}.jpg").reason for n in range(8)} - {None}
        assert reasons == {f"caption taken from {leader} (burst)"}
        album.follow()
        await album.settle_all(*(self.shoot(album, number, second=40) for number in range(20, 23)))
        assert len(album.asked) == 4

    async def test_drift_is_measured_from_the_leader(self, album):
        """Each next picture of a slow pan differs little, the last one much."""
        album.follow(bursts=True)
        for number in range(9):
            pan = f"{(1 << (4 * number)) - 1:016x}"
            await album.settle_all(self.shoot(album, number, likeness=pan))
        assert album.asked == ["00.jpg", "03.jpg", "06.jpg"]

    async def test_what_looks_otherwise_or_comes_later_is_no_part_of_it(self, album):
        """Alike, and within seconds of the leader."""
        album.follow(bursts=True)
        await album.settle_all(self.shoot(album, 0))
        await album.settle_all(self.shoot(album, 1, likeness="f0" * 8), self.shoot(album, 11))
        assert len(album.asked) == 3

    async def test_follower_that_is_ordered_by_name_asks_for_itself(self, album):
        """And is no follower any more."""
        album.follow(bursts=True)
        photos = [self.shoot(album, number) for number in range(3)]
        await album.settle_all(*photos)
        follower = next(photo for photo in photos if photo.name not in album.asked)
        wanted = Wanted(recipes={str(album.root): RECIPE.key}, places=[follower])
        await album.index.history.order(wanted)
        await album.settle_all()
        assert album.asked[1:] == [follower.name]
        assert album.row(follower.name).reason is None
