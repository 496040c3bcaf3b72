"""Counts what was asked of late, and tells when more fits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Asked:
    """A request: when in ticks, its input tokens (guessed until they are told), whether it went."""

    at: float
    tokens: int
    sent: bool = False
    counted: bool = True


class Window:
    """What was asked in the last `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked: deque[Asked] = deque()
        self._tokens = 0

    def totals(self, *, now: float) -> tuple[int, int]:
        """Return how many requests and how many input tokens."""
        self._forget(now)
        return len(self._asked), self._tokens

    def add(self, asked: Asked) -> None:
        """Count a request, the newest so far."""
        self._asked.append(asked)
        self._tokens += asked.tokens

    def drop(self, asked: Asked) -> None:
        """Take back a request that was not sent, or that the service did not count."""
        if asked.counted:
            asked.counted = False
            self._asked.remove(asked)
            self._tokens -= asked.tokens

    def correct(self, asked: Asked, tokens: int) -> None:
        """Count the tokens that it really took."""
        if asked.counted:
            self._tokens += tokens - asked.tokens
            asked.tokens = tokens

    def free_in(self, tokens: int, *, requests: float, of_tokens: float, now: float) -> float:
        """Return how many seconds it takes until one more request fits beneath these limits.

        One with more tokens than a window ever holds fits into an empty one.
        """
        self._forget(now)
        excess = len(self._asked) + 1 - max(requests, 1.0)
        excess_tokens = self._tokens + min(tokens, of_tokens) - of_tokens
        free_at = now
        for one in self._asked:
            if excess <= 0 and excess_tokens <= 0:
                break
            excess -= 1
            excess_tokens -= one.tokens
            free_at = one.at + self._seconds
        return max(free_at - now, 0.0)

    def _forget(self, now: float) -> None:
        while self._asked and self._asked[0].at + self._seconds <= now:
            gone = self._asked.popleft()
            gone.counted = False
            self._tokens -= gone.tokens
