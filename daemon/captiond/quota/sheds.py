"""Remembers the photos that flex had no room for: half the price is worth some waiting, not all.

Being shed is how flex says "not now": nothing is wrong with the service, and nothing is billed. A
photo steps back ever longer; after SHEDS of them it is asked about by standard.
"""

from __future__ import annotations

from collections.abc import Sequence

from captiond.models import Photo, Tier

SHEDS = 3
PAUSES_SECONDS = (60.0, 300.0)
"""After the first and the second; after the last there is nothing to wait for."""
REMEMBERED = 10_000


class Sheds:
    """Counts for each photo how often it was shed, until it is answered.

    A restart forgets: that costs a photo at most SHEDS more requests, which nobody bills.
    """

    def __init__(self, pauses_seconds: Sequence[float] = PAUSES_SECONDS) -> None:
        self._pauses_seconds = pauses_seconds
        self._known: dict[Photo, int] = {}

    def tier(self, photo: Photo, tier: Tier) -> Tier:
        """Return the tier to ask by, where `tier` is the one that was chosen."""
        return Tier.STANDARD if self._known.get(photo, 0) >= SHEDS else tier

    def meet(self, photo: Photo) -> float:
        """Note that the photo was shed; return for how many seconds it steps back."""
        sheds = self._known.pop(photo, 0) + 1
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[photo] = sheds
        return 0.0 if sheds >= SHEDS else self._pauses_seconds[sheds - 1]

    def end(self, photo: Photo) -> None:
        """Note that the photo was answered."""
        self._known.pop(photo, None)
