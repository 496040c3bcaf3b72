"""A limit that nobody names: found by its refusals, kept to, tried again."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from captiond.models import Lane
from captiond.quota.gate import HOLD_LIMIT_SECONDS, HOLD_SECONDS
from captiond.quota.guessing import FORGOTTEN_SECONDS, Guess
from captiond.quota.pace import Ceiling, Pace
from captiond.testing.gemini_limits import Limits, Meter

NOON = datetime(2026, 11, 20, 20, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("window", ["sliding", "bucket"])
@pytest.mark.parametrize("limit", [15, 60, 600])
def test_a_limit_that_nobody_names_is_found(limit, window, record_property):
    """From the fifth minute on more than nine tenths are used, and hardly anything is refused.

    Questions go out one after the other, ten times as fast as allowed, with a probe every few
    seconds while they are refused.
    """
    pace, guess, meter = Pace(), Guess(), Meter()
    limits = Limits(requests_per_minute=limit, window=window)
    now, hold, went, refused = 0.0, HOLD_SECONDS, [], []
    while now < 1800.0:
        pace.ceiling = Ceiling(requests_per_minute=guess.value)
        now += pace.wait(Lane.BACKLOG, 0, now=now) + 0.001
        asked = pace.take(Lane.BACKLOG, 0, now=now, clock=NOON + now)
        if asked is None:
            continue
        if meter.admit(limits, tokens=0, now=NOON + now):
            pace.give_back(asked)
            requests, _, _ = pace.last_minute(now=now)
            guess.refused(started_at=now, last_minute=requests, now=now)
            refused.append(now)
            now, hold = now + hold, min(2 * hold, HOLD_LIMIT_SECONDS)
        else:
            now, hold = now + 6.0 / limit, HOLD_SECONDS
            pace.answered(asked, 0, now=now)
            guess.answered(now=now)
            went.append(now)
    used = sum(at >= 300.0 for at in went) / (limit * 25)
    share = sum(at >= 300.0 for at in refused) / (sum(at >= 300.0 for at in went))
    record_property("used", used)
    record_property("refused", share)
    assert used > 0.9
    assert share < 0.04


def test_one_row_of_refusals_is_an_outage():
    """Nothing is guessed from it, however long it takes, nor from another one an hour later."""
    guess = Guess()
    for began in (0.0, 3600.0):
        for second in range(60):
            guess.refused(started_at=began + second, last_minute=5, now=began + second + 0.1)
        guess.answered(now=began + 61.0)
    assert guess.value == math.inf


def test_questions_that_were_refused_together_are_one():
    """Eight in flight lower the guess once."""
    guess = Guess()
    guess.refused(started_at=0.0, last_minute=60, now=1.0)
    guess.answered(now=2.0)
    for _ in range(8):
        guess.refused(started_at=60.0, last_minute=60, now=61.0)
    assert guess.value == 57.0


def test_a_guess_rises_ever_faster_and_is_forgotten_after_an_hour():
    """A wrong one holds nobody up for long."""
    guess = Guess()
    guess.refused(started_at=0.0, last_minute=60, now=1.0)
    guess.answered(now=2.0)
    guess.refused(started_at=60.0, last_minute=60, now=61.0)
    values = []
    for minute in range(1, 12):
        assert guess.answered(now=61.0 + 60.0 * minute)
        values.append(guess.value)
    assert values[0] == 58.0
    assert values[-1] > 1000.0
    guess.answered(now=62.0 + FORGOTTEN_SECONDS)
    assert guess.value == math.inf
