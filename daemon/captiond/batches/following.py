"""Follows a job until its results are in the index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import structlog

from captiond.batches.results import Tally, settle
from captiond.bench import Bench
from captiond.captioners.base import Terms
from captiond.captioners.batch_base import BatchService, Ending, Told
from captiond.captioners.vocabulary import Vocabulary
from captiond.errors import CaptionerError, CaptionerStopped
from captiond.index.jobs_base import Asked, Job

log = structlog.get_logger()

Seen = Callable[[Job], None]

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
LATE_POLLS = 30
"""So often a job is looked at that succeeded and has no results yet: half an hour."""


async def follow(
    job: Job, name: str, service: BatchService, bench: Bench, *, index: Path, seen: Seen
) -> None:
    """Look at the job ever more seldom; when it has ended, take its results and close it.

    `seen` is called after each look.
    """
    pause, late = FIRST_SECONDS, 0
    while True:
        try:
            told = await service.look(name)
            if told.ending is Ending.SUCCEEDED and not told.has_results and late < LATE_POLLS:
                late += 1
            elif told.ending is not None:
                await _take(job, told, service, bench, index=index)
                return
        except (CaptionerError, OSError) as error:
            _tell(job, error, bench)
        finally:
            seen(job)
        await anyio.sleep(pause)
        pause = min(2 * pause, LONGEST_SECONDS)


async def _take(job: Job, told: Told, service: BatchService, bench: Bench, *, index: Path) -> None:
    """Commit the results, some at a time; what was committed before a crash is passed over."""
    asked = {one.request: one for one in await bench.index.jobs.asked(job.id)}
    terms = _terms(asked, bench)
    scratch, tally = index.with_name(f"{index.name}.batch-{job.id}.results"), Tally()
    async for items in service.items(told, scratch, terms):
        settled = [settle(asked.pop(one.key), one, bench) for one in items if one.key in asked]
        await bench.index.jobs.settle(settled, job=job.id, now=bench.clock())
        for one in settled:
            tally.add(one)
    state, now = str(told.ending), bench.clock()
    error = told.error or f"the job {state} without an answer for it"
    await bench.index.jobs.end(job.id, state, error, now=now)
    (log.info if told.ending is Ending.SUCCEEDED else log.warning)(
        "job.done",
        job=told.name,
        state=state,
        captioned=tally.captioned,
        set_aside=tally.set_aside,
        unanswered=len(asked),
        seconds=round(now - job.created_at, 1),
        usd=round(tally.usd, 6),
    )
    await service.forget(job.id, told)


def _terms(asked: dict[str, Asked], bench: Bench) -> dict[str, Terms]:
    """Return what each reply is held to, by the vocabulary of its recipe."""
    vocabularies = {plan.recipe.key: plan.vocabulary for plan in bench.plans.values()}
    return {
        key: Terms(
            one.language,
            vocabularies.get(one.recipe, Vocabulary()),
            final=one.claim.attempts > 1,
        )
        for key, one in asked.items()
    }


def _tell(job: Job, error: Exception, bench: Bench) -> None:
    if isinstance(error, CaptionerStopped) and bench.gate.stop(str(error), now=bench.ticks()):
        log.error("captioner.stopped", reason=str(error))
    log.debug("job.not_seen", job=job.id, reason=str(error))
