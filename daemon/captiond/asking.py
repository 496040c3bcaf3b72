"""Finds a photo's caption: for free in the index or beside the photo, else by asking for one.

What people wrote goes before all that captiond could say.
"""

from __future__ import annotations

import anyio

from captiond import adopting, errors, finding, kinship
from captiond.bench import Bench, Plan
from captiond.captioners.base import Question, Terms
from captiond.captioners.context import FULL, gather
from captiond.captioners.prompts import compose
from captiond.disk import photofile
from captiond.index.base import Claim
from captiond.models import Photo, Prepared, Tags
from captiond.sidecars.base import Beside
from captiond.turns import Answered, ask_in_turn


async def find_or_ask(claim: Claim, plan: Plan, bench: Bench) -> Answered | None:
    """Return the photo's caption: a known one for free, else a new one.

    None for a void claim, and for a photo that goes along in a batch job. Raises LeftAlone and
    other PhotoErrors, CaptionerError, SidecarUnwritable.
    """
    await kinship.check_turn(claim, bench)
    async with bench.preparing.place(bench.lane):
        opened, digest = await anyio.to_thread.run_sync(_open_settled, claim, bench)
    with opened, bench.contents.hold(digest) as alone:
        # Before the look for a caption: a job that is settled between the two has brought one.
        in_job = bench.captioner.paid and await kinship.is_in_job(digest, bench)
        answered = await finding.known(claim, digest, plan, bench)
        beside = await adopting.look_beside(claim, digest, answered, bench)
        if answered is None:
            hand = adopting.heard(beside, digest)
            if not adopting.is_enough(claim, hand, plan):
                await adopting.check_wanted(claim, digest, hand, bench)
                _check_free(in_job=in_job, alone=alone)
            image = await _prepare(opened, digest, bench)
            answered = await _told_or_asked(claim, image, beside, plan=plan, bench=bench)
        return None if answered is None else await adopting.as_left(claim, answered, beside, bench)


def _check_free(*, in_job: bool, alone: bool) -> None:
    """See that nobody else is asking about the content. Raises CaptionUnderway."""
    if in_job:
        raise errors.CaptionInJob("its content is in a batch job")
    if not alone:
        raise errors.CaptionUnderway("a copy of it is being captioned")


async def _told_or_asked(
    claim: Claim, image: Prepared, beside: Beside, *, plan: Plan, bench: Bench
) -> Answered | None:
    """Return what the picture tells, else ask: by itself, or along in a batch job."""
    image = await kinship.without_echo(image, beside, bench)
    image = await kinship.without_old(claim, image, beside, plan=plan, bench=bench)
    told = await finding.told(claim, image, beside, plan=plan, bench=bench)
    if told is not None:
        return Answered(caption=told, is_reused=True)
    borrowed = await kinship.borrowed(claim, plan, image.facts, bench)
    if borrowed is not None:
        return borrowed
    again = claim.attempts > 1
    question = await question_about(claim.photo, image, plan, bench, louder=again, final=again)
    if bench.collector is not None and await bench.collector.enrol(question):
        return None
    return await ask_in_turn(claim, question, bench)


async def question_about(
    photo: Photo, image: Prepared, plan: Plan, bench: Bench, *, louder: bool, final: bool
) -> Question:
    """Return what is asked about a photo: its language `louder` if it was missed before.

    `final` takes an answer in whatever language. Raises SidecarUnwritable when a sidecar cannot be
    reached now.
    """
    recipe, tags = plan.recipe, image.tags
    if recipe.context == FULL:
        beside = await anyio.to_thread.run_sync(bench.read_tags, photo)
        tags = Tags((*tags.people, *beside.people), (*tags.keywords, *beside.keywords))
    context = gather(recipe.context, photo, image.facts, tags)
    terms = Terms(recipe.language, plan.vocabulary, final=final)
    texts = compose(recipe, context, louder=louder)
    return Question(photo, image, recipe, texts, terms, bench.sheds.tier(photo, bench.tier))


async def _prepare(opened: photofile.OpenedPhoto, digest: str, bench: Bench) -> Prepared:
    """Return the image to be sent; whatever came of a file in flux says nothing of the photo."""
    try:
        async with bench.preparing.place(bench.lane):
            image = await bench.prepare(opened.fd, digest)
    except errors.PhotoError:
        opened.check_unchanged()
        raise
    opened.check_unchanged()
    return image


def _open_settled(claim: Claim, bench: Bench) -> tuple[photofile.OpenedPhoto, str]:
    """Return the photo, opened, and its digest."""
    opened = photofile.open_beneath(claim.photo)
    try:
        opened.check_settled(claim.signature)
        bench.look(opened.head())
        return opened, claim.digest or opened.digest()
    except BaseException:
        opened.close()
        raise
