"""Which photos lie with the service in batch jobs.

job         questions handed in together: made here under an id that the service knows, too
asked       one question of a job that has no answer yet
settled     what came of one question of a job

A job owns its photos (as `owner_of` says), so that a restart of the daemon leaves them alone and
nobody else claims them. A photo whose file changes or goes meanwhile is let go at once; the answer
is kept for its old content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from captiond.errors import OverBudget
from captiond.index.base import Answer, Claim, Parked, Request, Retry
from captiond.index.ledger_base import FREE, Bill
from captiond.models import Photo

MAYBE_BILLED = ("succeeded", "gone")
"""Ends of a job after which nobody knows whether a question without an answer is billed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An open job; `name` is the service's, None while it is not known whether it has the job.

    `sent_at` is when it was handed in last, in unix seconds; None: never.
    """

    id: str
    model: str
    requests: int
    created_at: float
    sent_at: float | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What is in a new job: the ids of its requests, none if there is no job.

    `over` is the cap that left no room for the others.
    """

    kept: frozenset[str]
    over: OverBudget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of a job without an answer; `claim` is its photo's row as it stands now.

    `recipe` is the key of its recipe; origin, language and model are the recipe's.
    """

    request: str
    claim: Claim
    digest: str
    recipe: str
    origin: str
    language: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of a question: an answer, or why there is none; and what becomes of its photo.

    `bill` is for what was billed without an answer; None: nobody knows.

    `fate` None puts the photo back into the queue as if it had never been claimed.
    """

    asked: Asked
    answer: Answer | None = None
    error: str = ""
    bill: Bill | None = FREE
    fate: Retry | Parked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What a photo's caption took that a job brought; `asked_at` in unix seconds."""

    bill: Bill
    asked_at: float
    seconds: float


def owner_of(job: str) -> str:
    """Return the owner that a job's photos name."""
    return f"job {job}"


class Jobs(Protocol):
    """The open jobs, and what became of the others."""

    async def make(self, job: Job, requests: Sequence[Request], *, owner: str) -> Made:
        """Hand claimed photos over to a new job, in one transaction; return what is in it.

        Those whose claim of `owner` is void stay out, and from the first on that a cap leaves no
        room for all others: their photos go back as if never claimed.
        """

    async def sending(self, job: str, *, now: float) -> None:
        """Note that from now on the service may have a job."""

    async def name(self, job: str, name: str) -> None:
        """Keep the name that the service gave a job."""

    async def open_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, the oldest first."""

    async def asked(self, job: str) -> list[Asked]:
        """Return the questions of a job that have no answer yet."""

    async def settle(self, settled: Sequence[Settled], *, job: str, now: float) -> None:
        """Commit what came of questions of a job, and give their photos back."""

    async def end(self, job: str, state: str, error: str, *, now: float) -> None:
        """Close a job; what it still holds goes back into the queue.

        With `state` "dissolved" the service never had it: its requests are "lost", and cost
        nothing. With one of MAYBE_BILLED they are lost, and stay reserved. With any other, what is
        unanswered failed for the reason `error`, and costs nothing.
        """

    async def underway(self, digest: str) -> bool:
        """Tell whether an open job asks about this content."""

    async def billed(self, photo: Photo) -> Billed | None:
        """Return what the caption took that a job brought since the photo was last captioned."""

    async def failures(self, digest: str, recipe: str) -> int:
        """Return how many jobs brought no caption for this content."""
