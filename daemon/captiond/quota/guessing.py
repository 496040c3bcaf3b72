"""Guesses a limit per minute that the service enforces without naming it (429s without details).

Fewer questions at once do not help where answers take 0.1 s and 60 a minute are allowed. What was
asked in the minute before such refusals began is near the limit; but one row of them may be an
outage as well. So the second row, with answers between the two, makes a guess of it: CUT below what
was asked. Each minute without a refusal raises it, by STEP first and then by twice as much each
time; each refusal lowers it again. Nothing of it is written down.

Times are ticks.
"""

from __future__ import annotations

import math

CUT = 0.95
STEP = 0.01
LARGEST_STEP = 1.0
SECOND_ROW_SECONDS = 600.0
"""Two outages that lie further apart have nothing to do with each other."""
FORGOTTEN_SECONDS = 3600.0
MINUTE_SECONDS = 60.0


class Guess:
    """How many requests a minute may be allowed; math.inf = no guess."""

    def __init__(self) -> None:
        self.value = math.inf
        self._row: tuple[float, int] | None = None
        self._answers_since = False
        self._refused_at = -math.inf
        self._raised_at = -math.inf
        self._step = STEP

    def refused(self, *, started_at: float, last_minute: int, now: float) -> None:
        """Note a refusal without details; `last_minute` requests were asked before it."""
        if started_at < self._refused_at:
            return  # asked beside another one that was refused
        self._refused_at = self._raised_at = now
        self._step = STEP
        if self.value < math.inf:
            self.value = max(CUT * min(self.value, last_minute), 1.0)
        elif self._row is None or now - self._row[0] > SECOND_ROW_SECONDS:
            self._row, self._answers_since = (now, last_minute), False
        elif self._answers_since:
            self.value = max(CUT * min(self._row[1], last_minute), 1.0)

    def answered(self, *, now: float) -> bool:
        """Note an answer; return whether that raises the guess."""
        self._answers_since = True
        if self.value == math.inf or now - self._raised_at < MINUTE_SECONDS:
            return False
        if now - self._refused_at > FORGOTTEN_SECONDS:
            self.value, self._row = math.inf, None
            return True
        self._raised_at = now
        self.value += max(self._step * self.value, 1.0)
        self._step = min(2 * self._step, LARGEST_STEP)
        return True
