"""What a job meets on its way, laid out for all who look after jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from captiond.bench import Bench
from captiond.captioners.batch_base import BatchService
from captiond.errors import CaptionerStopped

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Table:
    """The bench of the backlog, the service, and where the index lies.

    `unseen` are the jobs of which nobody knows yet how they stand.
    """

    bench: Bench
    service: BatchService
    index: Path
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
