"""The runs of captiond: each life of the daemon and each scan.

A photo belongs to the run in which its sidecars were written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Run:
    """One run, in unix seconds; `ended_at` is None while it lasts.

    One that a crash ended counts up to the next one's beginning.
    """

    id: int
    verb: str
    version: str
    started_at: float
    ended_at: float | None


class Runs(Protocol):
    """Remembers the runs; for the sole owner of the store, but for `last` and `get`."""

    async def begin(self, verb: str, version: str, *, now: float) -> None:
        """Enter a run; what a crash left open ends now."""

    async def end(self, *, now: float) -> None:
        """End the run that lasts."""

    async def last(self, count: int) -> list[Run]:
        """Return the latest runs, the newest first."""

    async def get(self, number: int) -> Run | None:
        """Return the run of this id, None if there is none."""
