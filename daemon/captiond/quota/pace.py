"""Says when the next question may go out, so that no limit of the service is overrun.

Requests and input tokens are counted over the last minute and MARGIN_SECONDS more, so that neither
a sliding minute at the service nor an allowance that refills evenly is overrun by what the way
there takes. An arrival uses at once whatever is free in that window, and goes before a backlog that
waits. A backlog is spaced evenly: late by a moment it catches up, by MARGIN_SECONDS at most.

Ticks are `now`, unix seconds are `clock`. A day is one of California.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from captiond.models import Lane
from captiond.quota.days import day_began, midnight_pacific
from captiond.quota.windows import Asked, Window

MINUTE_SECONDS = 60.0
MARGIN_SECONDS = 1.0
"""A request on its way may be late by this much: 1.6 % of the limits stay unused for it."""
WINDOW_SECONDS = MINUTE_SECONDS + MARGIN_SECONDS
GUESS_WEIGHT = 0.2
"""Of the newest answer: the guess is right within a few of them."""
YIELD_SECONDS = 0.02
"""How soon a backlog looks again whether the arrival before it has gone."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What may be asked; math.inf = as much as one likes."""

    requests_per_minute: float = math.inf
    tokens_per_minute: float = math.inf
    requests_per_day: float = math.inf


class Pace:
    """Counts for all lanes; synchronous, for the event loop's own thread."""

    def __init__(self) -> None:
        self.ceiling = Ceiling()
        self._window = Window(WINDOW_SECONDS)
        self._guessed_low = 1.0
        self._has_answers = False
        self._answers: deque[float] = deque()
        self._due = -math.inf
        self._day = -math.inf
        self._today = 0
        self._arrivals_waiting = False

    def seed(self, asked: Iterable[tuple[float, int]], *, now: float) -> None:
        """Begin with what was asked before: (seconds ago, input tokens)."""
        for ago, tokens in sorted(asked, reverse=True):
            self._window.add(Asked(now - max(ago, 0.0), tokens, sent=True))

    def recount(self, today: int, *, clock: float) -> None:
        """Begin the day's count with so many requests."""
        self._day, self._today = day_began(clock), today

    def wait(self, lane: Lane, tokens: int, *, now: float) -> float:
        """Return for how many seconds a question has to wait; 0 = it may go out."""
        free = self._window.free_in(
            self._expected(tokens),
            requests=self.ceiling.requests_per_minute,
            of_tokens=self.ceiling.tokens_per_minute,
            now=now,
        )
        if lane is Lane.ARRIVAL:
            self._arrivals_waiting = free > 0
            return free
        if self._arrivals_waiting:
            return max(free, YIELD_SECONDS)
        return max(free, self._due - MARGIN_SECONDS - now)

    def day_used_up(self, *, clock: float) -> float | None:
        """Return when the day ends (unix seconds) if it is used up, else None."""
        used = self.today(clock=clock)
        return midnight_pacific(clock) if used >= self.ceiling.requests_per_day else None

    def take(self, lane: Lane, tokens: int, *, now: float, clock: float) -> Asked | None:
        """Count a question that goes out now, None if it may not."""
        if self.wait(lane, tokens, now=now) > 0 or self.day_used_up(clock=clock) is not None:
            return None
        tokens = self._expected(tokens)
        share = 1 / max(self.ceiling.requests_per_minute, 1.0)
        share = max(share, min(tokens / self.ceiling.tokens_per_minute, 1.0))
        self._due = max(self._due, now) + WINDOW_SECONDS * share
        self._today += 1
        asked = Asked(now, tokens)
        self._window.add(asked)
        return asked

    def leave(self, lane: Lane) -> None:
        """Note that a question waits no more, however its wait ended."""
        if lane is Lane.ARRIVAL:
            self._arrivals_waiting = False

    def send(self, asked: Asked, *, now: float) -> None:
        """Note that a question goes out: the ledger may have taken its time."""
        asked.at, asked.sent = now, True

    def answered(self, asked: Asked, tokens: int, *, now: float) -> None:
        """Note an answer and the input tokens that it tells, 0 = none.

        What is in flight, or comes next, counts as much more or less than it was guessed. The
        first question takes seconds to get there (name, TLS): it counts from its answer on, else
        the one that follows it a minute later would be refused.
        """
        if not self._has_answers:
            self._has_answers, asked.at = True, now
        self._answers.append(now)
        if tokens and asked.tokens:
            error = self._guessed_low * tokens / asked.tokens
            self._guessed_low += GUESS_WEIGHT * (error - self._guessed_low)
            self._window.correct(asked, tokens)

    def give_back(self, asked: Asked) -> None:
        """Uncount a question that was not sent, or that the service refused for a limit."""
        self._window.drop(asked)
        self._today -= 1

    def today(self, *, clock: float) -> int:
        """Return how many requests this day has seen."""
        began = day_began(clock)
        if began != self._day:
            self._day, self._today = began, 0
        return max(self._today, 0)

    def last_minute(self, *, now: float) -> tuple[int, int, int]:
        """Return the requests, input tokens and answers of the last minute."""
        while self._answers and self._answers[0] + WINDOW_SECONDS <= now:
            self._answers.popleft()
        return (*self._window.totals(now=now), len(self._answers))

    def _expected(self, tokens: int) -> int:
        return round(tokens * self._guessed_low)
