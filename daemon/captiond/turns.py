"""Takes one question to the captioner: a slot, the gate, the ledger, the answer.

Whatever keeps it from being asked, or comes back in place of an answer, tells the gate; the photo's
own way back is `verdicts`' to decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog

from captiond import accounts, errors, paced
from captiond.bench import Bench
from captiond.captioners.base import Question
from captiond.index.base import Answer, Claim, Request
from captiond.index.ledger_base import Bill
from captiond.models import Caption, Reply
from captiond.quota.gate import HOLD_LIMIT_SECONDS
from captiond.quota.odds import REST_LIMIT_SECONDS
from captiond.quota.windows import Asked
from captiond.sidecars.base import Beside

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A caption and what it took; `bill` is None for one that was known before.

    `asked_at` in unix seconds, `seconds` until the answer came. `is_reused`: it holds what people
    wrote into the file. `beside` is what lies beside the photo. `note` tells a person where the
    caption is from.
    """

    caption: Caption
    bill: Bill | None = None
    asked_at: float = 0.0
    seconds: float = 0.0
    is_reused: bool = False
    beside: Beside = field(default_factory=Beside)
    note: str = ""


async def ask_in_turn(claim: Claim, question: Question, bench: Bench) -> Answered | None:
    """Ask when it is the question's turn; return the answer, None for a void claim.

    Raises PhotoError, CaptionerError.
    """
    question = replace(question, tier=bench.sheds.tier(claim.photo, bench.tier))
    async with paced.turn(question, bench) as asked:
        now = bench.ticks()
        request = accounts.request_about(question, bench)
        with _admitted(now, bench):
            if not await accounts.begin(request, bench):
                return None
            reply = await ask(question, request, bench, asked)
            seconds = bench.ticks() - now
            _answered(claim, reply, now, bench)
    # The next question does not wait until the disk has this answer: 5 % more photos a second.
    answered = await keep(reply, request, bench)
    return replace(answered, seconds=seconds)


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
        bill = accounts.bill_without_reply(error)
        await bench.index.abandon(request.id, reason, now=now, bill=bill, limited=limited)
        raise
    paced.answered(asked, reply, bench)
    return reply


async def keep(reply: Reply, request: Request, bench: Bench) -> Answered:
    """Commit the reply: from here on a crash cannot make it be paid for again.

    Raises the PhotoError that came in place of a description, once that is in the ledger.
    """
    now, bill = bench.clock(), accounts.bill_for(reply, request, bench)
    if isinstance(reply.outcome, errors.PhotoError):
        await bench.index.abandon(request.id, str(reply.outcome), now=now, bill=bill)
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
        usage=bill.usage,
        cost_usd=bill.cost_usd,
        ended_at=now,
        tier=bill.tier,
    )
    await bench.index.answer(answer)
    return Answered(caption=caption, bill=bill, asked_at=request.started_at)


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
    except errors.CaptionerBusy as error:
        pauses = _hold(str(error), now, bench, retry_after=error.retry_after)
        if pauses and error.kind is errors.Busy.OVERLOAD:
            bench.asking.cut()
        raise
    except errors.CaptionerUnreachable as error:
        _hold(str(error), now, bench)
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
) -> bool:
    """Tell the gate of a fault, and the operator once for each pause; return whether one begins."""
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
        return True
    return False
