"""Tells bad luck from a bad photo: how many unusable replies may one bring before it is given up?

Each such reply may be paid for, so there should be few; but while a service answers nonsense to
three requests in ten, three tries would give up one good photo in forty. So a photo is given up
once chance cannot explain its replies any more: after 4 tries with a service that answers well,
after 16 with one that fails three in ten. What photos get at their first try is the measure: it
tells of the service, and a photo that is tried again and again does not weigh more than another.
"""

from __future__ import annotations

import math

CHANCE = 1e-8
"""How likely a good photo may be given up: one in a hundred million."""
FIRST_GUESS = 0.1
WEIGHT = 0.02
"""Of the newest reply: the share is that of the last 50 or so."""
LIKELY = (0.01, 0.99)
"""What the share is taken for at the least and at the most: 50 replies tell no more."""
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
        least, most = LIKELY
        return math.ceil(math.log(CHANCE) / math.log(min(max(self._share, least), most)))

    @property
    def in_vain(self) -> bool:
        """Whether photo after photo brings nothing usable: the queue would be paid for in vain.

        Then each reply counts as a fault of the service, and pauses grow to REST_LIMIT_SECONDS.
        """
        return self._run >= RUN
