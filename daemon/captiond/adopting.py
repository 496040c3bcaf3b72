"""Takes what people wrote about a photo: into its caption, or in place of one.

A caption is committed as people left it before anything is written beside the photo.
"""

from __future__ import annotations

from dataclasses import replace

import anyio

from captiond.bench import Bench, Plan
from captiond.errors import LeftAlone
from captiond.handwriting import combined, news, revised, speaks
from captiond.index.base import Claim
from captiond.models import HUMAN, Caption, Description, Facts, Handwriting
from captiond.sidecars.base import Beside
from captiond.turns import Answered

NOBODY = Handwriting()
TAKEN_BACK = "its caption was taken back; `captiond retry FILE` brings it back"


async def look_beside(claim: Claim, shown: Answered | None, bench: Bench) -> Beside:
    """Return what people wrote beside the photo. Raises SidecarUnwritable."""
    words = None if shown is None else shown.caption.description
    return await anyio.to_thread.run_sync(bench.read_handwriting, claim.photo, claim.written, words)


async def check_wanted(claim: Claim, digest: str, hand: Handwriting, bench: Bench) -> None:
    """See that captiond may look for words of its own. Raises LeftAlone.

    It may not where only a person's were waited for, nor where its own were taken back, also
    when the photo was renamed since.
    """
    if speaks(hand):
        return
    renamed = claim.digest is None and await bench.index.people.is_taken_back(digest)
    if claim.unasked or claim.withdrawn or renamed:
        raise LeftAlone(TAKEN_BACK, digest)


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


async def adopt(claim: Claim, facts: Facts, hand: Handwriting, bench: Bench) -> Caption:
    """Return what people wrote as the photo's caption, kept and shown from now on."""
    words = revised(Description(caption=""), hand)
    caption = _by_people(facts.digest, words, now=bench.clock())
    await bench.index.people.revise(
        claim.photo, owner=bench.owner, caption=caption, hand=hand, facts=facts
    )
    return caption


async def as_left(claim: Claim, answered: Answered, beside: Beside, bench: Bench) -> Answered:
    """Return what the photo shows as people left it; that is shown from now on.

    What it holds already is not taken again: somebody may have brought captiond's words back.
    """
    people, caption = bench.index.people, answered.caption
    known = await people.known(claim.photo, caption.digest)
    before = known.beside or NOBODY
    hand = news(beside.handwriting, before)
    if known.beside is None and not answered.is_reused:
        hand = combined(hand, known.within)
    if hand != NOBODY:
        held, words = combined(hand, before), revised(caption.description, hand)
        if words == caption.description:
            await people.take(claim.photo, owner=bench.owner, hand=held)
        else:
            caption = _revised(caption, words, now=bench.clock())
            await people.revise(claim.photo, owner=bench.owner, caption=caption, hand=held)
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
