"""Guesses a limit per minute that the service enforces without naming it (429s without details).

Fewer questions at once do not help where answers take 0.1 s and 60 a minute are allowed. Once a
good part of what is asked is refused so, what was asked in the minute before is near the limit; but
that may be an outage as well. When it is still so a minute later, and answers came in between, it
makes a guess: CUT below what was asked. Each minute without a refusal raises it, by STEP first and
then by twice as much each time; one with a refusal lowers it. Nothing of it is written down.

Times are ticks.
"""

from __future__ import annotations

import math

WEIGHT = 0.1
"""Of the newest outcome in the share of refusals."""
MANY = 0.3
"""The share from which on it is a limit; fewer refusals among answers are bad luck."""
CUT = 0.95
STEP = 0.01
LARGEST_STEP = 1.0
FORGOTTEN_SECONDS = 3600.0
MINUTE_SECONDS = 60.0


class Guess:
    """How many requests a minute may be allowed; math.inf = no guess."""

    def __init__(self) -> None:
        self.value = math.inf
        self._share = 0.0
        self._began: tuple[float, int] | None = None
        self._answers_since = False
        self._refused_at = -math.inf
        self._changed_at = -math.inf
        self._step = STEP

    def refused(self, *, last_minute: int, now: float) -> None:
        """Note a refusal without details; `last_minute` requests were asked before it."""
        self._share += WEIGHT * (1.0 - self._share)
        self._forget(now)
        self._refused_at, self._step = now, STEP
        if self.value < math.inf:
            if now - self._changed_at >= MINUTE_SECONDS:
                self._set(min(self.value, last_minute), now)
        elif self._share >= MANY:
            self._suspect(last_minute, now)

    def answered(self, *, now: float) -> bool:
        """Note an answer; return whether that raises the guess."""
        self._share -= WEIGHT * self._share
        self._answers_since = True
        quiet_since = max(self._refused_at, self._changed_at)
        if self.value == math.inf or now - quiet_since < MINUTE_SECONDS:
            return False
        self._forget(now)
        self.value += max(self._step * self.value, 1.0)
        self._changed_at, self._step = now, min(2 * self._step, LARGEST_STEP)
        return True

    def _suspect(self, last_minute: int, now: float) -> None:
        if self._began is None:
            self._began, self._answers_since = (now, last_minute), False
        elif self._answers_since and now - self._began[0] >= MINUTE_SECONDS:
            self._set(min(self._began[1], last_minute), now)

    def _set(self, requests: float, now: float) -> None:
        self.value, self._changed_at = max(CUT * requests, 1.0), now

    def _forget(self, now: float) -> None:
        """Begin anew after an hour without a refusal."""
        if now - self._refused_at > FORGOTTEN_SECONDS:
            self.value, self._began = math.inf, None
