"""One photo whose file or sidecars hold what a person wrote, through the pipeline."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pipeline_helpers import OWNER, RECIPE, WORDS, Station

from captiond.bench import Plan, RootPlans
from captiond.models import HUMAN, Handwriting, Prepared, State
from captiond.pipeline import caption_photo
from captiond.sidecars.base import Layout
from captiond.sidecars.handwriting import read_handwriting

OURS = "Our boat in Marseille"
TITLE = Handwriting(title="Our boat", keywords=("ours",))


class Inscribed(Station):
    """A station whose photos hold handwriting in their files."""

    hand = Handwriting()
    pixels: str | None = None

    def __init__(self, root, captioner=None, *, existing="adopt"):
        super().__init__(root, captioner)
        plan = Plan(RECIPE, Layout(("txt", "json")), existing=existing)
        self.bench = replace(
            self.bench,
            read_handwriting=read_handwriting,
            plans=RootPlans({str(root): plan}),
        )

    async def _prepare(self, fd: int, digest: str) -> Prepared:
        image = await super()._prepare(fd, digest)
        facts = replace(image.facts, pixels=self.pixels)
        return replace(image, facts=facts, handwriting=self.hand)

    @property
    def asked(self):
        return len(self.captioner.asked)


@pytest.fixture
def station(tmp_path):
    return Inscribed(tmp_path)


async def test_a_caption_within_the_file_is_adopted(station):
    """It stands for one: nobody is asked, and what is missing beside the photo is written."""
    station.hand = Handwriting(caption=OURS, title="Boat")
    row = await station.run(station.write("a.jpg"))
    assert (row.state, row.caption.origin, row.caption.recipe) == (State.CAPTIONED, HUMAN, HUMAN)
    assert row.caption.description.title == "Boat"
    assert station.asked == 0
    assert (station.root / "a.jpg.txt").read_text() == f"{OURS}\n"
    assert station.index.facts[row.digest].format == "jpeg"


async def test_a_caption_beside_goes_before_one_within(station):
    """Of two captions of a person's, the one beside the photo counts."""
    station.hand = Handwriting(caption="from the file", title="Boat")
    photo = station.write("a.jpg")
    station.write("a.jpg.txt", OURS.encode())
    row = await station.run(photo)
    assert row.caption.description.caption == OURS
    assert row.caption.description.title == "Boat"


async def test_a_caption_written_into_a_captioned_file_takes_that_ones_place(station):
    """As in a sidecar: the keywords that were paid for stay, and none that a person removed."""
    station.pixels = "p"
    await station.run(station.write("a.jpg", b"one"))
    edits = (("Our boat", ("harbour",)), (OURS, ("harbour",)), (OURS, ()))
    for number, (words, keywords) in enumerate(edits):
        station.hand = Handwriting(caption=words, keywords=keywords)
        row = await station.run(station.write("a.jpg", b"edit %d" % number))
        assert (row.caption.origin, row.caption.description.caption) == (HUMAN, words)
        assert row.caption.description.keywords == (*keywords, *WORDS.keywords)
        assert (station.root / "a.jpg.txt").read_text() == f"{words}\n"
    assert station.asked == 1


@pytest.mark.parametrize("where", ["beside", "within"])
async def test_captiond_s_words_that_were_taken_back_stay_so_under_a_person_s(station, where):
    """A caption written beside a photo, or into it, after `undo` brings nothing else back."""
    station.pixels = "p"
    photo = station.write("a.jpg", b"one")
    await station.run(photo)
    if where == "beside":
        station.write("a.jpg.txt", OURS.encode())
    else:
        station.hand = Handwriting(caption=OURS)
    await station.offer(station.write("a.jpg", b"two"))
    claim = replace(await station.claim(photo), withdrawn=True)
    await caption_photo(claim, station.bench)
    row = station.index.rows[photo]
    assert row.caption.description == replace(WORDS, caption=OURS, keywords=())


async def test_what_was_taken_back_is_not_asked_for_when_the_file_changes(station):
    """Other metadata, or another picture, without a person's caption: the photo stays set aside."""
    photo = station.write("a.jpg", b"one")
    await station.run(photo)
    station.hand = TITLE
    await station.offer(station.write("a.jpg", b"two"))
    claim = replace(await station.claim(photo), withdrawn=True)
    await caption_photo(claim, station.bench)
    row = station.index.rows[photo]
    assert (row.state, row.caption, station.asked) == (State.SKIPPED, None, 1)


async def test_it_is_adopted_whoever_would_be_asked(tmp_path):
    """Also with the offline captioner, and a copy shows it where names tell the rest."""
    station = Inscribed(tmp_path)
    station.captioner.paid = False
    station.write("a.jpg.txt", OURS.encode())
    await station.run(station.write("a.jpg"))
    row = await station.run(station.write("copy.jpg"))
    assert row.caption.description.caption == OURS
    assert station.asked == 0


async def test_old_words_within_the_file_do_not_come_back(station):
    """What it said before a person wrote others beside it is no news in other bytes."""
    station.pixels = "p"
    station.hand = Handwriting(caption="A boat", title="Boat", keywords=("sea",))
    await station.run(station.write("a.jpg"))
    station.write("a.jpg.txt", OURS.encode())
    await station.run(station.write("a.jpg", b"two"))
    moved = await station.run(station.write("b.jpg", b"three"))
    words = moved.caption.description
    assert (words.caption, words.title, words.keywords) == (OURS, "Boat", ("sea",))
    station.hand = replace(station.hand, caption="Her boat")
    moved = await station.run(station.write("b.jpg", b"four"))
    assert moved.caption.description.caption == "Her boat"
    assert station.asked == 0


async def test_a_title_within_the_file_stays(station):
    """It is shown in place of the model's, keywords are united; the model's answer is kept."""
    station.hand = TITLE
    row = await station.run(station.write("a.jpg"))
    words = row.caption.description
    assert (words.caption, words.title) == (WORDS.caption, "Our boat")
    assert words.keywords == ("ours", "boat")
    assert [one.description.title for one in station.index.captions] == ["", "Our boat"]
    assert row.caption.recipe == RECIPE.key


async def test_a_title_within_the_file_that_was_removed_beside_it_stays_away(station):
    """Also from a caption that is made anew."""
    station.hand = TITLE
    photo = station.write("a.jpg")
    row = await station.run(photo)
    document = station.root / "a.jpg.caption.json"
    document.write_text(document.read_text().replace(TITLE.title, ""))
    for anew_after in (None, 3):
        row.state, row.owner, row.anew_after = State.INFLIGHT, OWNER, anew_after
        await caption_photo(row.claim(), station.bench)
        assert row.caption.description == replace(WORDS, keywords=("ours", "boat"))
    assert station.asked == 2


async def test_a_title_is_not_forgotten_between_answer_and_revision(station):
    """An answer that was committed before a crash, or came with a batch job, is revised later."""
    station.hand = TITLE
    photo = station.write("a.jpg")
    await station.run(photo)
    row = station.index.rows[photo]
    row.caption, row.heeded = station.index.captions.pop(0), False
    station.index.captions[:] = [row.caption]
    row.state, row.owner = State.INFLIGHT, OWNER
    await caption_photo(row.claim(), station.bench)
    assert row.caption.description.title == "Our boat"
    assert station.asked == 1


async def test_what_is_empty_is_asked_for(tmp_path):
    """With existing = "add" the answer fills what the person left empty."""
    station = Inscribed(tmp_path, existing="add")
    station.hand = Handwriting(caption=OURS, title="Boat")
    row = await station.run(station.write("a.jpg"))
    words = row.caption.description
    assert (words.caption, words.title, words.keywords) == (OURS, "Boat", ("boat",))
    assert row.caption.origin == HUMAN
    assert station.asked == 1


async def test_an_unasked_photo_is_never_asked_about(station):
    """Changed sidecars that hold no caption leave a photo as it was; with one it is adopted."""
    photo = station.write("a.jpg")
    await station.offer(photo)
    claim = await station.claim(photo)
    row = station.index.rows[photo]
    row.unasked = State.REFUSED
    await caption_photo(replace(claim, unasked=True), station.bench)
    assert (row.state, row.caption, station.asked) == (State.REFUSED, None, 0)
    station.write("a.jpg.txt", OURS.encode())
    row.state, row.owner, row.unasked = State.INFLIGHT, OWNER, State.REFUSED
    await caption_photo(replace(claim, unasked=True), station.bench)
    assert (row.state, row.caption.description.caption) == (State.CAPTIONED, OURS)
    assert station.asked == 0


async def test_a_withdrawn_photo_takes_only_a_persons_words(station):
    """It is neither asked about nor written beside; what a person writes is shown."""
    photo = station.write("a.jpg")
    await station.offer(photo)
    claim = replace(await station.claim(photo), withdrawn=True)
    row = station.index.rows[photo]
    await caption_photo(claim, station.bench)
    assert (row.state, row.withdrawn, station.asked) == (State.SKIPPED, 2, 0)
    station.write("a.jpg.txt", OURS.encode())
    row.state, row.owner = State.INFLIGHT, OWNER
    await caption_photo(claim, station.bench)
    assert row.caption.description.caption == OURS
    assert not (station.root / "a.jpg.caption.json").exists()
