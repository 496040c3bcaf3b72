"""The runs, and captions that are taken back, in the in-memory index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from captiond.handwriting import own
from captiond.index.runs_base import Run
from captiond.index.withdrawals_base import Found, Taking, Withdrawal
from captiond.models import HUMAN, Photo, State, Written
from captiond.testing.memory_rows import Row

if TYPE_CHECKING:  # it holds the withdrawals
    from captiond.testing.memory_index import MemoryIndex


class MemoryRuns:
    """The runs of a MemoryIndex: the twin of `index.runs`."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    async def begin(self, verb: str, version: str, *, now: float) -> None:
        """Enter a run; what a crash left open ends now."""
        await self.end(now=now)
        self._runs.append(Run(len(self._runs) + 1, verb, version, now, None))

    async def end(self, *, now: float) -> None:
        """End the run that lasts."""
        self._runs = [
            replace(run, ended_at=now) if run.ended_at is None else run for run in self._runs
        ]

    async def last(self, count: int) -> list[Run]:
        """Return the latest runs, the newest first."""
        return self._runs[::-1][:count]

    async def get(self, number: int) -> Run | None:
        """Return the run of this id, None if there is none."""
        return next((run for run in self._runs if run.id == number), None)


class MemoryWithdrawals:
    """The withdrawals of a MemoryIndex: the twin of `index.withdrawals`."""

    def __init__(self, index: MemoryIndex) -> None:
        self._index = index

    async def find(self, taking: Taking) -> Found:
        """Return what would be taken back."""
        rows = self._matching(taking)
        free = [row for row in rows if row.owner is None]
        by_people = [row for row in free if row.caption and row.caption.origin == HUMAN]
        examples = tuple(row.photo for row in free[:5])
        return Found(len(free), len(by_people), len(rows) - len(free), examples)

    async def take(
        self, taking: Taking, *, reason: str, now: float, after: Photo | None, limit: int
    ) -> list[Withdrawal]:
        """Take back up to `limit` captions of photos `after` that one, in their order."""
        rows = [row for row in self._matching(taking) if row.owner is None]
        later = [row for row in rows if after is None or _key(row.photo) > _key(after)][:limit]
        for row in later:
            self._take(row, reason, now)
        return [Withdrawal(row.photo, row.written) for row in later]

    async def settle(
        self, photo: Photo, *, written: Mapping[str, Written], beside: str | None
    ) -> None:
        """Note that nothing of captiond's stands beside the photo any more, but for `written`."""
        row = self._index.rows.get(photo)
        if row is not None and row.withdrawn:
            row.written, row.withdrawn = dict(written), 2
            row.beside = row.beside if beside is None else beside

    def _matching(self, taking: Taking) -> list[Row]:
        rows = [row for row in self._index.rows.values() if _is_meant(row, taking)]
        return sorted(rows, key=lambda row: _key(row.photo))

    def _take(self, row: Row, reason: str, now: float) -> None:
        row.withdrawn, shown = 1, row.caption
        if shown is not None and shown.origin == HUMAN:
            words = own(shown.description, self._index.people.by_captiond(shown.digest))
            if words != shown.description and words.caption:
                row.caption = replace(shown, description=words, created_at=now)
                self._index.captions.append(row.caption)
            if words.caption:
                return
        if row.state is not State.MISSING:
            row.state, row.reason = State.SKIPPED, reason
        row.caption, row.anew_after, row.unasked, row.retry_at = None, None, None, None
        row.attempts = row.crashes = 0


def _is_meant(row: Row, taking: Taking) -> bool:
    place = (row.photo == one or _is_beneath(row.photo, one) for one in taking.places)
    if row.captioned_at is None or not taking.since <= row.captioned_at < taking.until:
        return False
    shows = row.caption is not None and (row.caption.origin != HUMAN or bool(row.written))
    live = row.state in (State.CAPTIONED, State.QUEUED, State.INFLIGHT)
    return any(place) and (row.withdrawn == 1 or (row.withdrawn == 0 and shows and live))


def _is_beneath(photo: Photo, place: Photo) -> bool:
    within = not place.path or f"{photo.folder}/".startswith(f"{place.path}/")
    return photo.root == place.root and within


def _key(photo: Photo) -> tuple[str, str, str]:
    return photo.root, photo.folder, photo.name
