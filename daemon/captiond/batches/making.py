"""Hands a job in exactly once, whatever becomes of the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anyio
import structlog

from captiond.accounts import make_wait
from captiond.batches.collector import Collected
from captiond.batches.spool import Spool
from captiond.batches.table import Table
from captiond.errors import Busy, CaptiondError, CaptionerBusy, CaptionerError, CaptionerStopped
from captiond.index.jobs_base import Job, Made

log = structlog.get_logger()

LONGEST_SECONDS = 600.0
NEVER_MADE = "the service does not have the job"


@dataclass(frozen=True, slots=True)
class Maker:
    """Brings jobs to the service, and finds out which of them it has."""

    table: Table

    async def seal(self, collected: Collected) -> tuple[Job, Made]:
        """Make the job in the index, which takes its photos over; those without room go back."""
        bench = self.table.bench
        job = Job(
            id=collected.id,
            model=collected.model,
            requests=len(collected.requests),
            created_at=bench.clock(),
        )
        made = await bench.index.jobs.make(job, collected.requests, owner=bench.owner)
        bench.contents.drop(request.digest for request in collected.requests)
        if made.over is not None:
            make_wait(made.over, bench)
        return replace(job, requests=len(made.kept)), made

    async def hand_in(self, job: Job, kept: frozenset[str], *, spool: Spool) -> str | None:
        """Have the service take the job; return its name, None when it has none of it.

        Then its photos are given back.
        """
        try:
            if not kept:
                return None
            await anyio.to_thread.run_sync(spool.keep, kept)
            name = await self._send(job, spool)
        except (CaptiondError, OSError) as error:
            await self._give_up(job, error)
            return None
        finally:
            spool.remove()
        await self.table.bench.index.jobs.name(job.id, name)
        log.info("job.made", job=name, photos=job.requests, bytes=spool.bytes)
        return name

    async def resume(self, job: Job) -> str | None:
        """Return the name of an open job of a former run; None, and its photos, if it has none."""
        name = job.name
        if name is None and job.sent_at is not None:
            past = self.table.bench.clock() - job.sent_at
            name = await self._find(job, seconds=self.table.doubt_seconds - max(past, 0.0))
        if name is None:
            log.warning("job.dissolved", job=job.id, photos=job.requests, reason=NEVER_MADE)
            await self._end(job, "dissolved", NEVER_MADE)
            return None
        log.info("job.resumed", job=name, photos=job.requests, found=job.name is None)
        await self.table.bench.index.jobs.name(job.id, name)
        return name

    async def _send(self, job: Job, spool: Spool) -> str:
        """Send the job until the service takes it; never again without a look whether it did.

        Raises CaptionerStopped, ImageRejected, OSError.
        """
        bench, service, pause = self.table.bench, self.table.service, self.table.first_seconds
        while True:
            began = bench.ticks()
            await bench.index.jobs.sending(job.id, now=bench.clock())
            try:
                name = await service.create(job.id, spool.path, model=job.model)
            except CaptionerStopped:
                raise
            except CaptionerError as error:
                doubt = 0.0 if _is_refusal(error) else self.table.doubt_seconds
                log.warning("job.postponed", job=job.id, reason=str(error), seconds=pause)
            else:
                bench.gate.succeed(started_at=began)
                return name
            self.table.seen(job.id)
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_SECONDS)
            if (found := await self._find(job, seconds=doubt)) is not None:
                log.info("job.resumed", job=found, photos=job.requests, found=True)
                return found

    async def _find(self, job: Job, *, seconds: float) -> str | None:
        """Look for a job for so long; wait until the service can be asked at all."""
        ticks, pause = self.table.bench.ticks, self.table.first_seconds
        ends = ticks() + seconds
        while (name := await self._ask_for(job)) is None and (left := ends - ticks()) > 0:
            self.table.seen(job.id)
            await anyio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_SECONDS)
        return name

    async def _ask_for(self, job: Job) -> str | None:
        pause = self.table.first_seconds
        while True:
            try:
                return await self.table.service.find(job.id)
            except CaptionerError as error:
                log.warning("job.not_found_out", job=job.id, reason=str(error), seconds=pause)
                self.table.stop(error)
            self.table.seen(job.id)
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_SECONDS)

    async def _give_up(self, job: Job, error: Exception) -> None:
        """Give the photos back: the service refused the job, or the spool cannot be read."""
        self.table.stop(error)
        log.error("job.refused", job=job.id, photos=job.requests, reason=str(error))
        # Where the settings or this machine are at fault, the photos have not failed in a job.
        refused = isinstance(error, CaptiondError) and not isinstance(error, CaptionerStopped)
        await self._end(job, "failed" if refused else "dissolved", str(error))

    async def _end(self, job: Job, state: str, reason: str) -> None:
        bench = self.table.bench
        await bench.index.jobs.end(job.id, state, reason, now=bench.clock())
        await self.table.service.forget(job.id, None)


def _is_refusal(error: CaptionerError) -> bool:
    """Tell whether the service certainly did not take the job."""
    return isinstance(error, CaptionerBusy) and error.kind is not Busy.OVERLOAD
