"""When the day of the daily quotas ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from captiond.quota.days import day_began, goes_on, midnight_pacific


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-07-01T06:59:59+00:00", "2026-07-01T07:00:00+00:00"),
        ("2026-07-01T07:00:00+00:00", "2026-07-02T07:00:00+00:00"),
        ("2026-11-01T12:00:00+00:00", "2026-11-02T08:00:00+00:00"),
        ("2026-11-01T07:00:00+00:00", "2026-11-02T08:00:00+00:00"),
        ("2026-03-08T08:00:00+00:00", "2026-03-09T07:00:00+00:00"),
    ],
)
def test_midnight_pacific_minds_daylight_saving(now, ends):
    """The day of the quota has 23, 24 or 25 hours."""
    at = midnight_pacific(datetime.fromisoformat(now).timestamp())
    assert datetime.fromtimestamp(at, UTC) == datetime.fromisoformat(ends)


def test_a_day_began_when_the_one_before_it_ended() -> None:
    """Each hour of a year lies between the two midnights of its day, in winter and summer."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for hour in range(365 * 24):
        at = (now + timedelta(hours=hour)).timestamp()
        assert day_began(at) <= at < midnight_pacific(at)
        assert midnight_pacific(day_began(at)) == midnight_pacific(at)


def test_people_are_told_the_time_of_this_machine() -> None:
    """Hours and minutes, and the date only when it is more than a day ahead."""
    until = datetime(2026, 11, 23, 9, 5).astimezone()
    now = until.timestamp() - 3600
    assert goes_on(until.timestamp(), now=now) == "goes on at 09:05"
    assert goes_on(until.timestamp(), now=now - 86_400) == "goes on 2026-11-23 at 09:05"
