"""Hands a job in exactly once, whatever becomes of the answer."""

from __future__ import annotations

import anyio
import structlog

from captiond.batches.collector import Collected
from captiond.batches.following import Seen
from captiond.bench import Bench
from captiond.captioners.batch_base import BatchService
from captiond.errors import CaptiondError, CaptionerError, CaptionerStopped
from captiond.index.jobs_base import Job

log = structlog.get_logger()

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 600.0
LOOKS_SECONDS = (0.0, 1.0, 2.0, 4.0)
"""When a job that may have been handed in is looked for: the service may still be making it."""
NEVER_MADE = "the service does not have the job"


async def make(
    collected: Collected, service: BatchService, bench: Bench, *, seen: Seen
) -> tuple[Job, str] | None:
    """Make a job of what was collected; return it with its name at the service.

    None when there is no valid claim in it, or the service refuses it: its photos are given back.
    `seen` is called whenever the service cannot be asked now.
    """
    job = Job(
        id=collected.id,
        model=collected.model,
        requests=len(collected.requests),
        created_at=bench.clock(),
    )
    kept = await bench.index.jobs.make(job, collected.requests, owner=bench.owner)
    bench.contents.drop(request.digest for request in collected.requests)
    try:
        if not kept:
            return None
        await anyio.to_thread.run_sync(collected.spool.keep, kept)
        name = await _hand_in(job, collected, service, bench, seen=seen)
    except (CaptiondError, OSError) as error:
        await _give_up(job, error, service, bench)
        return None
    finally:
        collected.spool.remove()
    await bench.index.jobs.name(job.id, name)
    log.info("job.made", job=name, photos=len(kept), bytes=collected.spool.bytes)
    return job, name


async def resume(job: Job, service: BatchService, bench: Bench, *, seen: Seen) -> str | None:
    """Return the name of an open job of a former run; None, and its photos, if there is none."""
    name = job.name or await _find(job, service, seen=seen)
    if name is None:
        log.warning("job.dissolved", job=job.id, photos=job.requests, reason=NEVER_MADE)
        await bench.index.jobs.end(job.id, "dissolved", NEVER_MADE, now=bench.clock())
        await service.forget(job.id, None)
        return None
    log.info("job.resumed", job=name, photos=job.requests, found=job.name is None)
    await bench.index.jobs.name(job.id, name)
    return name


async def _hand_in(
    job: Job, collected: Collected, service: BatchService, bench: Bench, *, seen: Seen
) -> str:
    """Send the job until the service takes it; never again without a look whether it did.

    Raises CaptionerStopped, ImageRejected, OSError.
    """
    pause = FIRST_SECONDS
    while True:
        began = bench.ticks()
        try:
            name = await service.create(job.id, collected.spool.path, model=job.model)
        except CaptionerStopped:
            raise
        except CaptionerError as error:
            log.warning("job.postponed", job=job.id, reason=str(error), seconds=pause)
        else:
            bench.gate.succeed(started_at=began)
            return name
        seen(job)
        await anyio.sleep(pause)
        pause = min(2 * pause, LONGEST_SECONDS)
        found = await _find(job, service, seen=seen)
        if found is not None:
            log.info("job.resumed", job=found, photos=job.requests, found=True)
            return found


async def _find(job: Job, service: BatchService, *, seen: Seen) -> str | None:
    """Look for a job more than once; wait until the service can be asked at all."""
    for seconds in LOOKS_SECONDS:
        await anyio.sleep(seconds)
        name = await _ask_for(job, service, seen=seen)
        if name is not None:
            return name
    return None


async def _ask_for(job: Job, service: BatchService, *, seen: Seen) -> str | None:
    pause = FIRST_SECONDS
    while True:
        try:
            return await service.find(job.id)
        except CaptionerError as error:
            log.warning("job.not_found_out", job=job.id, reason=str(error), seconds=pause)
        seen(job)
        await anyio.sleep(pause)
        pause = min(2 * pause, LONGEST_SECONDS)


async def _give_up(job: Job, error: Exception, service: BatchService, bench: Bench) -> None:
    """Give the photos back: the service refused the job, or the spool cannot be read."""
    reason = str(error)
    if isinstance(error, CaptionerStopped) and bench.gate.stop(reason, now=bench.ticks()):
        log.error("captioner.stopped", reason=reason)
    log.error("job.refused", job=job.id, photos=job.requests, reason=reason)
    # Where the settings or this machine are at fault, the photos have not failed in a job.
    refused = isinstance(error, CaptiondError) and not isinstance(error, CaptionerStopped)
    state = "failed" if refused else "dissolved"
    await bench.index.jobs.end(job.id, state, reason, now=bench.clock())
    await service.forget(job.id, None)
