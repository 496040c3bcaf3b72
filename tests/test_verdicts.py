"""Where a photo goes after an error."""

from __future__ import annotations

import functools
import inspect

import pytest

from captiond import errors
from captiond.index.base import Claim, Parked, Retry
from captiond.models import Lane, Photo, Signature, State
from captiond.verdicts import TRIES, judge


def claimed(attempts: int = 1) -> Claim:
    return Claim(
        photo=Photo("/photos", "a.jpg"),
        signature=Signature(1, 2, 3, 4),
        lane=Lane.ARRIVAL,
        attempts=attempts,
        seen_at=0.0,
    )


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.NotAPhoto("a directory"), State.SKIPPED),
        (errors.CaptionRefused("the model declined"), State.REFUSED),
        (errors.Undecodable("the JPEG is cut off"), State.FAILED),
        (errors.ImageRejected("the API cannot read it"), State.FAILED),
    ],
)
def test_a_photo_that_is_itself_the_problem_is_set_aside_with_the_reason(
    error: Exception, state: State
) -> None:
    """Trying again would bring the same."""
    assert judge(claimed(), error, now=50.0, again_at=60.0) == Parked(
        Photo("/photos", "a.jpg"), state, str(error)
    )


@pytest.mark.parametrize(
    "error",
    [
        errors.CaptionerBusy("overloaded"),
        errors.CaptionerUnreachable("no answer"),
        errors.CaptionerStopped("bad key"),
        errors.CaptionerPaused("waiting"),
        errors.SidecarUnwritable("disk full"),
        errors.RulesBroken("/photos/.captiond.toml", ["private: must be true or false"]),
    ],
)
def test_a_fault_of_the_service_or_the_disk_never_burns_an_attempt(error: Exception) -> None:
    """The photo waits until the trouble is looked at again, however often it happened."""
    for attempts in (1, 1000):
        verdict = judge(claimed(attempts), error, now=50.0, again_at=60.0)
        assert verdict == Retry(Photo("/photos", "a.jpg"), 60.0, str(error), counted=False)


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ChildProcessError("no")])
def test_a_machine_short_of_something_fails_no_photo(error: OSError) -> None:
    """Descriptors, memory and processes come back; the photo waits for that."""
    verdict = judge(claimed(TRIES), error, now=50.0, again_at=60.0)
    assert isinstance(verdict, Retry)
    assert not verdict.counted


@pytest.mark.parametrize("error", [errors.ReplyUnusable("empty reply"), ZeroDivisionError("x")])
def test_an_unusable_reply_or_a_surprise_is_tried_a_few_times(error: Exception) -> None:
    """Each try may cost money, so there are few."""
    for attempts in range(1, TRIES):
        verdict = judge(claimed(attempts), error, now=50.0, again_at=60.0)
        assert isinstance(verdict, Retry)
        assert verdict.counted
        assert verdict.at > 50.0
    last = judge(claimed(TRIES), error, now=50.0, again_at=60.0)
    assert isinstance(last, Parked)
    assert last.state is State.FAILED


def test_every_error_of_the_tree_has_a_verdict() -> None:
    """A new error class cannot be forgotten here without a decision."""
    cap = functools.partial(errors.OverBudget, "usd_per_day", 1.0)
    made = {
        errors.OverBudget: cap(spent_usd=1.0, in_flight_usd=0.0, until=None),
        errors.RulesBroken: errors.RulesBroken("/photos/.captiond.toml", ["is no TOML"]),
    }
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.CaptiondError) and kind is not errors.ConfigError:
            error = made.get(kind) or kind("why")
            verdict = judge(claimed(), error, now=50.0, again_at=60.0)
            assert isinstance(verdict, Parked | Retry)
