"""Tells bad luck from a bad photo: how many unusable replies may one bring before it is given up?

Each such reply may be paid for, so there should be few; but while a service answers nonsense to
three requests in ten, three tries would give up one good photo in forty. So a photo is given up
once chance cannot explain its replies any more: after 4 tries with a service that answers well,
after 16 with one that fails three in ten. What photos get at their first try is the measure: it
tells of the service, and a photo that is tried again and again does not weigh more than another.
"""

from __future__ import annotations

import math

FEWEST_TRIES = 3
CHANCE = 1e-8
FIRST_GUESS = 0.1
WEIGHT = 0.02
LIKELY = (0.01, 0.99)
RUN = 10
REST_LIMIT_SECONDS = 3600.0


class Odds:
    """Keeps the share of first replies that were unusable lately; a restart forgets."""

    def __init__(self) -> None:
        self._share = FIRST_GUESS
        self._run = 0

    def note(self, *, attempt: int, usable: bool) -> None:
        """Note what a photo got at this attempt, the first being 1."""
        if usable:
            self._run = 0
        if attempt == 1:
            self._run += not usable
            self._share += WEIGHT * ((not usable) - self._share)

    def tries(self) -> int:
        """Return how many unusable replies to one photo chance cannot explain any more."""
        share = min(max(self._share, LIKELY[0]), LIKELY[1])
        return max(FEWEST_TRIES, math.ceil(math.log(CHANCE) / math.log(share)))

    def rest(self) -> float | None:
        """Return for how many seconds to ask nothing, None = go on.

        When photo after photo brings nothing usable, the queue would be paid for in vain.
        """
        if self._run < RUN:
            return None
        return min(2.0 ** min(self._run - RUN, 20), REST_LIMIT_SECONDS)
