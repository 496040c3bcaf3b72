"""Takes what people wrote about a photo: into its caption, or in place of one.

A caption is committed as people left it before anything is written beside the photo.
"""

from __future__ import annotations

from dataclasses import replace

import anyio

from captiond.bench import Bench, Plan
from captiond.errors import LeftAlone
from captiond.handwriting import combined, later, revised, said, speaks
from captiond.index.base import Claim
from captiond.models import HUMAN, Caption, Description, Facts, Handwriting, Prepared
from captiond.sidecars.base import Beside
from captiond.turns import Answered

NOBODY = Handwriting()
NOTHING = Description(caption="")
TAKEN_BACK = "its caption was taken back; `captiond retry FILE` brings it back"


async def look_beside(claim: Claim, digest: str, shown: Answered | None, bench: Bench) -> Beside:
    """Return what people wrote beside the photo, and is not in its caption yet.

    Raises SidecarUnwritable.
    """
    words, written = None, claim.written
    known = await bench.index.people.known(claim.photo, digest)
    if shown is not None:
        words = shown.caption.description
        if not known.is_heeded:  # what was read before went into another caption
            written = {kind: replace(one, heard=()) for kind, one in written.items()}
    read, run = bench.read_handwriting, anyio.to_thread.run_sync
    beside = await run(read, claim.photo, written, words, known.own)
    if words is None and known.former is not None and beside.by_hand.caption:
        news = await run(read, claim.photo, written, known.former, known.own)
        if not speaks(news.by_hand):
            return _as_last(beside, known.former)
    return beside


def _as_last(beside: Beside, former: Description) -> Beside:
    """Return what people wrote, with the caption that stood for it with the bytes before.

    Which of their sidecars they wrote last their times do not tell: captiond has merged since.
    """

    def as_last(hand: Handwriting) -> Handwriting:
        back = hand.taken_back if former.caption else hand.taken_back | {"caption"}
        return replace(hand, caption=former.caption, taken_back=back)

    hands = as_last(beside.handwriting), as_last(beside.by_hand)
    return replace(beside, handwriting=hands[0], by_hand=hands[1])


def heard(beside: Beside, digest: str, within: Handwriting = NOBODY) -> Handwriting:
    """Return what people wrote about a photo of these bytes, beside it and `within`.

    What captiond wrote down for them of other bytes gives way to what is said of these.
    """
    if beside.kept is None or beside.kept.digest == digest:
        return combined(beside.handwriting, within)
    hand = combined(beside.by_hand, within)
    return hand if speaks(hand) else combined(hand, said(beside.kept.description))


async def check_wanted(claim: Claim, digest: str, hand: Handwriting, bench: Bench) -> None:
    """See that captiond may look for words of its own. Raises LeftAlone.

    Into a file that changed since its caption was taken back a person may have written one.
    """
    if claim.withdrawn and claim.digest is None:
        return
    if not speaks(hand) and await is_withheld(claim, digest, bench):
        raise LeftAlone(TAKEN_BACK, digest)


async def is_withheld(claim: Claim, digest: str, bench: Bench) -> bool:
    """Tell whether the photo is here for a person's words alone.

    So it is where captiond's were taken back, also when it was renamed since.
    """
    if claim.unasked or claim.withdrawn:
        return True
    return claim.digest is None and await bench.index.people.is_taken_back(digest)


async def leave_alone(claim: Claim, error: LeftAlone, bench: Bench) -> None:
    """Put a photo back that was here for a person's words, or set it aside."""
    if claim.unasked:
        await bench.index.beside.put_back(claim.photo, owner=bench.owner)
        return
    await bench.index.people.withhold(
        claim.photo, owner=bench.owner, digest=error.digest, reason=str(error)
    )


def is_enough(claim: Claim, hand: Handwriting, plan: Plan) -> bool:
    """Tell whether what people wrote stands for a caption, so that nobody is asked."""
    if plan.existing == "add" and hand.caption and not (claim.unasked or claim.withdrawn):
        return bool(hand.title and hand.alt_text and hand.keywords)
    return speaks(hand)


async def adopt(
    claim: Claim, image: Prepared, beside: Beside, *, plan: Plan, bench: Bench
) -> Caption:
    """Return what people wrote as the photo's caption, kept and shown from now on.

    It takes only the place of their own in what captiond said of the same pixels before. What
    captiond wrote down of the same words is no news, also in its sidecars.
    """
    facts, kept = image.facts, beside.kept
    hand = heard(beside, facts.digest, image.handwriting)
    words = revised(await _said_before(claim, facts, plan, bench), hand)
    if kept is not None and (kept.digest, kept.description) == (facts.digest, words):
        caption = _by_people(facts.digest, words, now=kept.created_at)
    else:
        caption = _by_people(facts.digest, words, now=bench.clock())
    people = bench.index.people
    await people.revise(claim.photo, owner=bench.owner, caption=caption, facts=facts)
    return caption


async def _said_before(claim: Claim, facts: Facts, plan: Plan, bench: Bench) -> Description:
    """Return what captiond said of these pixels, kept as of these bytes; nothing if it did not."""
    if facts.pixels is None or not bench.captioner.paid:
        return NOTHING
    if await is_withheld(claim, facts.digest, bench):
        return NOTHING
    kin = bench.index.kin
    before = await kin.same_pixels(facts.pixels, recipe=plan.recipe, people=False)
    if before is None:
        return NOTHING
    await kin.lend(claim.photo, owner=bench.owner, caption=before, facts=facts)
    return before.description


async def as_left(claim: Claim, answered: Answered, beside: Beside, bench: Bench) -> Answered:
    """Return what the photo shows as people left it; that is shown from now on."""
    people, caption = bench.index.people, answered.caption
    known = await people.known(claim.photo, caption.digest)
    is_new = not (known.is_heeded or answered.is_reused)
    # What captiond wrote down of a person's words is older than those that are shown.
    hand = beside.by_hand if caption.origin == HUMAN else heard(beside, caption.digest)
    if is_new:  # what people changed in the last one holds for it, wherever the photo is now
        hand = later(hand, later(known.changed, known.within))
    words = revised(caption.description, hand)
    if words != caption.description:
        caption = _revised(caption, words, now=bench.clock())
        await people.revise(claim.photo, owner=bench.owner, caption=caption)
    return replace(answered, caption=caption, beside=beside)


def _revised(caption: Caption, words: Description, *, now: float) -> Caption:
    """Return the caption with other words: a person's from the moment its sentence is."""
    if words.caption == caption.description.caption:
        return replace(caption, description=words, created_at=now)
    return _by_people(caption.digest, words, now=now)


def _by_people(digest: str, words: Description, *, now: float) -> Caption:
    return Caption(
        digest=digest,
        recipe=HUMAN,
        origin=HUMAN,
        language="",
        model="",
        created_at=now,
        description=words,
    )
