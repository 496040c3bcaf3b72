"""Takes one question to the captioner: a slot, the gate, the ledger, the answer.

Whatever keeps it from being asked, or comes back in place of an answer, tells the gate; the photo's
own way back is `verdicts`' to decide.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog

from captiond import errors, paced
from captiond.bench import Bench
from captiond.captioners.base import Question
from captiond.index.base import Answer, Claim, Request
from captiond.models import Caption, Reply
from captiond.quota.gate import HOLD_LIMIT_SECONDS
from captiond.quota.odds import REST_LIMIT_SECONDS
from captiond.quota.windows import Asked

log = structlog.get_logger()


async def ask_in_turn(claim: Claim, question: Question, bench: Bench) -> Caption | None:
    """Ask when it is the question's turn; return the caption, None for a void claim.

    Raises PhotoError, CaptionerError.
    """
    question = replace(question, tier=bench.sheds.tier(claim.photo, bench.tier))
    async with paced.turn(question, bench) as asked:
        now = bench.ticks()
        request = Request(
            id=uuid.uuid4().hex,
            photo=question.photo,
            facts=question.image.facts,
            recipe=question.recipe,
            started_at=bench.clock(),
        )
        with _admitted(now, bench):
            if not await bench.index.begin(request, owner=bench.owner):
                return None
            reply = await ask(question, request, bench, asked)
            _answered(claim, reply, now, bench)
    # The next question does not wait until the disk has this answer: 5 % more photos a second.
    return await keep(reply, request, bench)


async def ask(question: Question, request: Request, bench: Bench, asked: Asked) -> Reply:
    """Ask, for a request that stands in the ledger as in flight; `keep` what comes at once.

    Raises CaptionerError; the request is closed in the ledger first.
    """
    try:
        with bench.asking.watched(), paced.counted(asked, bench):
            reply = await bench.captioner.caption(question)
    except BaseException as error:
        limited = await paced.heard(error, bench)
        reason = str(error) if isinstance(error, errors.CaptiondError) else type(error).__name__
        now = bench.clock()
        await bench.index.abandon(request.id, reason, now=now, limited=limited)
        raise
    paced.answered(asked, reply, bench)
    return reply


async def keep(reply: Reply, request: Request, bench: Bench) -> Caption:
    """Commit the reply: from here on a crash cannot make it be paid for again.

    Raises the PhotoError that came in place of a description, once that is in the ledger.
    """
    now = bench.clock()
    if isinstance(reply.outcome, errors.PhotoError):
        await bench.index.abandon(request.id, str(reply.outcome), now=now)
        raise reply.outcome
    caption = Caption(
        digest=request.digest,
        recipe=request.recipe.key,
        origin=request.recipe.origin,
        language=request.recipe.language,
        model=reply.model,
        created_at=now,
        description=reply.outcome,
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


@contextmanager
def _admitted(now: float, bench: Bench) -> Iterator[None]:
    """Pass the gate, and tell it when the question ended without an answer.

    Raises CaptionerPaused.
    """
    if not bench.gate.admit(now=now):
        raise errors.CaptionerPaused("waiting for the captioner")
    try:
        yield
    except errors.CaptionerStopped as error:
        if bench.gate.stop(str(error), now=bench.ticks()):
            log.error("captioner.stopped", reason=str(error))
        raise
    except (errors.CaptionerBusy, errors.CaptionerUnreachable) as error:
        named = error.retry_after if isinstance(error, errors.CaptionerBusy) else None
        _hold(str(error), now, bench, retry_after=named)
        raise
    finally:
        bench.gate.leave(started_at=now)


def _answered(claim: Claim, reply: Reply, started_at: float, bench: Bench) -> None:
    """Tell the gate of an answer; one that is no caption but tells of the photo is one, too."""
    nonsense = isinstance(reply.outcome, errors.ReplyUnusable)
    unusable = nonsense and not isinstance(reply.outcome, errors.WrongLanguage)
    bench.setbacks.end(claim.photo)
    bench.sheds.end(claim.photo)
    bench.odds.note(attempt=claim.attempts, usable=not unusable)
    if unusable and bench.odds.in_vain:
        _hold(str(reply.outcome), started_at, bench, limit_seconds=REST_LIMIT_SECONDS)
    else:
        _succeeded(started_at, bench)


def _succeeded(started_at: float, bench: Bench) -> None:
    """Tell the gate of an answer, and the operator if that ends what he was told of."""
    before = bench.gate.pause
    bench.gate.succeed(started_at=started_at)
    if before is not None and bench.gate.pause is None:
        log.info("captioner.resumed", after=before.reason)


def _hold(
    reason: str,
    started_at: float,
    bench: Bench,
    *,
    retry_after: float | None = None,
    limit_seconds: float = HOLD_LIMIT_SECONDS,
) -> None:
    """Tell the gate of a fault, and the operator once for each pause."""
    now = bench.ticks()
    if bench.gate.hold(
        reason,
        started_at=started_at,
        now=now,
        retry_after=retry_after,
        limit_seconds=limit_seconds,
    ):
        seconds = round(bench.gate.opens_in(now=now) or 0.0, 1)
        log.warning("captioner.paused", reason=reason, seconds=seconds)
