"""Finds a caption that costs nothing: known already, a person's, or told by captiond's sidecar."""

from __future__ import annotations

import anyio

from captiond import adopting
from captiond.bench import Bench, Plan
from captiond.errors import LeftAlone
from captiond.handwriting import speaks
from captiond.index.base import Claim
from captiond.models import HUMAN, Caption, Facts, Prepared, Recipe
from captiond.sidecars.base import Beside
from captiond.turns import Answered


async def known(claim: Claim, digest: str, plan: Plan, bench: Bench) -> Answered | None:
    """Return what the photo shows already, else the content's caption if it may be reused.

    The latter is shown for the photo from now on. With it comes what it took in a batch job.
    """
    shown = await bench.index.history.shown(claim.photo) if claim.digest is not None else None
    if shown is None:
        return await _reused(claim, digest, plan, bench)
    took = await bench.index.jobs.billed(claim.photo)
    if took is None:
        return Answered(caption=shown)
    return Answered(caption=shown, bill=took.bill, asked_at=took.asked_at, seconds=took.seconds)


async def _reused(claim: Claim, digest: str, plan: Plan, bench: Bench) -> Answered | None:
    if await adopting.is_withheld(claim, digest, bench):
        return None
    caption = await bench.index.caption_of(digest, recipe=plan.recipe, after=claim.anew_after)
    if caption is None or not (bench.captioner.paid or caption.origin == HUMAN):
        return None  # offline speaks of names, which belong to the path and not to the content
    await bench.index.assign(claim.photo, owner=bench.owner, caption=caption)
    return Answered(caption=caption, is_reused=True)


async def told(
    claim: Claim, image: Prepared, beside: Beside, *, plan: Plan, bench: Bench
) -> Caption | None:
    """Return a caption that the picture, or what lies beside it, tells; shown from now on.

    Raises LeftAlone.
    """
    hand = adopting.heard(beside, image.facts.digest, image.handwriting)
    if image.handwriting != adopting.NOBODY:
        await bench.index.people.inscribe(image.facts.digest, image.handwriting)
    if adopting.is_enough(claim, hand, plan):
        return await adopting.adopt(claim, image, beside, plan=plan, bench=bench)
    if speaks(hand):
        return None
    if claim.withdrawn:
        raise LeftAlone(adopting.TAKEN_BACK, image.facts.digest)
    return await _read_back(claim, image.facts, plan.recipe, bench)


async def _read_back(claim: Claim, facts: Facts, recipe: Recipe, bench: Bench) -> Caption | None:
    """Return the caption that a sidecar tells of this content, known and shown from now on.

    The index was lost, or the library moved here: what was paid for once is not paid for again.
    """
    if not bench.captioner.paid or claim.anew_after is not None:
        return None
    read = await anyio.to_thread.run_sync(bench.read_sidecars, claim.photo, facts.digest, recipe)
    if read is not None:
        await bench.index.restore(read, facts)
        await bench.index.assign(claim.photo, owner=bench.owner, caption=read)
    return read
