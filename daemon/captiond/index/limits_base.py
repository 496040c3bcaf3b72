"""What is kept of the service's limits, so that a restart need not run into them again.

learned     a limit as the service told it, by the key of [limits]; `parked`: a day that is used up
asked       a request of the ledger, as far as the limits go
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

PARKED = "parked"
LONGEST_WAIT_SECONDS = 7200.0
"""No photo is put back for longer: a later time in a row comes from another clock."""


@dataclass(frozen=True, slots=True)
class Learned:
    """One row: `source` is the service's name for the quota, times are unix seconds."""

    name: str
    value: int | None
    source: str
    learned_at: float
    until: float | None = None


class Limits(Protocol):
    """What was learned of each model, and what it was asked."""

    async def learned(self, model: str) -> list[Learned]:
        """Return what was learned of a model."""

    async def learn(self, model: str, learned: Sequence[Learned]) -> None:
        """Keep what was learned of a model, in place of what had the same name."""

    async def asked(
        self, model: str, *, since: float, until: float
    ) -> list[tuple[float, int | None]]:
        """Return (started at, input tokens if known) of what counts for the limits per minute.

        Neither what the service refused for a limit nor what lies in a batch job counts.
        """

    async def asked_count(self, model: str, *, since: float, until: float) -> int:
        """Return how many requests counted in a time."""

    async def postpone(self, seconds: float, *, before: float) -> int:
        """Shift the time of waiting photos after the clock jumped by so much; return how many.

        `before` is what the clock would have said without the jump.
        """
