"""How fast questions go out: neither a sliding minute nor a refilling allowance is overrun."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import pytest

from captiond.models import Lane
from captiond.quota.pace import MARGIN_SECONDS, WINDOW_SECONDS, Ceiling, Pace
from captiond.testing.gemini_limits import Limits, Meter

NOON = datetime(2026, 11, 20, 20, 0, tzinfo=UTC).timestamp()
"""Noon in California."""


def paced(**limits: float) -> Pace:
    pace = Pace()
    pace.ceiling = Ceiling(**limits)
    return pace


def run(
    pace: Pace, *, seconds: float, tokens: int = 0, lane: Lane = Lane.BACKLOG, begin: float = 0.0
) -> list[float]:
    """Ask as often as may be, late by up to 5 ms as a loop is; return when, in ticks."""
    now, rng, went = begin, random.Random(7), []  # noqa: S311 jitter, no secret
    while now < begin + seconds:
        now += pace.wait(lane, tokens, now=now) + rng.uniform(0.0, 0.005)
        asked = pace.take(lane, tokens, now=now, clock=NOON + now)
        if asked is not None:
            pace.send(asked, now=now)
            went.append(now)
    return [at for at in went if at < begin + seconds]


@pytest.mark.parametrize("window", ["sliding", "bucket"])
@pytest.mark.parametrize("limit", [1, 15, 60, 600, 6000])
def test_a_backlog_uses_nearly_all_of_a_limit_and_never_more(limit, window):
    """Over ten minutes, on the way for up to half a second: 95 % used, nothing refused."""
    went = run(paced(requests_per_minute=limit), seconds=600.0)
    assert len(went) >= 0.95 * 10 * limit
    rng, meter = random.Random(1), Meter()  # noqa: S311 delays, no secret
    limits = Limits(requests_per_minute=limit, window=window)
    arrived = sorted(at + rng.uniform(0.0, 0.5) for at in went)
    assert [at for at in arrived if meter.admit(limits, tokens=0, now=NOON + at)] == []


@pytest.mark.parametrize("window", ["sliding", "bucket"])
def test_tokens_per_minute_are_kept_to_as_well(window):
    """With requests that differ in size by ten, 95 % of the tokens are used and none refused."""
    limit, pace, meter = 250_000, paced(tokens_per_minute=250_000), Meter()
    rng, now, used = random.Random(3), 0.0, 0  # noqa: S311 sizes, no secret
    while now < 600.0:
        tokens = rng.randint(300, 3000)
        now += pace.wait(Lane.BACKLOG, tokens, now=now) + 0.001
        if (asked := pace.take(Lane.BACKLOG, tokens, now=now, clock=NOON + now)) is None:
            continue
        pace.send(asked, now=now)
        limits = Limits(input_tokens_per_minute=limit, window=window)
        assert meter.admit(limits, tokens=tokens, now=NOON + now + rng.uniform(0, 0.5)) == []
        pace.answered(asked, tokens, now=now)
        used += tokens
    assert used >= 0.95 * 10 * limit


def test_a_backlog_is_spaced_evenly():
    """After the first moment no second of sixty has more than its share, but for a catching up."""
    went = run(paced(requests_per_minute=600), seconds=60.0)
    later = [sum(at < one <= at + 1.0 for one in went) for at in range(2, 58)]
    assert max(later) <= 11
    assert min(later) >= 9


def test_an_arrival_uses_at_once_what_is_free():
    """Thirty arrive together where sixty a minute are allowed: none waits."""
    pace = paced(requests_per_minute=60)
    for _ in range(60):
        assert pace.wait(Lane.ARRIVAL, 0, now=5.0) == 0
        assert pace.take(Lane.ARRIVAL, 0, now=5.0, clock=NOON) is not None
    assert pace.wait(Lane.ARRIVAL, 0, now=6.0) == WINDOW_SECONDS - 1.0


def test_an_arrival_goes_before_a_backlog_that_waits():
    """While the window is full the backlog lets it go first, and goes on once it has gone."""
    pace = paced(requests_per_minute=60)
    for _ in range(60):
        pace.take(Lane.ARRIVAL, 0, now=0.0, clock=NOON)
    assert pace.wait(Lane.ARRIVAL, 0, now=30.0) > 0
    assert pace.wait(Lane.BACKLOG, 0, now=WINDOW_SECONDS) > 0
    assert pace.take(Lane.BACKLOG, 0, now=WINDOW_SECONDS, clock=NOON) is None
    assert pace.take(Lane.ARRIVAL, 0, now=WINDOW_SECONDS, clock=NOON) is not None
    assert pace.wait(Lane.BACKLOG, 0, now=2 * WINDOW_SECONDS) == 0


def test_what_is_in_flight_counts_as_guessed_until_its_answer_tells():
    """A guess that is half of the truth is set right by a few answers, for what comes next too."""
    pace = paced(tokens_per_minute=100_000)
    for now in range(20):
        asked = pace.take(Lane.ARRIVAL, 1000, now=float(now), clock=NOON)
        assert asked is not None
        pace.answered(asked, 2000, now=float(now))
    assert pace.last_minute(now=20.0) == (20, 40_000, 20)
    pace.take(Lane.ARRIVAL, 1000, now=20.0, clock=NOON)
    assert pace.last_minute(now=20.0)[1] == pytest.approx(42_000, rel=0.01)


def test_what_was_not_sent_or_was_refused_is_given_back():
    """It neither fills the minute nor the day."""
    pace = paced(requests_per_minute=1, requests_per_day=1)
    asked = pace.take(Lane.ARRIVAL, 10, now=0.0, clock=NOON)
    assert asked is not None
    assert pace.day_used_up(clock=NOON) is not None
    pace.give_back(asked)
    assert pace.day_used_up(clock=NOON) is None
    assert pace.last_minute(now=0.0) == (0, 0, 0)
    assert pace.take(Lane.ARRIVAL, 10, now=0.0, clock=NOON) is not None


def test_a_question_larger_than_a_minute_goes_into_an_empty_one():
    """It is the service's to refuse: nothing here waits for ever."""
    pace = paced(tokens_per_minute=1000)
    assert pace.take(Lane.BACKLOG, 5000, now=0.0, clock=NOON) is not None
    assert 0 < pace.wait(Lane.BACKLOG, 5000, now=1.0) <= WINDOW_SECONDS
    assert pace.take(Lane.BACKLOG, 5000, now=WINDOW_SECONDS, clock=NOON) is not None


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("2026-11-20T07:59:59+00:00", "2026-11-20T08:00:00+00:00"),
        ("2026-11-01T06:59:59+00:00", "2026-11-01T07:00:00+00:00"),
        ("2026-11-02T07:59:59+00:00", "2026-11-02T08:00:00+00:00"),
        ("2026-03-09T06:59:59+00:00", "2026-03-09T07:00:00+00:00"),
    ],
)
def test_a_day_is_one_of_california(first, again):
    """The count begins anew at midnight there, on days of 23, 24 and 25 hours."""
    last_second, midnight = (datetime.fromisoformat(one).timestamp() for one in (first, again))
    pace = paced(requests_per_day=2)
    assert pace.take(Lane.ARRIVAL, 0, now=0.0, clock=last_second - 3600) is not None
    assert pace.take(Lane.ARRIVAL, 0, now=1.0, clock=last_second) is not None
    assert pace.day_used_up(clock=last_second) == midnight
    assert pace.take(Lane.ARRIVAL, 0, now=2.0, clock=last_second) is None
    assert pace.take(Lane.ARRIVAL, 0, now=3.0, clock=midnight) is not None
    assert pace.today(clock=midnight) == 1


def test_a_restart_asks_no_more_than_was_left():
    """What was asked before it counts for the window and for the day, whenever it began."""
    pace = paced(requests_per_minute=60, tokens_per_minute=100_000, requests_per_day=1000)
    before = [(float(second), 1000) for second in range(40)]
    pace.seed(before, now=500.0)
    pace.recount(990, clock=NOON)
    assert pace.last_minute(now=500.0) == (40, 40_000, 0)
    went = run(pace, seconds=0.5, begin=500.0, lane=Lane.ARRIVAL)
    assert len(went) == 10
    assert pace.day_used_up(clock=NOON) is not None


def test_without_limits_nothing_waits():
    """Neither lane is held up by a limit that nobody told."""
    pace = Pace()
    assert all(pace.take(lane, 10**9, now=0.0, clock=NOON) for lane in Lane for _ in range(1000))
    assert pace.ceiling == Ceiling(math.inf, math.inf, math.inf)
    assert MARGIN_SECONDS < 0.05 * WINDOW_SECONDS
