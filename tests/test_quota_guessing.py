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
    """From the fifth minute on more than nine tenths are used, and less than a tenth is refused.

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
            guess.refused(last_minute=requests, now=now)
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
    assert share < 0.1


def test_an_outage_is_no_limit():
    """Nothing is guessed from it, however long it takes, nor from another one an hour later."""
    guess = Guess()
    for began in (0.0, 4000.0):
        for second in range(120):
            guess.refused(last_minute=5, now=began + second)
        for second in range(30):
            guess.answered(now=began + 120.0 + second)
    assert guess.value == math.inf


def guessed() -> Guess:
    """Return a guess of 57, made after 61 seconds."""
    guess = Guess()
    for at in (0.0, 60.0):
        guess.answered(now=at)
        for _ in range(8):
            guess.refused(last_minute=60, now=at + 1.0)
    assert guess.value == 57.0
    return guess


def test_questions_that_were_refused_together_are_one():
    """Eight in flight lower the guess once, and so does all else within a minute."""
    guess = guessed()
    for _ in range(8):
        guess.refused(last_minute=57, now=130.0)
    assert guess.value == pytest.approx(57.0 * 0.95)


def test_single_refusals_among_answers_are_bad_luck():
    """Where four in a hundred are refused at random, nobody is slowed down."""
    guess = Guess()
    for number in range(1000):
        if number % 50 < 2:
            guess.refused(last_minute=5, now=float(number))
        else:
            guess.answered(now=float(number))
    assert guess.value == math.inf


def test_a_guess_rises_ever_faster_and_is_forgotten_after_an_hour():
    """A wrong one holds nobody up for long."""
    guess, values = guessed(), []
    for minute in range(1, 12):
        assert guess.answered(now=61.0 + 60.0 * minute)
        values.append(guess.value)
    assert values[0] == 58.0
    assert values[-1] > 1000.0
    guess.answered(now=62.0 + FORGOTTEN_SECONDS)
    assert guess.value == math.inf
