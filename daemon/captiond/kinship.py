"""Finds the caption that a photo takes from another: same pixels, its pair, or its burst.

Of photos that are kin one is asked about; the others wait for it, and take what it was given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from captiond import akin, errors
from captiond.bench import Bench, Plan
from captiond.handwriting import own, revised, said, speaks
from captiond.index.base import Claim
from captiond.index.kin_base import Mate
from captiond.models import (
    HUMAN,
    Caption,
    Description,
    Facts,
    Handwriting,
    Photo,
    Prepared,
    State,
)
from captiond.sidecars.base import Beside
from captiond.turns import Answered

SOON_SECONDS = 10.0
"""A raw file waits for the picture beside it if that is due within this time."""


@dataclass(frozen=True, slots=True)
class _Lender:
    """A caption of another content; `note` is for the photo that takes it."""

    caption: Caption
    note: str = ""


async def check_turn(claim: Claim, bench: Bench) -> None:
    """See that no kin goes first, as far as that shows before the file is read.

    Of a pair that is due at once the raw file waits. Raises CaptionUnderway.
    """
    if not bench.captioner.paid or claim.unasked or claim.withdrawn:
        return
    awaited = bench.contents.awaited(claim.photo, claim.signature)
    if awaited is not None and await is_in_job(awaited, bench):
        raise _waits(claim, awaited, bench, in_job=True)
    if awaited is not None and bench.contents.holds(awaited):
        raise _waits(claim, awaited, bench)
    if akin.is_raw(claim.photo.name) and (claim.digest is None or claim.anew_after is not None):
        _check_pair(claim, await _pair(claim.photo, None, bench), bench)


async def is_in_job(digest: str, bench: Bench) -> bool:
    """Tell whether a content lies in a batch job, or will soon.

    Who waits for it comes back late: a job is made when nothing more is due soon.
    """
    return bench.contents.keeps(digest) or await bench.index.jobs.underway(digest)


async def borrowed(claim: Claim, plan: Plan, facts: Facts, bench: Bench) -> Answered | None:
    """Return a caption that was taken from kin, kept and shown from now on; None if none has one.

    Then this photo is the one that is asked about. Raises CaptionUnderway while another is.
    """
    if bench.captioner.paid:
        _step_forward(claim, plan, facts, bench)
    # Before the look for a caption: a job that is settled between the two has brought one.
    in_jobs = await bench.index.kin.in_jobs(facts)
    pair = await _pair(claim.photo, facts, bench)
    lender = await _lender(claim, plan, facts, bench=bench, pair=pair)
    if lender is not None:
        caption = await bench.index.kin.lend(
            claim.photo, owner=bench.owner, caption=lender.caption, facts=facts
        )
        return Answered(caption=caption, note=lender.note)
    if bench.captioner.paid:
        _check_pair(claim, pair, bench)
        for other, theirs in in_jobs:
            if _are_kin((claim.photo, facts), (other, theirs), bursts=plan.bursts):
                raise _waits(claim, theirs.digest, bench, in_job=True)
    return None


async def without_echo(image: Prepared, beside: Beside, bench: Bench) -> Prepared:
    """Return the image without what captiond said of it: in the file, too, it is no person's.

    Other programs write what they read in a sidecar into the file. Where the index knows nothing
    of these pixels the sidecars tell.
    """
    hand, pixels = image.handwriting, image.facts.pixels
    known = [] if pixels is None else await bench.index.people.said(pixels)
    ours = known or beside.own
    if not hand.caption or all(one.caption != hand.caption for one in ours):
        return image
    theirs = own(revised(Description(caption=""), hand), ours)
    return replace(image, handwriting=said(theirs))


async def without_old(
    claim: Claim, image: Prepared, beside: Beside, *, plan: Plan, bench: Bench
) -> Prepared:
    """Return the image without what other files of its pixels said, where that is outdated.

    A person wrote other words beside one of those, and a program has changed the metadata now.
    """
    hand, pixels = image.handwriting, image.facts.pixels
    if pixels is None or hand == Handwriting() or speaks(beside.by_hand):
        return image
    found = await bench.index.people.inscribed(pixels)
    before = [revised(Description(caption=""), one) for one in found]
    kin, after = bench.index.kin, claim.anew_after
    shown = await kin.same_pixels(pixels, recipe=plan.recipe, after=after)
    if shown is None or shown.origin != HUMAN:
        return image
    newest = shown.description.caption
    if newest and any(one.caption == newest for one in before):
        return image
    return replace(image, handwriting=said(own(revised(Description(caption=""), hand), before)))


def _step_forward(claim: Claim, plan: Plan, facts: Facts, bench: Bench) -> None:
    """Be the one that is asked about. Raises CaptionUnderway where kin is already."""
    for other, theirs in bench.contents.asked:
        if _are_kin((claim.photo, facts), (other, theirs), bursts=plan.bursts):
            in_job = bench.contents.keeps(theirs.digest)
            raise _waits(claim, theirs.digest, bench, in_job=in_job)
    bench.contents.ask(claim.photo, facts)


def _waits(
    claim: Claim, digest: str, bench: Bench, *, in_job: bool = False
) -> errors.CaptionUnderway:
    """Return what makes the photo wait for a content; the next time it is not read for that."""
    bench.contents.wait(claim.photo, claim.signature, digest)
    if in_job:
        return errors.CaptionInJob("one that shows the same is in a batch job")
    return errors.CaptionUnderway("one that shows the same is being captioned")


async def _lender(
    claim: Claim, plan: Plan, facts: Facts, *, bench: Bench, pair: list[Mate]
) -> _Lender | None:
    """Return the caption to be taken; the offline captioner's, of names, belongs to no other."""
    kin, recipe, after = bench.index.kin, plan.recipe, claim.anew_after
    found = [
        await bench.index.caption_of(mate.digest, recipe=recipe, after=after)
        for mate in pair
        if mate.digest is not None
    ]
    if facts.pixels is not None:
        found.insert(0, await kin.same_pixels(facts.pixels, recipe=recipe, after=after))
    for caption in found:
        if caption is not None and (bench.captioner.paid or caption.origin == HUMAN):
            return _Lender(caption)
    if plan.bursts and bench.captioner.paid:
        for leader in await kin.leaders(claim.photo, facts, recipe=recipe, after=after):
            if akin.are_one_burst(leader.facts, facts):
                name = leader.name or "a photo that is not here any more"
                return _Lender(leader.caption, f"caption taken from {name} (burst)")
    return None


async def _pair(photo: Photo, facts: Facts | None, bench: Bench) -> list[Mate]:
    """Return the other photos of a photo's pair; without facts by their names alone."""
    mates = {mate.photo.name: mate for mate in await bench.index.kin.mates(photo)}
    taken_at = None if facts is None else facts.taken_at
    pair = [mates[name] for name in akin.paired(photo.name, mates)]
    return [mate for mate in pair if akin.may_be_one_exposure(taken_at, mate.taken_at)]


def _check_pair(claim: Claim, pair: list[Mate], bench: Bench) -> None:
    """See that the other photo of a pair is not to be asked about first."""
    for mate in pair:
        if mate.in_job or bench.contents.keeps_photo(mate.photo):
            raise errors.CaptionInJob("the other photo of its pair is in a batch job")
        if akin.is_raw(claim.photo.name) and _goes_first(mate, claim, now=bench.clock()):
            raise errors.CaptionUnderway("the other photo of its pair is being captioned")


def _goes_first(mate: Mate, claim: Claim, *, now: float) -> bool:
    """Tell whether the picture beside a raw file is about to be captioned."""
    due = mate.lane <= claim.lane and (mate.retry_at or now) <= now + SOON_SECONDS
    return mate.state is State.INFLIGHT or (mate.state is State.QUEUED and due)


def _are_kin(one: tuple[Photo, Facts], other: tuple[Photo, Facts], *, bursts: bool) -> bool:
    """Tell whether what one is given serves the other."""
    (photo, facts), (another, theirs) = one, other
    if facts.pixels is not None and facts.pixels == theirs.pixels:
        return True
    if akin.are_named_alike(photo, another):
        return akin.may_be_one_exposure(facts.taken_at, theirs.taken_at)
    together = (photo.root, photo.folder) == (another.root, another.folder)
    return bursts and together and akin.are_one_burst(facts, theirs)
