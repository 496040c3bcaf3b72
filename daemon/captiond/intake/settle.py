"""Decides when a file is finished: two looks, a settle time apart, that see the same.

Pure: looks and times come in, verdicts come out. "Nothing there" settles the same way.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TypeAlias

from captiond.models import Lane, Photo, Signature


@dataclass(frozen=True, slots=True)
class NotPlain:
    """Something with a photo's name that is no file; `reason` says what, for a person."""

    reason: str
    inode: int


Seen: TypeAlias = Signature | NotPlain | None
"""What a look found; None is nothing."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A photo that stayed as it is for the settle time, and so did what lies beside it."""

    photo: Photo
    lane: Lane
    seen: Seen
    beside: str | None = None


@dataclass(slots=True, eq=False)
class _Pending:
    photo: Photo
    seen: Seen
    beside: str | None
    deadline: float
    lane: Lane
    queued: bool = False


class Settling:
    """The files that are looked at until they settle; times are seconds of one clock.

    The heap holds each photo once; that its deadline moved is found out when the old one comes,
    so that a slow writer costs no memory.
    """

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._pending: dict[Photo, _Pending] = {}
        self._heap: list[tuple[float, int, _Pending]] = []
        self._ticket = itertools.count()

    def __len__(self) -> int:
        return len(self._pending)

    def look(
        self, photo: Photo, seen: Seen, *, lane: Lane, now: float, beside: str | None = None
    ) -> Settled | None:
        """Take note of a look; return the photo when that settles it.

        `beside` is a digest of what lies beside it.
        """
        deadline = now + self._settle_seconds
        pending = self._pending.get(photo)
        if pending is None:
            pending = self._pending[photo] = _Pending(photo, seen, beside, deadline, lane)
        pending.lane = min(pending.lane, lane)
        if (pending.seen, pending.beside) != (seen, beside):
            pending.seen, pending.beside, pending.deadline = seen, beside, deadline
        elif now >= pending.deadline:
            self.forget(photo)
            return Settled(photo, pending.lane, seen, beside)
        if not pending.queued:
            self._queue(pending)
        return None

    def due(self, now: float, *, limit: int) -> list[tuple[Photo, Lane]]:
        """Return up to `limit` photos to be looked at again now; each must be looked at."""
        photos: list[tuple[Photo, Lane]] = []
        while len(photos) < limit and (deadline := self.next_deadline()) is not None:
            if deadline > now:
                break
            pending = heapq.heappop(self._heap)[2]
            pending.queued = False
            photos.append((pending.photo, pending.lane))
        return photos

    def next_deadline(self) -> float | None:
        """Return when the next photo is due, None when none waits."""
        while self._heap:
            deadline, _, pending = self._heap[0]
            if self._pending.get(pending.photo) is pending and pending.deadline <= deadline:
                return deadline
            heapq.heappop(self._heap)
            if self._pending.get(pending.photo) is pending:
                self._queue(pending)
        return None

    def forget(self, photo: Photo) -> None:
        """Look at a photo no more."""
        self._pending.pop(photo, None)

    def _queue(self, pending: _Pending) -> None:
        pending.queued = True
        heapq.heappush(self._heap, (pending.deadline, next(self._ticket), pending))
