"""Many questions in one job, answered within a day for half the price.

line        one question of a job, ready to be sent: a key and the body of a single call, as JSON
spool       a file of such lines
told        what the service says of a job
item        what came of one question, found again by its key
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from captiond.captioners.base import Question, Terms
from captiond.errors import CaptiondError
from captiond.models import Reply


class Ending(StrEnum):
    """How a job ended at the service."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Told:
    """What the service says of a job; `ending` None while it works on it.

    Results are in the service's `file`, or `inlined` as the service wrote them.
    """

    name: str
    ending: Ending | None = None
    error: str = ""
    file: str = ""
    inlined: tuple[Any, ...] = ()

    @property
    def has_results(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.file or self.inlined)


@dataclass(frozen=True, slots=True)
class Item:
    """What came of one question: a reply, or the error in its place."""

    key: str
    outcome: Reply | CaptiondError


class BatchService(Protocol):
    """Takes jobs; every verb that waits raises CaptionerError."""

    def line(self, key: str, question: Question) -> bytes:
        """Return the question as a line of a spool; takes a few milliseconds of CPU."""

    async def create(self, job: str, spool: Path, *, model: str) -> str:
        """Hand in the spool as a job that the service knows by `job`, too; return its name.

        After CaptionerBusy and CaptionerUnreachable the service may have the job all the same:
        `find` tells. Raises ImageRejected for a job that it will never take.
        """

    async def find(self, job: str) -> str | None:
        """Return the name of the job that was handed in as `job`, None if there is none."""

    async def look(self, name: str) -> Told:
        """Ask how a job stands."""

    def items(
        self, told: Told, scratch: Path, terms: Mapping[str, Terms]
    ) -> AsyncIterator[list[Item]]:
        """Read the results, some at a time, each by the terms for its key.

        `scratch` is a private file to write them to.
        """

    async def forget(self, job: str, told: Told | None) -> None:
        """Have the service delete what it holds of a job; what it does not delete it keeps."""
