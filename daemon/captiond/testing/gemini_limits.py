"""Decides which requests exceed the limits of a project, as the Gemini API counts them.

Time is given in unix seconds; the day ends at midnight in Los Angeles.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from captiond.testing.gemini_fault import Fault
from captiond.testing.gemini_quota import Violation, quota_bare, quota_failure

MINUTE_SECONDS = 60.0
DAY_DELAY = "59s"
"""What a violation per day carries, whatever is left of the day."""

Window = Literal["sliding", "bucket"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a project may ask of each model; None = as much as it likes, 0 = nothing at all.

    A minute is the last 60 seconds ("sliding"), or an allowance that refills evenly and holds
    one minute's worth ("bucket"). `bare` = the 429 tells nothing; `paid` = of a project that pays.
    """

    requests_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    requests_per_day: int | None = None
    window: Window = "sliding"
    bare: bool = False
    paid: bool = False


@dataclass(slots=True)
class Sliding:
    """What was taken in the last minute."""

    taken: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0

    def wait_seconds(self, amount: int, *, limit: int, now: float) -> float:
        """Return how long until this amount fits; 0.0 = it does, a minute = it never will."""
        self._forget(now)
        excess = self.total + amount - limit
        if excess <= 0:
            return 0.0
        for at, one in self.taken:
            excess -= one
            if excess <= 0:
                return at + MINUTE_SECONDS - now
        return MINUTE_SECONDS

    def take(self, amount: int, *, limit: int | None, now: float) -> None:  # noqa: ARG002 a window
        """Count this amount."""
        self._forget(now)
        self.taken.append((now, amount))
        self.total += amount

    def _forget(self, now: float) -> None:
        while self.taken and self.taken[0][0] + MINUTE_SECONDS <= now:
            self.total -= self.taken.popleft()[1]


@dataclass(slots=True)
class Bucket:
    """What was taken and has not been refilled yet."""

    used: float = 0.0
    at: float = 0.0

    def wait_seconds(self, amount: int, *, limit: int, now: float) -> float:
        """Return how long until this amount fits; 0.0 = it does, a minute = it never will."""
        excess = self._left(limit, now) + amount - limit
        if excess <= 0:
            return 0.0
        return MINUTE_SECONDS if amount > limit else excess * MINUTE_SECONDS / limit

    def take(self, amount: int, *, limit: int | None, now: float) -> None:
        """Count this amount."""
        self.used = self._left(limit, now) + amount
        self.at = now

    def _left(self, limit: int | None, now: float) -> float:
        if limit is None:
            return 0.0
        return max(0.0, self.used - (now - self.at) * limit / MINUTE_SECONDS)


class Meter:
    """Counts what one model was asked."""

    def __init__(self) -> None:
        self._windows: dict[Window, tuple[Sliding | Bucket, Sliding | Bucket]] = {
            "sliding": (Sliding(), Sliding()),
            "bucket": (Bucket(), Bucket()),
        }
        self._day = date.min
        self._today = 0

    def admit(self, limits: Limits, *, tokens: int, now: float) -> list[Violation]:
        """Count a request unless it exceeds a limit; return all that it exceeds."""
        requests, input_tokens = self._windows[limits.window]
        minute = (
            (requests, 1, limits.requests_per_minute, "requests_per_minute"),
            (input_tokens, tokens, limits.input_tokens_per_minute, "input_tokens_per_minute"),
        )
        found = []
        for window, amount, limit, name in minute:
            if limit is None:
                continue
            wait = window.wait_seconds(amount, limit=limit, now=now)
            if wait > 0:
                found.append(_violation(name, limit, paid=limits.paid, wait_seconds=wait))
        if limits.requests_per_day is not None and self._used(now) >= limits.requests_per_day:
            found.append(_violation("requests_per_day", limits.requests_per_day, paid=limits.paid))
        if not found:
            for window, amount, limit, _ in minute:
                window.take(amount, limit=limit, now=now)
            self._today = self._used(now) + 1
        return found

    def _used(self, now: float) -> int:
        """Return how many requests of this day were admitted."""
        day = datetime.fromtimestamp(now, _pacific()).date()
        if day != self._day:
            self._day, self._today = day, 0
        return self._today


@cache
def _pacific() -> tzinfo:
    try:
        return ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:  # a slim container without tzdata: at most an hour late
        return timezone(timedelta(hours=-8))


def refuse(violations: list[Violation], *, model: str, bare: bool) -> Fault:
    """Return the 429 for these violations, with the delay after which the request fits."""
    if bare:
        return quota_bare()
    waits = [violation.wait_seconds for violation in violations]
    known = [wait for wait in waits if wait is not None]
    # The API's trap: with a violation per day among them, the delay is a minute all the same.
    per_day = len(known) < len(waits)
    delay = DAY_DELAY if per_day else f"{math.ceil(max(known) * 1e6) / 1e6:.6f}s"
    return quota_failure(violations, model=model, retry_after=delay)


_FREE = {
    "requests_per_minute": (
        "generate_content_free_tier_requests",
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    ),
    "input_tokens_per_minute": (
        "generate_content_free_tier_input_token_count",
        "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    ),
    "requests_per_day": (
        "generate_content_free_tier_requests",
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    ),
}
_PAID = {
    "requests_per_minute": (
        "generate_requests_per_model",
        "GenerateRequestsPerMinutePerProjectPerModel",
    ),
    "input_tokens_per_minute": (
        "generate_content_paid_tier_input_token_count",
        "GenerateContentPaidTierInputTokensPerModelPerMinute",
    ),
    "requests_per_day": (
        "generate_requests_per_model_per_day",
        "GenerateRequestsPerDayPerProjectPerModel",
    ),
}


def _violation(
    name: str, limit: int, *, paid: bool, wait_seconds: float | None = None
) -> Violation:
    metric, quota_id = (_PAID if paid else _FREE)[name]
    return Violation(metric, quota_id, limit, wait_seconds)
