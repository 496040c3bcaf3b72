"""A wall clock that jumps: noticed once, and what waits by it is set right."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bad_api_helpers import Station
from structlog.testing import capture_logs

from captiond import paced
from captiond.index.base import Retry
from captiond.index.limits_base import PARKED, Learned
from captiond.jumps import JUMP_SECONDS, ClockWatch, clock_jumped
from captiond.models import Lane, Photo, State
from captiond.quota.days import midnight_pacific

HOUR = 3600.0


def test_a_jump_is_noticed_once_in_either_direction() -> None:
    """From 1970 to today and hours back; a clock that is slewed by milliseconds is none."""
    watch = ClockWatch(clock=60.0, ticks=1000.0)
    assert watch.jump(clock=65.004, ticks=1005.0) == 0.0
    assert watch.jump(clock=1.8e9 + 70.0, ticks=1010.0) == pytest.approx(1.8e9)
    assert watch.jump(clock=1.8e9 + 75.0, ticks=1015.0) == 0.0
    back = watch.jump(clock=1.8e9 + 80.0 - 5 * HOUR, ticks=1020.0)
    assert back == pytest.approx(-5 * HOUR)
    assert watch.jump(clock=1.8e9 + 85.0 - 5 * HOUR, ticks=1025.0) == 0.0
    # A machine that hangs for a minute stops both clocks alike.
    assert watch.jump(clock=1.8e9 + 145.0 - 5 * HOUR, ticks=1085.0) == 0.0
    assert JUMP_SECONDS > 1.0


@pytest.mark.parametrize("boot", [100_000.0, datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()])
async def test_what_waits_by_the_clock_is_set_right(tmp_path: Path, boot: float) -> None:
    """The photo waits as long as before; the day that a wrong clock told is looked at anew."""
    now = datetime(2026, 11, 23, 4, tzinfo=UTC).timestamp()
    station = Station(tmp_path, "http://127.0.0.1:9")
    async with station.running() as app:
        for feeder in app.feeders:
            feeder.close()
        clock = boot
        bench = replace(app.bench, clock=lambda: clock)
        await station.drop(app, 1)
        photo = Photo(str(station.photos), "0.jpg")
        (_,) = await bench.index.claim(owner="test", limit=1, now=time.time())
        await bench.index.retry([Retry(photo, boot + 30, "later")], owner="test")
        paced.park(bench, paced.DAY_USED_UP, until=midnight_pacific(boot))
        learned = Learned(PARKED, None, "", now - HOUR, until=midnight_pacific(now))
        pace = bench.pacing.pace
        asked = pace.take(Lane.ARRIVAL, 100, now=bench.ticks(), clock=boot)
        assert asked is not None
        clock = now
        with capture_logs() as logs:
            await clock_jumped(bench, now - boot)
        assert [one["event"] for one in logs if one["log_level"] == "warning"] == ["clock.jumped"]
        assert bench.gate.opens_in(now=bench.ticks()) == 0.0
        assert pace.last_minute(now=bench.ticks())[0] == 1
        pace.give_back(asked)
        assert (pace.last_minute(now=bench.ticks())[0], pace.today(clock=now)) == (0, 0)
        assert await bench.index.next_due() == pytest.approx(now + 30)
        assert (await bench.index.counts()) == {State.QUEUED: 1}
        await bench.index.limits.learn(bench.pacing.model, [learned])
        await paced.recall_day(bench)
        assert bench.gate.pause is not None
        assert bench.gate.pause.goes_on_at == midnight_pacific(now)
