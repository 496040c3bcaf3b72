"""Decides what becomes of a photo after its item of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from captiond.bench import Bench
from captiond.captioners.batch_base import Item
from captiond.errors import CaptiondError, PhotoError, ReplyUnusable
from captiond.index.base import Answer, Parked, Retry
from captiond.index.jobs_base import Asked, Settled
from captiond.index.ledger_base import Bill
from captiond.models import Caption, Description, Reply, Tier
from captiond.secrecy import redact
from captiond.verdicts import judge


@dataclass(slots=True)
class Tally:
    """What a job came to: photos with a caption, set aside, in the queue again; and its cost."""

    captioned: int = 0
    set_aside: int = 0
    unanswered: int = 0
    usd: float = 0.0

    def add(self, settled: Sequence[Settled]) -> None:
        """Count what came of some questions."""
        for one in settled:
            bill = one.bill.cost_usd if one.bill else None
            self.usd += (one.answer.cost_usd if one.answer else bill) or 0.0
            self.captioned += one.answer is not None
            self.set_aside += isinstance(one.fate, Parked)
            self.unanswered += isinstance(one.fate, Retry)


def settle(asked: Asked, item: Item, bench: Bench) -> Settled:
    """Return what came of a question.

    An answer is kept, and its photo goes back as if never claimed: it finds its caption then. What
    tells of the photo decides as after a single call; any other error brings it back soon.
    """
    now, outcome = bench.clock(), item.outcome
    if not isinstance(outcome, Reply):
        return _unanswered(asked, outcome, bench, now)
    usable = not isinstance(outcome.outcome, ReplyUnusable)
    bench.odds.note(attempt=asked.claim.attempts, usable=usable)
    if isinstance(outcome.outcome, PhotoError):
        bill = Bill(outcome.usage, _cost(asked, outcome, bench), Tier.BATCH)
        return replace(_unanswered(asked, outcome.outcome, bench, now), bill=bill)
    return Settled(asked=asked, answer=_answer(asked, outcome, outcome.outcome, bench, now))


def _answer(asked: Asked, reply: Reply, words: Description, bench: Bench, now: float) -> Answer:
    caption = Caption(
        digest=asked.digest,
        recipe=asked.recipe,
        origin=asked.origin,
        language=asked.language,
        model=reply.model or asked.model,
        created_at=now,
        description=words,
    )
    return Answer(
        request=asked.request,
        photo=asked.claim.photo,
        caption=caption,
        usage=reply.usage,
        cost_usd=_cost(asked, reply, bench),
        ended_at=now,
        tier=Tier.BATCH,
    )


def _cost(asked: Asked, reply: Reply, bench: Bench) -> float | None:
    return bench.price(asked.model, reply.usage, Tier.BATCH)


def _unanswered(asked: Asked, error: CaptiondError, bench: Bench, now: float) -> Settled:
    reason, photo = redact(str(error)), asked.claim.photo
    if isinstance(error, PhotoError):
        tries = bench.odds.tries()
        fate = judge(asked.claim, error, now=now, again_at=now, tries=tries)
    else:
        fate = Retry(photo, now, reason, counted=False)
    return Settled(asked=asked, error=reason, fate=fate)
