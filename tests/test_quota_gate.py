"""The gate before the captioner."""

from __future__ import annotations

import itertools

import pytest

from captiond.quota.gate import HOLD_LIMIT_SECONDS, HOLD_SECONDS, Gate


def test_an_open_gate_lets_everyone_through() -> None:
    """Nothing has gone wrong yet."""
    gate = Gate()
    assert gate.allowance(now=0.0, in_flight=5) > 1000
    assert gate.opens_in(now=0.0) == 0.0
    assert gate.pause is None


def test_a_held_gate_lets_one_probe_through_when_its_time_has_come() -> None:
    """Nothing during the pause, one photo after it, and nobody beside the probe."""
    gate = Gate()
    assert gate.hold("overloaded", now=100.0)
    assert gate.allowance(now=100.0, in_flight=0) == 0
    after = 100.0 + HOLD_SECONDS
    assert gate.allowance(now=after, in_flight=0) == 1
    assert gate.allowance(now=after, in_flight=1) == 0


def test_of_all_that_are_ready_when_a_pause_ends_only_one_may_ask() -> None:
    """Eight prepared photos wait for the gate: one is the probe, the others go back."""
    gate = Gate()
    gate.hold("overloaded", now=100.0)
    assert not gate.admit(now=100.0)
    after = 100.0 + HOLD_SECONDS
    assert [gate.admit(now=after) for _ in range(8)] == [True] + [False] * 7
    gate.leave()
    assert gate.admit(now=after)
    gate.succeed(started_at=after)
    gate.leave()
    assert all(gate.admit(now=after) for _ in range(8))


def test_the_failures_of_one_moment_count_as_one() -> None:
    """Sixty-four requests that fail together double the pause once, not sixty-four times."""
    gate = Gate()
    for _ in range(64):
        gate.hold("overloaded", now=100.0)
    assert gate.opens_in(now=100.0) == HOLD_SECONDS


def test_a_service_that_always_fails_sees_at_most_two_probes_a_second() -> None:
    """The pause doubles up to its limit, and one probe goes out after each."""
    gate, now, probes = Gate(), 0.0, 0
    while now < 60.0:
        now += gate.opens_in(now=now) or 0.0
        gate.hold("overloaded", now=now)
        probes += 1
    assert probes <= 60.0 / HOLD_LIMIT_SECONDS + 5
    assert gate.opens_in(now=now) == HOLD_LIMIT_SECONDS


def test_pauses_grow_and_a_success_forgets_them() -> None:
    """The first pause after a success is the short one again."""
    gate, now, pauses = Gate(), 0.0, []
    for _ in range(4):
        gate.hold("overloaded", now=now)
        pauses.append(gate.opens_in(now=now))
        now += gate.opens_in(now=now) or 0.0
    assert all(a <= b for a, b in itertools.pairwise(pauses))
    gate.succeed(started_at=now)
    assert gate.pause is None
    gate.hold("overloaded", now=now)
    assert gate.opens_in(now=now) == HOLD_SECONDS


def test_a_delay_that_the_service_names_is_kept_to() -> None:
    """A quota error with a retry delay closes the gate for exactly that long."""
    gate = Gate()
    gate.hold("quota", now=100.0, retry_after=36.4)
    assert gate.opens_in(now=100.0) == pytest.approx(36.4)
    gate.hold("overloaded", now=101.0)
    assert gate.opens_in(now=101.0) == pytest.approx(35.4)


def test_a_reply_to_an_older_question_does_not_end_a_pause() -> None:
    """Eight are in flight, one meets the quota, seven succeed: the quota is still used up."""
    gate = Gate()
    gate.hold("quota", now=100.0, retry_after=30.0)
    gate.succeed(started_at=99.0)
    assert gate.opens_in(now=101.0) == pytest.approx(29.0)
    gate.succeed(started_at=130.0)
    assert gate.pause is None


def test_a_longer_delay_told_during_a_pause_wins() -> None:
    """A minute's quota and then the day's: the day's counts."""
    gate = Gate()
    gate.hold("minute", now=100.0, retry_after=30.0)
    gate.hold("day", now=101.0, retry_after=3600.0)
    assert gate.opens_in(now=101.0) == 3600.0


def test_a_stopped_gate_stays_stopped() -> None:
    """Neither time nor a late success nor a late failure opens it."""
    gate = Gate()
    assert gate.stop("bad key")
    assert not gate.stop("bad key")
    gate.succeed(started_at=1.0)
    gate.hold("overloaded", now=1.0)
    assert gate.opens_in(now=1e9) is None
    assert gate.allowance(now=1e9, in_flight=0) == 0
    assert gate.pause is not None
    assert gate.pause.reason == "bad key"
