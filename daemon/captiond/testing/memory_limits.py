"""The limits of an in-memory index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from captiond.index.limits_base import LONGEST_WAIT_SECONDS, Learned
from captiond.models import State

if TYPE_CHECKING:
    from captiond.testing.memory_index import MemoryIndex


class MemoryLimits:
    """What was learned of limits, beside the rows of a MemoryIndex."""

    def __init__(self, index: MemoryIndex) -> None:
        self._index = index
        self._learned: dict[tuple[str, str], Learned] = {}

    async def learned(self, model: str) -> list[Learned]:
        """Return what was learned of a model."""
        return [one for (of, _), one in self._learned.items() if of == model]

    async def learn(self, model: str, learned: Sequence[Learned]) -> None:
        """Keep what was learned of a model, in place of what had the same name."""
        self._learned.update({(model, one.name): one for one in learned})

    async def asked(
        self, model: str, *, since: float, until: float
    ) -> list[tuple[float, int | None]]:
        """Return (started at, input tokens if known) of what counts for the limits per minute."""
        return [
            (request.started_at, None)
            for request, _ in self._index.requests.values()
            if since < request.started_at <= until and request.recipe.model == model
        ]

    async def asked_count(self, model: str, *, since: float, until: float) -> int:
        """Return how many requests counted in a time."""
        return len(await self.asked(model, since=since, until=until))

    async def postpone(self, seconds: float, *, before: float) -> int:
        """Shift the time of waiting photos after the clock jumped by so much; return how many."""
        shifted = 0
        for row in self._index.rows.values():
            at = row.retry_at
            if row.state is State.QUEUED and at is not None and at <= before + LONGEST_WAIT_SECONDS:
                row.retry_at = at + seconds
                shifted += 1
        return shifted
