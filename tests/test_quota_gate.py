"""The gate before the captioner."""

from __future__ import annotations

import itertools

import pytest

from captiond.quota.gate import (
    FAULTS_IN_A_ROW,
    HOLD_LIMIT_SECONDS,
    HOLD_SECONDS,
    STOP_PROBE_LIMIT_SECONDS,
    Gate,
    Pause,
)


def proven() -> Gate:
    """Return a gate that has seen an answer."""
    gate = Gate()
    gate.succeed(started_at=0.0)
    return gate


def fault(gate: Gate, now: float) -> bool:
    """Meet a fault without any delay."""
    return gate.hold("overloaded", started_at=now, now=now)


def test_an_open_gate_lets_everyone_through() -> None:
    """Nothing has gone wrong yet."""
    gate = Gate()
    assert gate.allowance(now=0.0, in_flight=5) > 1000
    assert gate.opens_in(now=0.0) == 0.0
    assert gate.pause is None


def test_single_faults_among_answers_hold_nobody_up() -> None:
    """Two in a row are borne, the third closes the gate; an answer between starts anew."""
    gate = proven()
    for _ in range(100):
        for now in range(FAULTS_IN_A_ROW - 1):
            assert not fault(gate, float(now))
        assert gate.pause is None
        gate.succeed(started_at=5.0)
    assert [fault(gate, 100.0) for _ in range(FAULTS_IN_A_ROW)] == [False, False, True]
    assert gate.opens_in(now=100.0) == HOLD_SECONDS


def test_before_the_first_answer_one_fault_is_enough() -> None:
    """A start amid an outage does not try it thrice."""
    gate = Gate()
    assert fault(gate, 100.0)
    assert gate.opens_in(now=100.0) == HOLD_SECONDS


def test_a_held_gate_lets_one_probe_through_when_its_time_has_come() -> None:
    """Nothing during the pause, one photo after it, and nobody beside the probe."""
    gate = Gate()
    assert fault(gate, 100.0)
    assert gate.allowance(now=100.0, in_flight=0) == 0
    after = 100.0 + HOLD_SECONDS
    assert gate.allowance(now=after, in_flight=0) == 1
    assert gate.allowance(now=after, in_flight=1) == 0
    assert gate.admit(now=after)
    assert gate.allowance(now=after, in_flight=1) == 0


def test_of_all_that_are_ready_when_a_pause_ends_only_one_may_ask() -> None:
    """Eight prepared photos wait for the gate: one is the probe, the others go back."""
    gate = Gate()
    fault(gate, 100.0)
    assert not gate.admit(now=100.0)
    after = 100.0 + HOLD_SECONDS
    assert [gate.admit(now=after) for _ in range(8)] == [True] + [False] * 7
    gate.leave(started_at=after)
    assert gate.admit(now=after)
    gate.succeed(started_at=after)
    gate.leave(started_at=after)
    assert all(gate.admit(now=after) for _ in range(8))


def test_a_silent_probe_has_another_one_beside_it() -> None:
    """Questions that hang do not keep the gate closed: a probe each few seconds goes out."""
    gate = proven()
    assert all(gate.admit(now=90.0) for _ in range(5))
    for _ in range(FAULTS_IN_A_ROW):
        fault(gate, 100.0)
    assert gate.allowance(now=101.0, in_flight=5) == 1
    assert gate.admit(now=101.0)
    gate.leave(started_at=90.0)
    assert gate.opens_in(now=102.0) == HOLD_LIMIT_SECONDS - 1.0
    assert not gate.admit(now=102.0)
    assert gate.allowance(now=101.0 + HOLD_LIMIT_SECONDS, in_flight=5) == 1
    assert gate.admit(now=101.0 + HOLD_LIMIT_SECONDS)


def test_the_failures_of_one_moment_count_as_one() -> None:
    """Sixty-four requests that fail together double the pause once, not sixty-four times."""
    gate = Gate()
    for _ in range(64):
        fault(gate, 100.0)
    assert gate.opens_in(now=100.0) == HOLD_SECONDS


def test_the_late_failure_of_an_old_question_does_not_outweigh_a_probe() -> None:
    """A question that hung since before the pause times out while the probe is answered."""
    gate = Gate()
    fault(gate, 100.0)
    assert gate.admit(now=101.0)
    gate.hold("no answer", started_at=50.0, now=102.0)
    gate.succeed(started_at=101.0)
    assert gate.pause is None


def test_a_service_that_always_fails_sees_at_most_two_probes_a_second() -> None:
    """The pause doubles up to its limit, and one probe goes out after each."""
    gate, now, probes = Gate(), 0.0, [0.0]
    while now < 60.0:
        fault(gate, now)
        now += gate.opens_in(now=now) or 0.0
        probes.append(now)
    assert all(later - earlier >= HOLD_SECONDS for earlier, later in itertools.pairwise(probes))
    assert probes[-1] - probes[-2] == HOLD_LIMIT_SECONDS


def test_pauses_grow_and_a_success_forgets_them() -> None:
    """The first pause after a success is the short one again."""
    gate, now, pauses = Gate(), 0.0, []
    for _ in range(4):
        fault(gate, now)
        pauses.append(gate.opens_in(now=now))
        now += gate.opens_in(now=now) or 0.0
    assert all(a <= b for a, b in itertools.pairwise(pauses))
    gate.succeed(started_at=now)
    assert gate.pause is None
    for _ in range(FAULTS_IN_A_ROW):
        fault(gate, now)
    assert gate.opens_in(now=now) == HOLD_SECONDS


def test_a_delay_that_the_service_names_is_kept_to() -> None:
    """One quota error with a retry delay closes the gate at once, for exactly that long."""
    gate = proven()
    assert gate.hold("quota", started_at=99.0, now=100.0, retry_after=36.4)
    assert gate.opens_in(now=100.0) == pytest.approx(36.4)
    fault(gate, 101.0)
    assert gate.opens_in(now=101.0) == pytest.approx(35.4)


def test_a_delay_of_nothing_makes_no_storm() -> None:
    """A quota error that says "0s" again and again is asked no oftener than one that is silent."""
    gate = proven()
    for now in (100.0, 101.0, 102.0):
        gate.hold("quota", started_at=now, now=now, retry_after=0.0)
        assert gate.opens_in(now=now) == HOLD_SECONDS


def test_a_shorter_delay_told_during_a_pause_changes_nothing() -> None:
    """The day's quota and then a minute's: the day's counts, and is what the operator reads."""
    gate = proven()
    gate.hold("day", started_at=99.0, now=100.0, retry_after=3600.0)
    gate.hold("minute", started_at=99.0, now=101.0, retry_after=30.0)
    assert gate.pause == Pause("day", 3700.0)


def test_a_pause_that_only_money_could_shorten_grows_further() -> None:
    """With a limit of an hour it doubles up to that, and a usual fault then counts as before."""
    gate, now, pauses = proven(), 100.0, []
    for _ in range(FAULTS_IN_A_ROW + 13):
        gate.hold("nonsense", started_at=now, now=now, limit_seconds=3600.0)
        pauses.append(gate.opens_in(now=now) or 0.0)
        now += pauses[-1]
    assert pauses[FAULTS_IN_A_ROW - 1 :][:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == 3600.0
    fault(gate, now)
    assert gate.opens_in(now=now) == HOLD_LIMIT_SECONDS


def test_a_reply_to_an_older_question_does_not_end_a_pause() -> None:
    """Eight are in flight, one meets the quota, seven succeed: the quota is still used up."""
    gate = Gate()
    gate.hold("quota", started_at=99.0, now=100.0, retry_after=30.0)
    gate.succeed(started_at=99.0)
    assert gate.opens_in(now=101.0) == pytest.approx(29.0)
    gate.succeed(started_at=130.0)
    assert gate.pause is None


def test_a_longer_delay_told_during_a_pause_wins() -> None:
    """A minute's quota and then the day's: the day's counts."""
    gate = Gate()
    gate.hold("minute", started_at=99.0, now=100.0, retry_after=30.0)
    gate.hold("day", started_at=99.0, now=101.0, retry_after=3600.0)
    assert gate.opens_in(now=101.0) == 3600.0


def test_a_stopped_gate_is_probed_rarely() -> None:
    """First after a quarter of an hour, then ever more seldom: six refused questions a day."""
    gate, now, probes = Gate(), 2.0, []
    assert gate.stop("bad key", now=now)
    while now < 86_400.0:
        wait = gate.opens_in(now=now)
        assert wait is not None
        assert not gate.admit(now=now + wait - 1.0)
        now += wait
        assert gate.allowance(now=now, in_flight=0) == 1
        assert gate.admit(now=now)
        assert not gate.admit(now=now)
        probes.append(now)
        assert not gate.stop("bad key", now=now + 0.1)
        gate.leave(started_at=now)
    pauses = [later - earlier for earlier, later in itertools.pairwise([2.0, *probes])]
    assert pauses[:4] == [900.0, 1800.0, 3600.0, 7200.0]
    assert set(pauses[4:]) == {STOP_PROBE_LIMIT_SECONDS}


def test_neither_a_late_answer_nor_a_late_fault_opens_a_stopped_gate() -> None:
    """Only its own probe does: what was asked before it was stopped tells nothing."""
    gate = Gate()
    assert gate.stop("bad key", now=2.0)
    gate.succeed(started_at=1.0)
    fault(gate, 3.0)
    assert gate.opens_in(now=3.0) == 899.0
    assert gate.pause == Pause("bad key", None)
    assert gate.admit(now=902.0)
    gate.succeed(started_at=902.0)
    assert gate.pause is None
    assert gate.opens_in(now=903.0) == 0.0
    assert gate.stop("bad key", now=1000.0)
    assert gate.opens_in(now=1000.0) == 900.0


def test_a_closed_gate_stays_closed() -> None:
    """When captiond ends nothing is asked any more, whatever is still answered."""
    gate = Gate()
    gate.close("captiond is stopping")
    gate.succeed(started_at=1.0)
    assert not gate.stop("bad key", now=2.0)
    assert not gate.park("day", until=9.0, clock=1.0, now=2.0)
    assert gate.opens_in(now=1e9) is None
    assert gate.allowance(now=1e9, in_flight=0) == 0
    assert not gate.admit(now=1e9)


def test_a_parked_gate_waits_for_a_moment_of_the_calendar() -> None:
    """It is told once; the pause is measured in ticks, the moment is kept in unix seconds."""
    gate = proven()
    assert gate.park("day", until=1_000_600.0, clock=1_000_000.0, now=50.0)
    assert not gate.park("day", until=1_000_600.0, clock=1_000_001.0, now=51.0)
    assert gate.pause == Pause("day", 650.0, goes_on_at=1_000_600.0)
    assert gate.opens_in(now=51.0) == 599.0
    assert gate.held_for(now=51.0) == 0.0
    gate.succeed(started_at=50.0)
    assert not gate.admit(now=649.0)
    assert gate.admit(now=650.0)
    gate.succeed(started_at=650.0)
    assert gate.pause is None


def test_a_probe_that_finds_the_day_used_up_ends_a_stop() -> None:
    """Whatever the operator had to mend is mended: the reason told is the quota's."""
    gate = Gate()
    gate.stop("bad key", now=2.0)
    assert gate.admit(now=902.0)
    assert gate.park("day", until=5000.0, clock=902.0, now=902.0)
    assert gate.pause == Pause("day", 5000.0, goes_on_at=5000.0)


def test_when_the_calendar_was_wrong_a_park_ends_with_a_probe() -> None:
    """After a jump of the clock one question finds out whether the day is still used up."""
    gate = Gate()
    gate.park("day", until=5000.0, clock=100.0, now=100.0)
    gate.unpark(now=200.0)
    assert [gate.admit(now=200.0) for _ in range(3)] == [True, False, False]
