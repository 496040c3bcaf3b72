"""Which limits hold: what the service said, what the settings say."""

from __future__ import annotations

import math

from captiond.errors import Violation
from captiond.quota.learning import BELIEVED_SECONDS, RENEWED_SECONDS, Learning, Limit, Told
from captiond.quota.pace import Ceiling
from captiond.quota.pacing import Pacing

QUOTA = "GenerateRequestsPerMinutePerProjectPerModel"
NOW = 1_800_000_000.0


def said(value: int | None, limit: str = "requests_per_minute") -> Violation:
    return Violation(limit, value, QUOTA)


def ceiling(learning: Learning, clock: float) -> Ceiling:
    pacing = Pacing(learning=learning)
    pacing.refresh(clock=clock)
    return pacing.pace.ceiling


def test_without_settings_the_numbers_are_those_of_the_service():
    """A violation becomes a limit with its source; what it does not name stays without one."""
    learning = Learning()
    assert ceiling(learning, NOW) == Ceiling()
    told = learning.learn([said(15), said(None, "tokens_per_minute")], clock=NOW)
    assert told == {"requests_per_minute": Told(15, QUOTA, NOW)}
    assert ceiling(learning, NOW) == Ceiling(15, math.inf, math.inf)
    limits = learning.in_force(clock=NOW + 1)
    assert limits["requests_per_minute"] == Limit(15, f"QuotaFailure {QUOTA}", NOW)
    assert limits["requests_per_day"] == Limit(None, "none")


def test_settings_beat_what_was_learned_unless_that_is_lower():
    """They may ask for less than the service grants, never for more."""
    learning = Learning({"requests_per_minute": 60, "tokens_per_minute": 0})
    assert learning.in_force(clock=NOW)["requests_per_minute"] == Limit(60, "settings")
    learning.learn([said(1000)], clock=NOW)
    assert learning.in_force(clock=NOW)["requests_per_minute"] == Limit(60, "settings")
    learning.learn([said(15)], clock=NOW)
    assert learning.in_force(clock=NOW)["requests_per_minute"].value == 15


def test_what_was_learned_is_tried_again_after_a_day():
    """A move to a higher tier is noticed; as long as the service repeats itself, it is believed."""
    learning = Learning(told={"requests_per_minute": Told(15, QUOTA, NOW)})
    assert ceiling(learning, NOW + BELIEVED_SECONDS - 1).requests_per_minute == 15
    assert ceiling(learning, NOW + BELIEVED_SECONDS).requests_per_minute == math.inf
    learning.learn([said(15)], clock=NOW + BELIEVED_SECONDS)
    assert ceiling(learning, NOW + 2 * BELIEVED_SECONDS - 1).requests_per_minute == 15


def test_a_number_from_the_far_future_is_not_believed():
    """It was told while the clock was wrong."""
    learning = Learning(told={"requests_per_minute": Told(15, QUOTA, NOW)})
    assert ceiling(learning, 0.0).requests_per_minute == math.inf


def test_what_is_told_again_and_again_is_written_down_once_an_hour():
    """Eight refusals of one moment are one row."""
    learning = Learning()
    assert learning.learn([said(15)], clock=NOW)
    assert not learning.learn([said(15)], clock=NOW + 1)
    assert learning.learn([said(20)], clock=NOW + 2)
    assert learning.learn([said(20)], clock=NOW + 3 + RENEWED_SECONDS)
