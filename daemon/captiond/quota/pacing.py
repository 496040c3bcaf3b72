"""What keeps the questions about one model within its limits, for all lanes together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import anyio

from captiond.models import Lane
from captiond.quota.guessing import Guess
from captiond.quota.learning import Learning, Limit
from captiond.quota.pace import Ceiling, Pace


def _fronts() -> dict[Lane, anyio.Lock]:
    return {lane: anyio.Lock() for lane in Lane}


@dataclass(frozen=True, slots=True)
class Pacing:
    """The pace and what is learned for it; of each lane one question at a time is at the front."""

    model: str = ""
    pace: Pace = field(default_factory=Pace)
    learning: Learning = field(default_factory=Learning)
    guess: Guess = field(default_factory=Guess)
    fronts: dict[Lane, anyio.Lock] = field(default_factory=_fronts)

    def in_force(self, *, clock: float) -> dict[str, Limit]:
        """Return the limits that hold now, by the key of [limits]; `clock` in unix seconds."""
        limits, guessed = self.learning.in_force(clock=clock), self.guess.value
        if guessed < (limits["requests_per_minute"].value or math.inf):
            limits["requests_per_minute"] = Limit(guessed, "guessed from 429s without details")
        return limits

    def refresh(self, *, clock: float) -> None:
        """Have the pace keep to the limits that hold now."""
        values = {name: limit.value for name, limit in self.in_force(clock=clock).items()}
        self.pace.ceiling = Ceiling(**{n: math.inf if v is None else v for n, v in values.items()})
