"""The batch jobs of the in-memory index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from captiond.errors import OverBudget
from captiond.index.base import Parked, Request, Retry
from captiond.index.jobs_base import MAYBE_BILLED, Asked, Billed, Job, Made, Settled, owner_of
from captiond.index.ledger_base import FREE, Bill
from captiond.models import Photo, Tier

if TYPE_CHECKING:  # it holds the jobs
    from captiond.testing.memory_index import MemoryIndex


class MemoryJobs:
    """The jobs of a MemoryIndex: the twin of `index.jobs`."""

    def __init__(self, index: MemoryIndex) -> None:
        self.ended: dict[str, str] = {}
        self._index = index
        self._open: dict[str, Job] = {}
        self._failed: list[Request] = []
        self._billed: dict[Photo, Billed] = {}

    def holds(self, owner: str | None) -> bool:
        """Tell whether an open job is the owner."""
        return owner in {owner_of(job) for job in self._open}

    async def make(self, job: Job, requests: Sequence[Request], *, owner: str) -> Made:
        """Hand claimed photos over to a new job; return what is in it."""
        kept, over = set(), None
        for one in requests:
            row = self._index.held(one.photo, owner)
            if row is None:
                continue
            try:
                if over is None:
                    await self._index.note(one, owner=owner_of(job.id))
                    kept.add(one.id)
                    row.owner = owner_of(job.id)
            except OverBudget as error:
                over = error
            if over is not None:
                await self._index.release([one.photo], owner=owner)
        if kept:
            self._open[job.id] = replace(job, requests=len(kept))
        return Made(frozenset(kept), over)

    async def sending(self, job: str, *, now: float) -> None:
        """Note that from now on the service may have a job."""
        self._open[job] = replace(self._open[job], sent_at=now)

    async def name(self, job: str, name: str) -> None:
        """Keep the name that the service gave a job."""
        self._open[job] = replace(self._open[job], name=name)

    async def open_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, the oldest first."""
        return sorted(self._open.values(), key=lambda job: job.created_at)

    async def asked(self, job: str) -> list[Asked]:
        """Return the questions of a job that have no answer yet."""
        return [
            Asked(
                request=request.id,
                claim=self._index.rows[request.photo].claim(),
                digest=request.digest,
                recipe=request.recipe.key,
                origin=request.recipe.origin,
                language=request.recipe.language,
                model=request.recipe.model,
            )
            for request in self._unanswered(job)
        ]

    async def settle(self, settled: Sequence[Settled], *, job: str, now: float) -> None:
        """Commit what came of questions of a job, and give their photos back."""
        owner = owner_of(job)
        for one in settled:
            if one.answer is not None:
                asked_at = self._index.requests[one.asked.request][0].started_at
                await self._index.answer(one.answer)
                self._billed[one.answer.photo] = Billed(
                    bill=Bill(one.answer.usage, one.answer.cost_usd, Tier.BATCH),
                    asked_at=asked_at,
                    seconds=one.answer.ended_at - asked_at,
                )
            else:
                self._failed.append(self._index.requests[one.asked.request][0])
                await self._index.abandon(one.asked.request, one.error, now=now, bill=one.bill)
            match one.fate:
                case Retry():
                    await self._index.retry([one.fate], owner=owner)
                case Parked():
                    await self._index.park([one.fate], owner=owner)
                case None:
                    await self._index.release([one.asked.claim.photo], owner=owner)

    async def end(self, job: str, state: str, error: str, *, now: float) -> None:
        """Close a job; what it still holds goes back into the queue."""
        for request in self._unanswered(job):
            if state != "dissolved":
                self._failed.append(request)
            bill = None if state in MAYBE_BILLED else FREE
            await self._index.abandon(request.id, error, now=now, bill=bill)
        held = [row.photo for row in self._index.rows.values() if row.owner == owner_of(job)]
        await self._index.release(held, owner=owner_of(job))
        del self._open[job]
        self.ended[job] = state

    async def underway(self, digest: str) -> bool:
        """Tell whether an open job asks about this content."""
        return any(one.digest == digest for job in self._open for one in self._unanswered(job))

    async def billed(self, photo: Photo) -> Billed | None:
        """Return what the caption took that a job brought since the photo was last captioned."""
        found, row = self._billed.get(photo), self._index.rows[photo]
        fresh = found is not None and found.asked_at + found.seconds >= (row.captioned_at or 0.0)
        return found if fresh else None

    async def failures(self, digest: str, recipe: str) -> int:
        """Return how many jobs brought no caption for this content."""
        return sum((one.digest, one.recipe.key) == (digest, recipe) for one in self._failed)

    def _unanswered(self, job: str) -> list[Request]:
        return [one for one, owner in self._index.requests.values() if owner == owner_of(job)]
