"""What a job meets on its way, laid out for all who look after jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from captiond.bench import Bench
from captiond.captioners.batch_base import BatchService
from captiond.errors import CaptionerStopped

log = structlog.get_logger()

QUIET_SECONDS = 3.0
FIRST_SECONDS = 1.0
DOUBT_SECONDS = 900.0
"""A guess: no job was ever seen to show up a minute after its creation. A backlog can wait, and a
job that is sent twice is paid for twice."""


@dataclass(frozen=True, slots=True)
class Table:
    """The bench of the backlog, the service, and where the index lies.

    A job that is not full goes out when nothing came for `quiet_seconds` and no backlog is due;
    `first_seconds` after a look comes the next, then ever later. A job that the service may have
    is looked for `doubt_seconds` long before it is sent again. `unseen` are the jobs of which
    nobody knows yet how they stand.
    """

    bench: Bench
    service: BatchService
    index: Path
    quiet_seconds: float = QUIET_SECONDS
    first_seconds: float = FIRST_SECONDS
    doubt_seconds: float = DOUBT_SECONDS
    unseen: set[str] = field(default_factory=set)

    def seen(self, job: str) -> None:
        """Note that a job was looked at, or cannot be now."""
        self.unseen.discard(job)

    def stop(self, error: Exception) -> None:
        """Stop the gate if the error says that an operator must act; tell of it once."""
        if isinstance(error, CaptionerStopped):
            reason = str(error)
            if self.bench.gate.stop(reason, now=self.bench.ticks()):
                log.error("captioner.stopped", reason=reason)
