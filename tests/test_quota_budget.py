"""Budget: which day and month it is, and which caps can be kept."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from captiond.quota.budget import Caps, day, month, unpriced
from captiond.settings import CaptionerSettings, GeminiSettings, LimitsSettings, Settings

BERLIN = ZoneInfo("Europe/Berlin")


def at(text, zone=BERLIN, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("moment", "hours", "zone"),
    [
        ("2026-11-23T12:00", 24, BERLIN),
        ("2026-03-29T12:00", 23, BERLIN),
        ("2026-10-25T12:00", 25, BERLIN),
        ("2026-03-08T12:00", 23, ZoneInfo("America/Havana")),
        ("2026-11-01T12:00", 25, ZoneInfo("America/Havana")),
        ("2026-04-05T00:10", 24.5, ZoneInfo("Australia/Lord_Howe")),
        ("2026-11-23T23:59", 24, ZoneInfo("Asia/Kathmandu")),
    ],
)
def test_a_day_is_as_long_as_the_calendar_says(moment, hours, zone):
    """From local midnight to the next, also where the clock is put at midnight itself."""
    now = at(moment, zone)
    began, ends = day(now, zone)
    assert began <= now < ends
    assert ends - began == hours * 3600
    assert began % 900 == 0, "the ledger's quarters begin with it"
    assert day(ends, zone)[0] == ends
    assert day(ends - 1, zone)[0] == began


@pytest.mark.parametrize("moment", ["2026-01-31T23:59", "2026-02-01T00:00", "2026-12-31T23:59"])
def test_a_month_begins_with_its_first_midnight(moment):
    """The end of one is the beginning of the next."""
    now = at(moment)
    began, ends = month(now, BERLIN)
    assert began <= now < ends
    assert datetime.fromtimestamp(began, BERLIN).day == 1
    assert month(ends, BERLIN)[0] == ends
    assert month(ends - 1, BERLIN)[0] == began


def test_only_caps_that_are_set_hold():
    """Infinity is no cap; 0 is one."""
    now = at("2026-11-23T12:00")
    assert Caps().at(now, BERLIN) == ()
    (cap,) = Caps(usd_per_month=0.0).at(now, BERLIN)
    assert (cap.name, cap.usd) == ("usd_per_month", 0.0)
    assert (cap.since, cap.until) == (at("2026-11-01T00:00"), at("2026-12-01T00:00"))
    both = Caps(1.0, 9.0).at(now, BERLIN)
    assert [(one.name, one.usd) for one in both] == [("usd_per_day", 1.0), ("usd_per_month", 9.0)]


def settings(model, *, usd=1.0, backend="gemini", **gemini):
    return Settings(
        captioner=CaptionerSettings(backend=backend),
        gemini=GeminiSettings(model=model, **gemini),
        limits=LimitsSettings(usd_per_day=usd),
    )


def test_a_cap_on_what_nobody_knows_the_price_of_is_a_mistake():
    """Each cap is named with the model and the tier; without a cap any model may be asked."""
    (told,) = unpriced(settings("my-own-model"))
    assert "limits.usd_per_day" in told
    assert "'my-own-model'" in told
    assert not list(unpriced(settings("my-own-model", usd=math.inf)))
    assert not list(unpriced(settings("my-own-model", backend="offline")))
    (tier,) = unpriced(settings("gemini-3.5-flash", tier="priority"))
    assert "priority" in tier
    assert not list(unpriced(settings("gemini-3.5-flash", tier="flex", backlog="batch")))
