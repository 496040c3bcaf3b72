"""A service that is out altogether: it is left in peace, and its return is noticed at once."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from itertools import count
from pathlib import Path

import anyio
import pytest
from bad_api_helpers import Station, most_in_a_second, until
from daemon_helpers import Home, gemini, select_nothing, wait_until
from kill_helpers import make_photo, told

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_faults import Fault
from captiond.testing.gemini_server import GeminiServer

RECOVERY_SECONDS = 5.0
BUSY_MACHINE_SECONDS = 2.0
"""What two cores that others use may add to a promise."""


def moments(url: str) -> dict[str, list[float]]:
    with urllib.request.urlopen(f"{url}/moments", timeout=10) as reply:  # noqa: S310 - loopback
        found: dict[str, list[float]] = json.load(reply)
    return found


def stand(url: str, fault: str) -> float:
    """Have every request meet this fault, "" = none; return when."""
    urllib.request.urlopen(f"{url}/standing", data=fault.encode(), timeout=10).close()  # noqa: S310 - loopback
    return time.monotonic()


@pytest.mark.parametrize("outage_seconds", [5.0, pytest.param(60.0, marks=pytest.mark.soak)])
def test_an_outage_is_no_storm_across_reload_restart_and_arrivals(
    tmp_path: Path, outage_seconds: float
) -> None:
    """Sixty-four workers, a new photo each 100 ms, all answers 503: two requests a second."""
    with gemini("--standing", "overloaded", "--latency", "0.1") as url:
        home = Home(tmp_path, url, concurrency=64, sidecars=("txt",))
        numbers = count()

        def drop() -> None:
            number = next(numbers)
            (home.photos / f"{number}.jpg").write_bytes(make_photo(number))

        def drop_for(seconds: float) -> None:
            for _ in range(int(seconds * 10)):
                drop()
                select_nothing(0.1)

        for _ in range(150):
            drop()
        with home.daemon() as daemon:
            drop_for(outage_seconds)
            daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: told(home, "service.ready") == 2)
            drop_for(outage_seconds / 2)
        with home.daemon():
            drop_for(outage_seconds)
            storm = moments(url)["asked"]
            recovered = stand(url, "")
            wait_until(lambda: moments(url)["answered"])
            took = moments(url)["answered"][0] - recovered
            photos = {path.name: "captioned" for path in home.photos.glob("*.jpg")}
            home.wait_for(photos)
        assert len(storm) >= 5
        assert most_in_a_second(storm) <= 2
        assert took < RECOVERY_SECONDS + BUSY_MACHINE_SECONDS
        assert len(moments(url)["answered"]) == len(photos)


RARE = pytest.mark.soak


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.overloaded(), id="503"),
        pytest.param(faults.html(), id="html", marks=RARE),
        pytest.param(faults.quota_bare(), id="429"),
        pytest.param(faults.internal_error(), id="500", marks=RARE),
        pytest.param(faults.reset_mid_body(), id="reset", marks=RARE),
        pytest.param(faults.truncated_json(), id="truncated", marks=RARE),
    ],
)
async def test_a_return_is_noticed_within_seconds(tmp_path: Path, fault: Fault) -> None:
    """After an outage in the middle of work the next answer comes within five seconds."""
    async with GeminiServer(latency_seconds=0.02) as server:
        station = Station(tmp_path, server.base_url, concurrency=64)
        async with station.running() as app:
            await station.drop(app, 5)
            await station.all_captioned(app)
            server.standing = fault
            began = time.monotonic()
            await station.drop(app, 100)
            await until(lambda: len(server.asked_at) > 5 and time.monotonic() - began > 6)
            server.standing = None
            asked = [at for at in server.asked_at if at > began]
            took = await until(lambda: len(server.answered_at) > 5)
            await station.all_captioned(app)
        assert took < RECOVERY_SECONDS + BUSY_MACHINE_SECONDS
        later = [at for at in asked if at > asked[0] + 1.0]
        assert most_in_a_second(later) <= 2
        assert server.counters.answered == 105
    station.assert_nothing_lost()


async def test_a_lone_photo_is_answered_as_soon(tmp_path: Path) -> None:
    """With nobody else to be the probe it is tried at each pause's end itself."""
    async with GeminiServer() as server:
        server.standing = faults.overloaded()
        station = Station(tmp_path, server.base_url)
        async with station.running() as app:
            await station.drop(app, 1)
            await until(lambda: server.counters.requests >= 3)
            server.standing = None
            took = await until(lambda: server.answered_at)
        assert took < RECOVERY_SECONDS + BUSY_MACHINE_SECONDS


async def test_a_server_that_is_gone_is_found_again(tmp_path: Path) -> None:
    """Connections are refused, then it listens on the same port: all goes on within seconds."""
    async with GeminiServer() as server:
        station = Station(tmp_path, server.base_url)
        port = int(server.base_url.rpartition(":")[2])
        async with station.running() as app:
            await station.drop(app, 3)
            await station.all_captioned(app)
            await server.aclose()
            await station.drop(app, 20)
            await until(lambda: app.bench.gate.pause)
            began = anyio.current_time()
            await until(lambda: anyio.current_time() - began > 6)
            await server.start(port)
            took = await until(lambda: server.counters.answered > 3)
            await station.all_captioned(app)
        assert took < RECOVERY_SECONDS + BUSY_MACHINE_SECONDS
        assert server.counters.requests == server.counters.answered == 23
    station.assert_nothing_lost()


async def test_silence_in_every_slot_does_not_hide_the_return(tmp_path: Path) -> None:
    """While eight questions hang until their timeout, probes beside them find the service back."""
    async with GeminiServer() as server:
        station = Station(tmp_path, server.base_url, concurrency=8, timeout_seconds=60.0)
        async with station.running() as app:
            await station.drop(app, 10)
            await station.all_captioned(app)
            server.standing = faults.silence()
            await station.drop(app, 30)
            await until(lambda: server.counters.requests >= 10 + 8 + 1)
            silent = server.counters.requests - 10
            server.standing = None
            took = await until(lambda: server.counters.answered > 10)
            await until(lambda: server.counters.answered == 40 - silent)
            assert app.bench.gate.pause is None
        assert took < RECOVERY_SECONDS + BUSY_MACHINE_SECONDS
        assert server.counters.requests == 40


async def test_a_delay_that_is_told_is_kept_to(tmp_path: Path) -> None:
    """A 429 that names four seconds: nothing is asked before, all goes on right after."""
    async with GeminiServer(script=[None, faults.quota_per_minute("4s", limit=1000)]) as server:
        station = Station(tmp_path, server.base_url, concurrency=1)
        async with station.running() as app:
            await station.drop(app, 20)
            await station.all_captioned(app)
        asked = list(server.asked_at)
        assert asked[2] - asked[1] >= 4.0
        assert asked[2] - asked[1] < 4.0 + BUSY_MACHINE_SECONDS
        assert server.counters.requests == 21
    station.assert_nothing_lost()


@pytest.mark.parametrize("fault", ["bad_key", "bad_location", "prepayment_depleted", "quota_zero"])
def test_what_an_operator_must_mend_burns_no_attempt(tmp_path: Path, fault: str) -> None:
    """The gate stops with a sentence after a question or few; after a reload all is captioned."""
    with gemini("--standing", fault) as url:
        home = Home(tmp_path, url, sidecars=("txt",))
        for number in range(20):
            (home.photos / f"{number}.jpg").write_bytes(make_photo(number))
        with home.daemon() as daemon:
            wait_until(lambda: told(home, "captioner.stopped") == 1)
            wait_until(lambda: set(home.states().values()) == {"queued"})
            assert home.rows("select max(attempts) from photos") == [(0,)]
            assert len(moments(url)["asked"]) == 1
            stand(url, "")
            daemon.send_signal(signal.SIGHUP)
            home.wait_for({f"{number}.jpg": "captioned" for number in range(20)})
        assert len(moments(url)["answered"]) == 20
