"""A photo that is captioned anew, from its claim to its row."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from pipeline_helpers import NOW, OWNER, RECIPE, Station
from structlog.testing import capture_logs

from captiond import errors
from captiond.bench import Plan, RootPlans
from captiond.index.history_base import IN_VAIN, Wanted
from captiond.models import Description, Photo, Reply, State, Usage
from captiond.pipeline import caption_photo
from captiond.sidecars.base import Layout
from captiond.testing.memory_index import Row

POLISHED = replace(RECIPE, prompt="Describe it well.")
AGAIN = replace(RECIPE, prompt="Describe it in one word.")


class Numbered:
    """Answers with the number of the question; refuses where told to."""

    def __init__(self) -> None:
        self.paid, self.asked, self.refusing = True, 0, False

    async def caption(self, question: object) -> Reply:  # noqa: ARG002 the Protocol's words
        self.asked += 1
        words = Description(caption=f"Answer {self.asked}.")
        refusal = errors.CaptionRefused("the model declines")
        return Reply(refusal if self.refusing else words, "flash-001", Usage(100, 20))


class Studio(Station):
    """A station whose photos are captioned anew."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Numbered())

    def follow(self, recipe) -> None:
        """Go on by another recipe, as after a reload."""
        self.bench = replace(
            self.bench, plans=RootPlans({str(self.root): Plan(recipe, Layout(("txt",)))})
        )

    async def order(self, *, stale: bool = False) -> int:
        (plan,) = self.bench.plans.by_root.values()
        wanted = Wanted(recipes={str(self.root): plan.recipe.key}, stale=stale)
        return await self.index.history.order(wanted)

    def row(self, name: str) -> Row:
        return self.index.rows[Photo(str(self.root), name)]

    def words(self, name: str) -> tuple[str, str]:
        """Return what is shown for a photo, in the index and beside it."""
        row = self.row(name)
        assert row.caption is not None
        beside = (self.root / f"{name}.txt").read_text().strip()
        return row.caption.description.caption, beside


@pytest.fixture
async def studio(tmp_path: Path) -> Studio:
    studio = Studio(tmp_path)
    await studio.run(studio.write("a.jpg"))
    assert studio.words("a.jpg") == ("Answer 1.", "Answer 1.")
    return studio


async def test_a_new_caption_takes_the_place_of_the_old_one(studio: Studio) -> None:
    """Also by the same recipe, and with the old words in a sidecar that could be read back."""
    assert await studio.order() == 1
    await studio.caption(studio.row("a.jpg").photo)
    assert studio.words("a.jpg") == ("Answer 2.", "Answer 2.")
    assert (studio.row("a.jpg").state, studio.row("a.jpg").anew_after) == (State.CAPTIONED, None)


async def test_what_is_refused_anew_keeps_its_caption(studio: Studio) -> None:
    """Index and sidecar stay as they were, the reason is noted and told."""
    await studio.order()
    studio.captioner.refusing = True
    with capture_logs() as logs:
        await studio.caption(studio.row("a.jpg").photo)
    assert studio.words("a.jpg") == ("Answer 1.", "Answer 1.")
    row = studio.row("a.jpg")
    assert (row.state, row.reason) == (State.CAPTIONED, f"{IN_VAIN}the model declines")
    assert [line["event"] for line in logs] == ["caption.kept"]


async def test_a_new_caption_whose_sidecar_cannot_be_written_is_not_paid_for_again(
    studio: Studio,
) -> None:
    """A read-only folder holds up the sidecar, not the caption; not even over a reload."""

    def refuse(*_: object) -> object:
        raise errors.SidecarUnwritable("read-only")

    await studio.order()
    writing, studio.bench = studio.bench, replace(studio.bench, write_sidecars=refuse)
    await studio.caption(studio.row("a.jpg").photo)
    assert studio.words("a.jpg") == ("Answer 2.", "Answer 1.")
    studio.bench, studio.now = writing, NOW + 100
    studio.follow(POLISHED)
    await studio.caption(studio.row("a.jpg").photo)
    assert studio.words("a.jpg") == ("Answer 2.", "Answer 2.")
    assert studio.captioner.asked == 2


async def test_the_prompt_that_counts_is_the_one_in_force_when_it_is_asked(studio: Studio) -> None:
    """Changed twice: one question, by the last one; then nothing is stale any more."""
    studio.follow(POLISHED)
    assert await studio.order(stale=True) == 1
    studio.follow(AGAIN)
    assert await studio.order(stale=True) == 0
    row = await studio.caption(studio.row("a.jpg").photo)
    assert row.caption is not None
    assert row.caption.recipe == AGAIN.key
    assert await studio.order(stale=True) == 0
    assert studio.captioner.asked == 2


async def test_a_copy_that_waits_with_it_is_free(studio: Studio) -> None:
    """Of two copies that are captioned anew one pays, whichever is first."""
    await studio.run(studio.write("b.jpg"))
    assert await studio.order() == 2
    for claim in await studio.index.claim(owner=OWNER, limit=2, now=studio.now):
        await caption_photo(claim, studio.bench)
    assert studio.words("a.jpg") == studio.words("b.jpg") == ("Answer 2.", "Answer 2.")
    assert studio.captioner.asked == 2


async def test_a_copy_that_comes_later_takes_what_was_brought_back(studio: Studio) -> None:
    """A reversal stands for the content from then on; the copies that are there keep theirs."""
    await studio.run(studio.write("b.jpg"))
    await studio.order()
    for claim in await studio.index.claim(owner=OWNER, limit=2, now=studio.now):
        await caption_photo(claim, studio.bench)
    row = studio.row("a.jpg")
    done = await studio.index.history.revert(row.photo, None, signature=row.signature, now=2000.0)
    # whoever reverted was killed: the queue does the rest
    studio.now = 3000.0
    await studio.caption(done.claim.photo)
    assert studio.words("a.jpg") == ("Answer 1.", "Answer 1.")
    await studio.run(studio.write("c.jpg"))
    assert studio.words("c.jpg") == ("Answer 1.", "Answer 1.")
    assert studio.words("b.jpg") == ("Answer 2.", "Answer 2.")
    assert studio.captioner.asked == 2
    digest = hashlib.sha256(b"photo").hexdigest()
    assert {one.digest for one in studio.index.captions} == {digest}


async def test_a_sidecar_of_a_person_stays(studio: Studio) -> None:
    """The index shows the new words, the file those of the person."""
    (studio.root / "a.jpg.txt").write_text("mine\n")
    await studio.order()
    row = await studio.caption(studio.row("a.jpg").photo)
    assert studio.words("a.jpg") == ("Answer 2.", "mine")
    assert row.reason is not None
    assert "left alone" in row.reason
