"""Takes a question's turn: no faster than the limits allow, arrivals first.

Waits in hand only while that is short: within the window of a minute. Once a day is used up the
gate is parked until it ends, and photos go back into the queue.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import Any

import anyio
import structlog

from captiond import errors
from captiond.bench import Bench
from captiond.captioners.base import Question
from captiond.index.limits_base import PARKED, Learned
from captiond.models import Reply
from captiond.quota.days import day_began, midnight_pacific, waiting
from captiond.quota.estimates import estimate
from captiond.quota.pace import WINDOW_SECONDS
from captiond.quota.windows import Asked

log = structlog.get_logger()

LOOK_SECONDS = 0.25
"""How soon whoever waits notices that the gate closed: captiond ends, or a day is used up."""
UNKNOWN_TOKENS = 2500
"""Of a request whose answer never came: an image of the second generation and its texts."""
DAY_USED_UP = "daily quota used up"
LIMITED = (errors.Busy.RATE, errors.Busy.DAY, errors.Busy.BARE)
"""The service refused it for a limit, and does not count it."""


@asynccontextmanager
async def turn(question: Question, bench: Bench) -> AsyncIterator[Asked]:
    """Wait for the limits and for a slot, and hold it for the block.

    Raises CaptionerPaused when nothing may be asked before long.
    """
    tokens = estimate(question.recipe, question.texts).input_tokens
    async with AsyncExitStack() as slot:
        asked = await _take(bench, tokens, slot)
        try:
            yield asked
        finally:
            if not asked.sent:
                bench.pacing.pace.give_back(asked)


@contextmanager
def counted(asked: Asked, bench: Bench) -> Iterator[None]:
    """Count a question that goes out now, unless the service refuses it for a limit."""
    bench.pacing.pace.send(asked, now=bench.ticks())
    try:
        yield
    except errors.CaptionerBusy as error:
        if error.kind in LIMITED:
            bench.pacing.pace.give_back(asked)
        raise


def answered(asked: Asked, reply: Reply, bench: Bench) -> None:
    """Count the tokens that an answer tells."""
    now = bench.ticks()
    bench.pacing.pace.answered(asked, reply.usage.input, now=now)
    if bench.pacing.guess.answered(now=now):
        refresh(bench)


async def heard(error: BaseException, bench: Bench) -> bool:
    """Keep to what an error says of limits, also after a restart; return whether it is a limit's.

    When the day is used up the gate is parked.
    """
    if not isinstance(error, errors.CaptionerBusy) or error.kind not in LIMITED:
        return False
    clock, learning = bench.clock(), bench.pacing.learning
    new = learning.learn(error.violations, clock=clock)
    for name, told in new.items():
        log.warning("limit.learned", limit=name, value=told.value, quota=told.quota)
    if error.kind is errors.Busy.BARE:
        _guess(bench)
    refresh(bench)
    rows = [Learned(name, told.value, told.quota, told.at) for name, told in new.items()]
    if error.kind is errors.Busy.DAY:
        ends = midnight_pacific(clock)
        park(bench, DAY_USED_UP, until=ends)
        rows.append(Learned(PARKED, None, DAY_USED_UP, clock, until=ends))
    if rows:
        await bench.index.limits.learn(bench.pacing.model, rows)
    return True


def _guess(bench: Bench) -> None:
    """Take a refusal without details for a limit per minute, if it looks like one."""
    now, guess = bench.ticks(), bench.pacing.guess
    requests, _, _ = bench.pacing.pace.last_minute(now=now)
    before = guess.value
    guess.refused(last_minute=requests, now=now)
    if guess.value < before == math.inf:
        log.warning("limit.guessed", limit="requests_per_minute", value=round(guess.value))


async def remember(bench: Bench) -> None:
    """Begin with what the index knows of the last minute and of this day."""
    limits, model, clock = bench.index.limits, bench.pacing.model, bench.clock()
    asked = await limits.asked(model, since=clock - WINDOW_SECONDS, until=clock)
    guess = max((tokens for _, tokens in asked if tokens), default=UNKNOWN_TOKENS)
    before = [(clock - at, tokens or guess) for at, tokens in asked]
    bench.pacing.pace.seed(before, now=bench.ticks())
    await recall_day(bench)


async def recall_day(bench: Bench) -> None:
    """Count what was asked this day, and park if it is used up; also after the clock jumped."""
    limits, model, clock = bench.index.limits, bench.pacing.model, bench.clock()
    today = await limits.asked_count(model, since=day_began(clock), until=clock)
    bench.pacing.pace.recount(today, clock=clock)
    for one in await limits.learned(model):
        # The end of another day was told by a clock that was wrong, or is over.
        if one.name == PARKED and one.until == midnight_pacific(clock):
            park(bench, DAY_USED_UP, until=one.until)


def park(bench: Bench, reason: str, *, until: float) -> None:
    """Ask nothing until a moment of the calendar (unix seconds); the operator is told once."""
    clock = bench.clock()
    if bench.gate.park(reason, until=until, clock=clock, now=bench.ticks()):
        log.warning("captioner.parked", reason=waiting(reason, until, now=clock))


def paused(bench: Bench) -> str | None:
    """Return why nothing is asked, and until when that is if it is no matter of seconds."""
    pause = bench.gate.pause
    if pause is None or pause.goes_on_at is None:
        return pause.reason if pause else None
    return waiting(pause.reason, pause.goes_on_at, now=bench.clock())


def refresh(bench: Bench) -> None:
    """Forget limits that were told too long ago."""
    bench.pacing.refresh(clock=bench.clock())


def report(bench: Bench) -> dict[str, Any]:
    """Return as plain data what was asked of late, and the limits with where they came from."""
    pace, clock = bench.pacing.pace, bench.clock()
    requests, tokens, answers = pace.last_minute(now=bench.ticks())
    limits = bench.pacing.in_force(clock=clock)
    pause = bench.gate.pause
    parked = pause is not None and pause.goes_on_at is not None
    return {
        "model": bench.pacing.model,
        "requests_last_minute": requests,
        "input_tokens_last_minute": tokens,
        "answers_last_minute": answers,
        "requests_today": pace.today(clock=clock),
        "slots": bench.asking.now,
        "slots_most": bench.asking.total,
        "limits": {name: asdict(limit) for name, limit in limits.items()},
        "parked_until": pause.goes_on_at if pause and parked else None,
    }


async def _take(bench: Bench, tokens: int, slot: AsyncExitStack) -> Asked:
    """Return the question as counted, with a slot that `slot` holds."""
    lane, pace = bench.lane, bench.pacing.pace
    async with bench.pacing.fronts[lane]:
        try:
            while True:
                await _wait(bench, tokens)
                await slot.enter_async_context(bench.asking.slot(lane))
                asked = pace.take(lane, tokens, now=bench.ticks(), clock=bench.clock())
                if asked is not None:
                    return asked
                await slot.aclose()  # while it waited for the slot, others filled the window
        finally:
            pace.leave(lane)


async def _wait(bench: Bench, tokens: int) -> None:
    """Wait until the limits allow one more; raises CaptionerPaused when the gate closes."""
    pace, gate = bench.pacing.pace, bench.gate
    while True:
        if (ends := pace.day_used_up(clock=bench.clock())) is not None:
            park(bench, DAY_USED_UP, until=ends)
        now = bench.ticks()
        if gate.pause is not None and gate.opens_in(now=now) != 0.0:
            raise errors.CaptionerPaused(paused(bench) or "")
        wait = pace.wait(bench.lane, tokens, now=now)
        if wait <= 0:
            return
        await anyio.sleep(min(wait, LOOK_SECONDS))
