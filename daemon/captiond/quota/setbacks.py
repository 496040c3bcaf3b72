"""How long a photo steps back after a fault of the service.

An outage is everybody's: its photos come back as soon as the gate opens. A fault that only one
photo meets while others are answered is its own: that photo is tried ever more seldom, and never
holds the others up. Whoever is alone to meet faults cannot tell which it is, and is tried for
minutes as in an outage before it steps back, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from captiond.models import Photo

FIRST_SECONDS = 0.5
"""A moment, so that the next probe is another photo."""
LIMIT_SECONDS = 3600.0
ALONE_FAULTS = 100
ALONE_LIMIT_SECONDS = 300.0
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Setback:
    answers: int
    faults: int = 1
    own: int = 0


class Setbacks:
    """Remembers the photos that met faults, until they are answered; a restart forgets."""

    def __init__(self) -> None:
        self._answers = 0
        self._known: dict[Photo, _Setback] = {}

    def meet(self, photo: Photo) -> float:
        """Note a fault; return for how many seconds the photo steps back."""
        known = self._known.pop(photo, None)
        if known is None:
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[photo] = _Setback(self._answers)
            return FIRST_SECONDS
        faults = known.faults + 1
        others_answered = self._answers > known.answers
        own = known.own + (others_answered or faults > ALONE_FAULTS)
        self._known[photo] = _Setback(self._answers, faults, own)
        limit = LIMIT_SECONDS if others_answered else ALONE_LIMIT_SECONDS
        return min(FIRST_SECONDS * 2.0 ** min(own, 20), limit)

    def end(self, photo: Photo) -> None:
        """Note that the photo was answered."""
        self._answers += 1
        self._known.pop(photo, None)
