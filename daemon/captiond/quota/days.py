"""Knows when the day of the daily quotas ends: at midnight in California."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def midnight_pacific(now: float) -> float:
    """Return when the day of the daily quotas ends next, in unix seconds."""
    return _midnight(now, days=1)


def day_began(now: float) -> float:
    """Return when the day of the daily quotas began, in unix seconds."""
    return _midnight(now, days=0)


def goes_on(until: float, *, now: float) -> str:
    """Return when something goes on, as people here say it: "goes on at 09:00", local time."""
    moment = datetime.fromtimestamp(until, UTC).astimezone()
    day = f" {moment:%Y-%m-%d}" if until - now > timedelta(days=1).total_seconds() else ""
    return f"goes on{day} at {moment:%H:%M}"


def waiting(reason: str, until: float, *, now: float) -> str:
    """Return for what is waited, and until when: "daily quota used up, goes on at 09:00"."""
    return f"{reason}, {goes_on(until, now=now)}"


def _midnight(now: float, *, days: int) -> float:
    pacific = _pacific()
    today = datetime.fromtimestamp(now, pacific).date()
    at = datetime.combine(today + timedelta(days=days), datetime.min.time(), pacific)
    return at.astimezone(UTC).timestamp()


@cache
def _pacific() -> tzinfo:
    try:
        return ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:  # a slim container without tzdata: at most an hour late
        return timezone(timedelta(hours=-8))
