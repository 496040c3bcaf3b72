"""Runs the jobs: collects into new ones, follows those that are open."""

from __future__ import annotations

from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from captiond.batches.collector import Collector
from captiond.batches.following import Follower
from captiond.batches.making import Maker
from captiond.batches.spool import sweep
from captiond.batches.table import Table
from captiond.index.jobs_base import Job

STUCK_SECONDS = 60.0
"""A job that is not full goes out when nothing came for so long, whatever is due or in hand:
something else holds that up."""
REST_SECONDS = 60.0
"""Where the caps have room for part of a job only, the next one is not collected at once."""


class Bell(Protocol):
    """Wakes a feeder."""

    def ring(self) -> None:
        """Have it look for due photos at once."""


class Feeding(Protocol):
    """What brings photos on their way into jobs; `feeder.Feeder` does."""

    @property
    def bell(self) -> Bell:
        """Rings when photos came back into the queue."""

    @property
    def in_flight(self) -> int:
        """How many photos are on their way."""


class Batches:
    """All jobs of one run; `collector` None when no new ones are to be made."""

    def __init__(self, table: Table, collector: Collector | None) -> None:
        self.collector = collector
        self.table = table
        self._maker = Maker(table)
        self._follower = Follower(table)
        self._closing = anyio.Event()
        self._ended = anyio.Event()
        self._ended.set()

    @property
    def is_idle(self) -> bool:
        """Whether what was collected is with the service, and each job was looked at once."""
        return not self.table.unseen and (self.collector is None or not self.collector.count)

    def close(self) -> None:
        """Have `run` return: what is collected goes back; jobs go on at the service."""
        self._closing.set()

    async def ended(self) -> None:
        """Wait until `run` has returned; at once when it never began."""
        await self._ended.wait()

    async def run(self, feeder: Feeding) -> None:
        """Go on with the jobs of former runs, make new ones, until closed."""
        self._ended = anyio.Event()
        try:
            await anyio.to_thread.run_sync(sweep, self.table.index)
            async with anyio.create_task_group() as jobs:
                for job in await self.table.bench.index.jobs.open_jobs():
                    self.table.unseen.add(job.id)
                    jobs.start_soon(self._go_on, job, feeder, name=f"job {job.id}")
                if self.collector is not None:
                    jobs.start_soon(self._collect, self.collector, jobs, feeder, name="collector")
                await self._closing.wait()
                jobs.cancel_scope.cancel()
            if self.collector is not None:
                await self.collector.close()
        finally:
            self._ended.set()

    async def _collect(self, collector: Collector, jobs: TaskGroup, feeder: Feeding) -> None:
        while True:
            await self._ripe(collector, feeder)
            collected = await collector.take()
            self.table.unseen.add(collected.id)
            job, made = await self._maker.seal(collected)
            if made.over is not None:
                collector.rest(REST_SECONDS)
            name = await self._maker.hand_in(job, made.kept, spool=collected.spool)
            jobs.start_soon(self._follow, job, name, feeder, name=f"job {job.id}")

    async def _ripe(self, collector: Collector, feeder: Feeding) -> None:
        """Wait until there is enough for a job, or until no more is to be expected soon."""
        quiet, quiet_seconds = self.table.quiet_seconds, 0.0
        while not collector.is_ripe:
            if await collector.news(quiet):
                quiet_seconds = 0.0
                continue
            quiet_seconds += quiet
            if collector.count and (
                quiet_seconds >= STUCK_SECONDS or not await self._more_comes(feeder)
            ):
                return

    async def _more_comes(self, feeder: Feeding) -> bool:
        bench = self.table.bench
        if feeder.in_flight:
            return True
        due = await bench.index.next_due(lanes=(bench.lane,))
        return due is not None and due <= bench.clock() + self.table.quiet_seconds

    async def _go_on(self, job: Job, feeder: Feeding) -> None:
        await self._follow(job, await self._maker.resume(job), feeder)

    async def _follow(self, job: Job, name: str | None, feeder: Feeding) -> None:
        if name is not None:
            await self._follower.follow(job, name)
        self.table.seen(job.id)
        feeder.bell.ring()
