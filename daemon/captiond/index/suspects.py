"""Decides when photos that may have caused a crash are tried again, and beside which others."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence

STEP_BACK_SECONDS = 3.0
"""Times the square of its crashes a suspect waits: whatever kills captiond again and again for
another reason, such as a lack of memory, should not find the same photo in flight three times."""


def claimable(due: Sequence[bool], *, held: Sequence[bool]) -> int:
    """Return how many of the due photos may be claimed now; True stands for a suspect.

    A suspect was with the captioner when captiond crashed. It is held alone, so that the next
    crash speaks of it and of nothing beside it: of 3000 photos with 200 kills among them, photos
    asked side by side reach three crashes by chance alone.
    """
    if any(held):
        return 0
    if due and due[0]:
        return 0 if held else 1
    return len(list(itertools.takewhile(operator.not_, due)))
