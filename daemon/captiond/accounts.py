"""Enters a question into the ledger, within the caps, and says what it is billed."""

from __future__ import annotations

import uuid

from captiond import errors, paced
from captiond.bench import Bench
from captiond.captioners.base import Question
from captiond.index.base import Request
from captiond.index.ledger_base import FREE, Bill
from captiond.models import Reply, Sent, Tier
from captiond.quota.estimates import most

ROOM_SECONDS = 2.0
"""How long a question waits at least for room that requests in flight take up."""


def request_about(question: Question, bench: Bench) -> Request:
    """Return the request that a question becomes, reserved at the most that it may cost."""
    now, recipe, image = bench.clock(), question.recipe, question.image
    bound = most(recipe, question.texts).usage
    paid = bench.captioner.paid
    return Request(
        id=uuid.uuid4().hex,
        photo=question.photo,
        facts=image.facts,
        recipe=recipe,
        started_at=now,
        tier=question.tier,
        lane=bench.lane,
        reserved_usd=bench.price(recipe.model, bound, question.tier) if paid else 0.0,
        within=bench.caps.at(now) if paid else (),
        sent=Sent(question.texts, image.mime, image.width, image.height, len(image.data)),
    )


async def begin(request: Request, bench: Bench) -> bool:
    """Commit the request as in flight, before it is made; False if the claim is void.

    Raises OverBudget, and closes the gate as long as the cap leaves no room.
    """
    try:
        return await bench.index.begin(request, owner=bench.owner)
    except errors.OverBudget as error:
        make_wait(error, bench)
        raise


def bill_for(reply: Reply, request: Request, bench: Bench) -> Bill:
    """Return what a reply is billed: by the prices of the tier that answered, if it was told."""
    if not bench.captioner.paid or isinstance(reply.outcome, errors.ImageRejected):
        return FREE
    model, told = request.recipe.model, reply.tier if reply.tier in set(Tier) else request.tier
    cost = bench.price(model, reply.usage, Tier(told))
    if cost is None:
        cost = bench.price(model, reply.usage, request.tier)
    return Bill(reply.usage, cost, Tier(told))


def bill_without_reply(error: BaseException) -> Bill | None:
    """Return what is billed where an error came in place of a reply, None if nobody knows."""
    known = isinstance(error, errors.CaptionerError) and not error.maybe_billed
    return FREE if known else None


def make_wait(error: errors.OverBudget, bench: Bench) -> None:
    """Close the gate: until the cap's day or month ends, or for the time an answer takes."""
    now, pause = bench.ticks(), bench.gate.pause
    if error.until is None:
        bench.gate.hold(str(error), started_at=now, now=now, retry_after=ROOM_SECONDS)
        return
    if pause is not None and f"limits.{error.cap} " not in pause.reason:
        bench.gate.unpark(now=now)  # whatever it waited for, this is news
    paced.park(bench, str(error), until=error.until)
