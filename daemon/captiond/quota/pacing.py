"""What keeps the questions about one model within its limits, for all lanes together."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from captiond.models import Lane
from captiond.quota.learning import Learning
from captiond.quota.pace import Pace


def _fronts() -> dict[Lane, anyio.Lock]:
    return {lane: anyio.Lock() for lane in Lane}


@dataclass(frozen=True, slots=True)
class Pacing:
    """The pace and what is learned for it; of each lane one question at a time is at the front."""

    model: str = ""
    pace: Pace = field(default_factory=Pace)
    learning: Learning = field(default_factory=Learning)
    fronts: dict[Lane, anyio.Lock] = field(default_factory=_fronts)
