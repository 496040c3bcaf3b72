"""Collects the questions of a backlog until there are enough for a job."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import structlog

from captiond.accounts import request_about
from captiond.batches.spool import Spool
from captiond.bench import Bench
from captiond.captioners.base import Question
from captiond.captioners.batch_base import BatchService
from captiond.errors import CaptionerPaused
from captiond.index.base import Request
from captiond.models import Tier

log = structlog.get_logger()

JOB_PHOTOS = 1000
JOB_BYTES = 256 * 2**20
"""A bound on the disk; the service takes 2 GB."""
FAILURES = 2
"""What so many jobs brought no caption for is asked about by itself, which tells why."""


@dataclass(slots=True)
class Collected:
    """What goes along in the next job."""

    id: str
    model: str
    spool: Spool
    requests: list[Request] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether it is enough for a job."""
        return len(self.requests) >= JOB_PHOTOS or self.spool.bytes >= JOB_BYTES


class Collector:
    """Takes the questions of one lane; also its turnstile, as there is room for one job only."""

    def __init__(self, bench: Bench, service: BatchService, *, index: Path, model: str) -> None:
        self._bench = bench
        self._service = service
        self._index = index
        self._model = model
        self._turn = anyio.Lock()
        self._closed = False
        self._in_trouble = False
        self._told = False
        self._rests_until = 0.0
        self._news = anyio.Event()
        self._now = self._begin()

    @property
    def count(self) -> int:
        """How many questions wait for their job."""
        return len(self._now.requests)

    @property
    def is_ripe(self) -> bool:
        """Whether there is enough for a job, or no room for more."""
        return self._now.is_full or (self._in_trouble and self.count > 0)

    def allowance(self, *, now: float, in_flight: int) -> int:
        """Return how many more photos may be begun."""
        if self.is_ripe or now < self._rests_until:
            return 0
        return self._bench.gate.allowance(now=now, in_flight=in_flight)

    def opens_in(self, *, now: float) -> float | None:
        """Return the seconds until photos may be begun again: 0 = now, None = nobody knows."""
        opens_in = self._bench.gate.opens_in(now=now)
        if self.is_ripe or opens_in is None:
            return None
        return max(opens_in, self._rests_until - now)

    async def enrol(self, question: Question) -> bool:
        """Take a question along; the photo stays claimed. False: it is to be asked by itself.

        Raises CaptionerPaused when nothing is collected any more, OSError for a full disk.
        """
        digest, recipe = question.image.facts.digest, question.recipe
        failures = await self._bench.index.jobs.failures(digest, recipe.key)
        if failures >= FAILURES or recipe.model != self._model:
            return False
        request = request_about(replace(question, tier=Tier.BATCH), self._bench)
        line = await anyio.to_thread.run_sync(self._service.line, request.id, question)
        async with self._turn:
            if self._closed:
                raise CaptionerPaused("captiond is stopping")
            await self._append(line)
            self._now.requests.append(request)
            self._bench.contents.keep(digest)
        self._tell()
        return True

    async def news(self, seconds: float) -> bool:
        """Wait until a question comes; False when none does within that time."""
        with anyio.move_on_after(seconds) as patience:
            await self._news.wait()
        self._news = anyio.Event()
        return not patience.cancelled_caught

    async def take(self) -> Collected:
        """Take what was collected, and begin anew."""
        async with self._turn:
            self._told = self._in_trouble
            taken, self._now, self._in_trouble = self._now, self._begin(), False
            return taken

    def rest(self, seconds: float) -> None:
        """Begin no more photos for a while: there would be no room for them in a job."""
        self._rests_until = self._bench.ticks() + seconds

    async def close(self) -> None:
        """Give back what was collected: it goes along in a later job."""
        async with self._turn:
            self._closed = True
            photos = [request.photo for request in self._now.requests]
            await self._bench.index.release(photos, owner=self._bench.owner)
            self._bench.contents.drop(request.digest for request in self._now.requests)
            self._now.requests.clear()
            await anyio.to_thread.run_sync(self._now.spool.remove)

    def _begin(self) -> Collected:
        job = uuid.uuid4().hex
        return Collected(job, self._model, Spool(self._index, job))

    async def _append(self, line: bytes) -> None:
        try:
            await anyio.to_thread.run_sync(self._now.spool.append, line)
        except OSError as error:
            if not self._in_trouble and not self._told:
                log.warning("job.spool_failed", path=str(self._now.spool.path), error=str(error))
            self._in_trouble = True
            self._tell()
            raise

    def _tell(self) -> None:
        self._news.set()
