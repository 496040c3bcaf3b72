"""Follows a job until its results are in the index."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
import structlog

from captiond.batches.results import Tally, settle
from captiond.batches.spool import scratch_beside
from captiond.batches.table import Table
from captiond.captioners.base import Terms
from captiond.captioners.batch_base import Ending, Told
from captiond.errors import CaptionerError
from captiond.index.jobs_base import Asked, Job

log = structlog.get_logger()

LONGEST_SECONDS = 60.0
LATE_POLLS = 30
"""So often a job is looked at that succeeded and has no results yet: half an hour."""


@dataclass(frozen=True, slots=True)
class Follower:
    """Looks at jobs, and takes their results."""

    table: Table

    async def follow(self, job: Job, name: str) -> None:
        """Look at the job ever more seldom; when it has ended, take its results and close it."""
        pause, late = self.table.first_seconds, 0
        while True:
            try:
                told = await self.table.service.look(name)
                if told.ending is Ending.SUCCEEDED and not told.has_results and late < LATE_POLLS:
                    late += 1
                elif told.ending is not None:
                    await self._take(job, told)
                    return
            except (CaptionerError, OSError) as error:
                self.table.stop(error)
                log.debug("job.not_seen", job=name, reason=str(error), seconds=pause)
            finally:
                self.table.seen(job.id)
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_SECONDS)

    async def _take(self, job: Job, told: Told) -> None:
        """Commit the results, some at a time; those committed before a crash are passed over."""
        bench, service, tally = self.table.bench, self.table.service, Tally()
        asked = {one.request: one for one in await bench.index.jobs.asked(job.id)}
        scratch = scratch_beside(self.table.index, job.id)
        terms = await anyio.to_thread.run_sync(self._terms, asked)
        async for items in service.items(told, scratch, terms):
            settled = [settle(asked.pop(one.key), one, bench) for one in items if one.key in asked]
            await bench.index.jobs.settle(settled, job=job.id, now=bench.clock())
            tally.add(settled)
        bench.ended.set_aside += tally.set_aside
        error = told.error or f"the batch job {told.ending} without an answer for it"
        await bench.index.jobs.end(job.id, str(told.ending), error, now=bench.clock())
        tell = log.info if told.ending is Ending.SUCCEEDED else log.warning
        tell(
            "job.done",
            job=told.name,
            state=str(told.ending),
            captioned=tally.captioned,
            set_aside=tally.set_aside,
            unanswered=tally.unanswered + len(asked),
            seconds=round(bench.clock() - job.created_at, 1),
            usd=round(tally.usd, 6),
        )
        await service.forget(job.id, told)

    def _terms(self, asked: dict[str, Asked]) -> dict[str, Terms]:
        """Return what each reply is held to, by the vocabulary of its recipe."""
        words = self.table.bench.plans.vocabulary
        return {
            key: Terms(
                one.language, words(one.recipe, one.claim.photo), final=one.claim.attempts > 1
            )
            for key, one in asked.items()
        }
