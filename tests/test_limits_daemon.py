"""Limits across restarts, a day that is used up, a stop that is probed: seen from outside."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import anyio
import msgspec
from bad_api_helpers import Station, until
from daemon_helpers import Home, counters, gemini, wait_until
from kill_helpers import make_photo, told

from captiond.app import feeders
from captiond.opening import backlog
from captiond.quota.days import midnight_pacific
from captiond.settings import LimitsSettings, Settings
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_limits import Limits
from captiond.testing.gemini_server import GeminiServer

BUSY_MACHINE_SECONDS = 2.0
"""What two cores that others use may add to a promise."""


@dataclass
class LimitedStation(Station):
    """A station whose settings tell limits."""

    limits: LimitsSettings = field(default_factory=LimitsSettings)

    def settings(self) -> Settings:
        return msgspec.structs.replace(super().settings(), limits=self.limits)


def drop(home: Home, *numbers: int) -> None:
    for number in numbers:
        (home.photos / f"{number}.jpg").write_bytes(make_photo(number))


def captioned(home: Home) -> int:
    return list(home.states().values()).count("captioned")


def test_a_day_that_is_used_up_parks_the_queue_also_after_a_restart(tmp_path: Path) -> None:
    """It says when it goes on in status, log and STATUS; a restart sends not one request."""
    with gemini("--requests-per-day", "3") as url:
        home = Home(tmp_path, url, sidecars=("txt",))
        drop(home, *range(8))
        at = datetime.fromtimestamp(midnight_pacific(time.time())).astimezone()
        sentence = f"daily quota used up, goes on at {at:%H:%M}"
        with home.daemon():
            wait_until(lambda: told(home, "captioner.parked") == 1)
            assert sentence in home.log.read_text()
            wait_until(lambda: any(sentence.encode() in line for line in home.heard()))
            wait_until(lambda: sentence in home.run("status").stdout)
            daemon = json.loads(home.run("status", "--json").stdout)["daemon"]
            assert daemon["pace"]["parked_until"] == at.timestamp()
            day = daemon["pace"]["limits"]["requests_per_day"]
            assert day["value"] == 3
            assert day["source"].startswith("QuotaFailure GenerateRequestsPerDay")
            assert daemon["pace"]["requests_today"] == 3
            wait_until(lambda: list(home.states().values()).count("queued") == 5)
        assert home.rows("select max(attempts) from photos where state = 'queued'") == [(0,)]
        asked = counters(url)["requests"]
        with home.daemon():
            drop(home, 100)
            wait_until(lambda: home.states().get("100.jpg") == "queued")
            wait_until(lambda: sum(sentence.encode() in line for line in home.heard()) >= 2)
            assert told(home, "captioner.parked") == 2
            alone = home.run("caption", str(home.photos / "100.jpg"), check=False)
            assert alone.returncode == 1
            assert sentence in alone.stderr
        assert counters(url)["requests"] == asked
        assert captioned(home) == 3


def test_a_restart_within_the_minute_asks_no_more_than_allowed(tmp_path: Path) -> None:
    """Of ten a minute ten go out, five dropped after the restart wait, none is refused."""
    with gemini("--requests-per-minute", "10", "--tokens-per-minute", "1000000") as url:
        limits = "[limits]\nrequests_per_minute = 10"
        home = Home(tmp_path, url, sidecars=("txt",), extra=limits)
        with home.daemon():
            drop(home, *range(12))
            wait_until(lambda: captioned(home) == 10)
        with home.daemon():
            drop(home, *range(100, 105))
            wait_until(lambda: told(home, "service.ready") == 2)
            wait_until(lambda: len(home.states()) == 17)
            pace = json.loads(home.run("status", "--json").stdout)["daemon"]["pace"]
            assert pace["limits"]["requests_per_minute"]["source"] == "settings"
        seen = counters(url)
        assert (seen["requests"], seen["limited"], captioned(home)) == (10, 0, 10)


async def test_a_backlog_flows_at_the_pace_of_the_limit(tmp_path: Path, record_property) -> None:
    """Two a second are allowed, more could be asked: nearly all is used, none refused."""
    limit, seconds = 120, 8.0
    async with GeminiServer(
        limits=Limits(requests_per_minute=limit), latency_seconds=0.05
    ) as server:
        limits = LimitsSettings(requests_per_minute=limit)
        station = LimitedStation(tmp_path, server.base_url, limits=limits)
        async with station.running() as app:
            await station.drop(app, 25)
            await until(lambda: server.asked_at)
            await until(lambda: time.monotonic() >= server.asked_at[0] + seconds)
            asked = sum(at < server.asked_at[0] + seconds for at in server.asked_at)
        record_property("requests", asked)
        assert 0.95 * limit * seconds / 60 <= asked <= limit * seconds / 60 + 4
        assert server.counters.limited == 0


async def test_without_settings_the_limit_is_learned(tmp_path: Path) -> None:
    """The first refusal tells the number: it is kept to, also after a restart, with its source."""
    async with GeminiServer(limits=Limits(requests_per_minute=20, paid=True)) as server:
        station = LimitedStation(tmp_path, server.base_url, concurrency=4)
        async with station.running() as app:
            await station.drop(app, 40)
            await until(lambda: server.counters.limited)
            await until(lambda: app.bench.gate.pause)
            limit = app.bench.pacing.learning.in_force(clock=time.time())["requests_per_minute"]
            assert limit.value == 20
            assert limit.source == "QuotaFailure GenerateRequestsPerMinutePerProjectPerModel"
            assert 40 < (app.bench.gate.opens_in(now=time.monotonic()) or 0) <= 60
            await until(lambda: station.rows("select count(*) from limits") == [(1,)])
            assert server.counters.limited <= 4
            assert app.bench.asking.now <= 2
            await until(lambda: not station.rows("select 1 from requests where state = 'inflight'"))
        async with station.running() as app:
            assert app.bench.pacing.pace.ceiling.requests_per_minute == 20
            assert app.bench.pacing.pace.wait(app.bench.lane, 0, now=time.monotonic()) > 40
    assert station.rows("select distinct state from requests order by 1") == [
        ("answered",),
        ("limited",),
    ]


async def test_a_stopped_gate_goes_on_by_itself_once_the_money_is_there(tmp_path: Path) -> None:
    """A quarter of an hour later one question finds out that somebody topped the account up."""
    async with GeminiServer(standing=faults.prepayment_depleted()) as server:
        station = Station(tmp_path, server.base_url)
        skew = 0.0
        async with station.running() as app:
            bench = replace(app.bench, ticks=lambda: time.monotonic() + skew)
            async with anyio.create_task_group() as feeding:
                for feeder in app.feeders:
                    feeder.close()
                fed = feeders(bench, backlog(station.settings(), bench))
                for feeder in fed:
                    feeding.start_soon(feeder.run)
                await station.drop(app, 6)
                for feeder in fed:
                    feeder.bell.ring()
                await until(lambda: bench.gate.pause)
                assert server.counters.requests == 1
                skew = 901.0
                await until(lambda: server.counters.requests == 2, seconds=15.0)
                assert bench.gate.pause is not None
                assert "top it up" in bench.gate.pause.reason
                server.standing = None
                skew = 901.0 + 1801.0
                took = await until(lambda: bench.gate.pause is None, seconds=15.0)
                await station.all_captioned(app)
                for feeder in fed:
                    feeder.close()
        assert took < 5.0 + BUSY_MACHINE_SECONDS
        assert server.counters.requests == 2 + 6
    station.assert_nothing_lost()
