"""Finds a photo's caption: for free in the index or beside the photo, else by asking for one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import structlog

from captiond import errors, photofile
from captiond.bench import Bench
from captiond.captioners.base import Question
from captiond.index.base import Answer, Claim, Request
from captiond.models import Caption, Facts, Photo, Prepared, Recipe, Reply
from captiond.quota.gate import HOLD_LIMIT_SECONDS
from captiond.quota.odds import REST_LIMIT_SECONDS

log = structlog.get_logger()


async def find_or_ask(claim: Claim, recipe: Recipe, bench: Bench) -> Caption | None:
    """Return the photo's caption: a known one for free, else a new one; None for a void claim.

    Raises PhotoError, CaptionerError.
    """
    async with bench.preparing:
        opened, digest = await anyio.to_thread.run_sync(_open_settled, claim, bench)
    with opened, bench.contents.hold(digest) as alone:
        if (known := await _known(claim.photo, digest, recipe, bench)) is not None:
            return known
        if not alone:
            raise errors.CaptionUnderway("a copy of it is being captioned")
        image = await _prepare(opened, digest, bench)
        if (read := await _read_back(claim.photo, image.facts, recipe, bench)) is not None:
            return read
        return await _ask_in_turn(claim, Question(claim.photo, image, recipe), bench)


async def _prepare(opened: photofile.OpenedPhoto, digest: str, bench: Bench) -> Prepared:
    """Return the image to be sent; whatever came of a file in flux says nothing of the photo."""
    try:
        async with bench.preparing:
            image = await bench.prepare(opened.fd, digest)
    except errors.PhotoError:
        opened.check_unchanged()
        raise
    opened.check_unchanged()
    return image


async def _known(photo: Photo, digest: str, recipe: Recipe, bench: Bench) -> Caption | None:
    """Return the content's caption and show it for the photo, if a paid one may be reused."""
    if not bench.captioner.paid:
        return None  # it speaks of names, which belong to the path and not to the content
    known = await bench.index.caption_of(digest, recipe=recipe)
    if known is not None:
        await bench.index.assign(photo, owner=bench.owner, digest=digest, recipe=known.recipe)
    return known


async def _read_back(photo: Photo, facts: Facts, recipe: Recipe, bench: Bench) -> Caption | None:
    """Return the caption that a sidecar tells of this content, known and shown from now on.

    The index was lost, or the library moved here: what was paid for once is not paid for again.
    """
    if not bench.captioner.paid:
        return None
    read = await anyio.to_thread.run_sync(bench.read_sidecars, photo, facts.digest, recipe)
    if read is not None:
        await bench.index.restore(read, facts)
        await bench.index.assign(photo, owner=bench.owner, digest=read.digest, recipe=read.recipe)
    return read


async def _ask_in_turn(claim: Claim, question: Question, bench: Bench) -> Caption | None:
    async with bench.asking:
        now = bench.clock()
        request = Request(
            id=uuid.uuid4().hex,
            photo=question.photo,
            facts=question.image.facts,
            recipe=question.recipe,
            started_at=now,
        )
        with _admitted(claim, now, bench):
            if not await bench.index.begin(request, owner=bench.owner):
                return None
            reply = await ask(question, request, bench)
            _answered(claim, now, bench)
    # The next question does not wait until the disk has this answer: 5 % more photos a second.
    return await keep(reply, request, bench)


@contextmanager
def _admitted(claim: Claim, now: float, bench: Bench) -> Iterator[None]:
    """Pass the gate, and tell it how the question ended.

    An answer that is no caption but tells of the photo is an answer, too. Raises CaptionerPaused.
    """
    if not bench.gate.admit(now=now):
        raise errors.CaptionerPaused("waiting for the captioner")
    try:
        yield
    except errors.PhotoError as error:
        unusable = str(error) if isinstance(error, errors.ReplyUnusable) else None
        _answered(claim, now, bench, unusable=unusable)
        raise
    except errors.CaptionerStopped as error:
        if bench.gate.stop(str(error)):
            log.error("captioner.stopped", reason=str(error))
        raise
    except (errors.CaptionerBusy, errors.CaptionerUnreachable) as error:
        named = error.retry_after if isinstance(error, errors.CaptionerBusy) else None
        _hold(str(error), now, bench, retry_after=named)
        raise
    finally:
        bench.gate.leave(started_at=now)


def _answered(
    claim: Claim, started_at: float, bench: Bench, *, unusable: str | None = None
) -> None:
    bench.setbacks.end(claim.photo)
    bench.odds.note(attempt=claim.attempts, usable=unusable is None)
    if unusable is not None and bench.odds.in_vain:
        _hold(unusable, started_at, bench, limit_seconds=REST_LIMIT_SECONDS)
    else:
        bench.gate.succeed(started_at=started_at)


def _hold(
    reason: str,
    started_at: float,
    bench: Bench,
    *,
    retry_after: float | None = None,
    limit_seconds: float = HOLD_LIMIT_SECONDS,
) -> None:
    """Tell the gate of a fault, and the operator once for each pause."""
    now = bench.clock()
    if bench.gate.hold(
        reason,
        started_at=started_at,
        now=now,
        retry_after=retry_after,
        limit_seconds=limit_seconds,
    ):
        seconds = round(bench.gate.opens_in(now=now) or 0.0, 1)
        log.warning("captioner.paused", reason=reason, seconds=seconds)


async def ask(question: Question, request: Request, bench: Bench) -> Reply:
    """Ask, for a request that stands in the ledger as in flight; `keep` what comes at once.

    Raises as `Captioner.caption` does; the request is closed in the ledger first.
    """
    try:
        with bench.asking.watched():
            return await bench.captioner.caption(question)
    except BaseException as error:
        reason = str(error) if isinstance(error, errors.CaptiondError) else type(error).__name__
        await bench.index.abandon(request.id, reason, now=bench.clock())
        raise


async def keep(reply: Reply, request: Request, bench: Bench) -> Caption:
    """Commit the reply: from here on a crash cannot make it be paid for again."""
    now = bench.clock()
    caption = Caption(
        digest=request.digest,
        recipe=request.recipe.key,
        origin=request.recipe.origin,
        language=request.recipe.language,
        model=reply.model,
        created_at=now,
        description=reply.description,
    )
    answer = Answer(
        request=request.id,
        photo=request.photo,
        caption=caption,
        usage=reply.usage,
        cost_usd=bench.price(request.recipe.model, reply.usage) if bench.captioner.paid else 0.0,
        ended_at=now,
    )
    await bench.index.answer(answer)
    return caption


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
