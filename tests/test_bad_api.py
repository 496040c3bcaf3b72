"""A service that answers one request in three with a fault: every photo ends captioned."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from bad_api_helpers import Station, until
from daemon_helpers import Home, gemini, wait_until
from kill_helpers import make_photo

from captiond.models import Description, State
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_faults import Fault
from captiond.testing.gemini_server import FIXED, GeminiServer
from captiond.testing.gemini_wire import ReceivedRequest, Refused

SHARE = 0.3
FAULTS = {
    "quota_per_minute": faults.quota_per_minute("0.5s", limit=100_000),
    "quota_bare": faults.quota_bare(),
    "overloaded": faults.overloaded(),
    "internal_error": faults.internal_error(),
    "deadline_exceeded": faults.deadline_exceeded(),
    "html": faults.html(),
    "truncated_json": faults.truncated_json(),
    "truncated_error": faults.truncated_json(503),
    "wrong_envelope": faults.wrong_envelope(),
    "empty_candidates": faults.empty_candidates(),
    "wrong_types": faults.wrong_types(),
    "max_tokens": faults.max_tokens(),
    "reset": faults.reset_mid_body(),
    "drip": faults.drip(30.0),
    "silence": faults.silence(),
}


async def caption_through(path: Path, script: list[Fault], photos: int, seed: int) -> GeminiServer:
    """Caption that many photos while a share of requests meets a fault; return the server."""
    script_ = faults.mix(script, share=SHARE, seed=seed)
    async with GeminiServer(script=script_, latency_seconds=0.01) as server:
        station = Station(path, server.base_url, timeout_seconds=1.0)
        async with station.running() as app:
            await station.drop(app, photos)
            await station.all_captioned(app, seconds=60.0 + photos)
        station.assert_nothing_lost()
        assert server.counters.answered == photos
        return server


@pytest.mark.parametrize(
    ("name", "photos"),
    [
        *((name, 24) for name in ("overloaded", "empty_candidates", "reset", "silence")),
        *(pytest.param(name, 300, marks=pytest.mark.soak) for name in FAULTS),
    ],
)
async def test_a_fault_of_the_service_fails_no_photo(
    tmp_path: Path, name: str, photos: int
) -> None:
    """Each fault alone: all are captioned, and no photo is asked about after its answer."""
    server = await caption_through(tmp_path, [FAULTS[name]], photos, seed=1)
    assert server.counters.refused > 0


@pytest.mark.parametrize(
    ("photos", "seed"),
    [(120, 1), *(pytest.param(2000, seed, marks=pytest.mark.soak) for seed in (2, 3, 4))],
)
async def test_all_faults_mixed_fail_no_photo(tmp_path: Path, photos: int, seed: int) -> None:
    """Three requests in ten meet any of the faults."""
    server = await caption_through(tmp_path, list(FAULTS.values()), photos, seed=seed)
    assert server.counters.refused > photos * SHARE / 2


async def test_a_body_that_drips_but_ends_in_time_is_an_answer(tmp_path: Path) -> None:
    """Slow is not broken: it is waited for, and asked once."""
    async with GeminiServer(script=[faults.drip(1.5)]) as server:
        station = Station(tmp_path, server.base_url)
        async with station.running() as app:
            await station.drop(app, 1)
            await station.all_captioned(app)
        assert server.counters.requests == 1
    station.assert_nothing_lost()


class Poisoned:
    """Answers every picture but the first it saw, which always meets the fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.poison = b""
        self.tries = 0

    async def answer(self, request: ReceivedRequest) -> Description:
        self.poison = self.poison or request.image
        if request.image == self.poison:
            self.tries += 1
            raise Refused(self.fault)
        await anyio.sleep(0.02)
        return FIXED


@pytest.mark.parametrize("fault", ["internal_error", pytest.param("reset", marks=pytest.mark.soak)])
async def test_a_poison_photo_steps_back_and_holds_nobody_up(tmp_path: Path, fault: str) -> None:
    """It is tried ever more seldom, stays queued with its reason, and the others flow."""
    poisoned = Poisoned(FAULTS[fault])
    async with GeminiServer(answer=poisoned.answer) as server:
        station = Station(tmp_path, server.base_url)
        async with station.running() as app:
            await station.drop(app, 1)
            await until(lambda: poisoned.tries)
            began = anyio.current_time()
            while anyio.current_time() - began < 8.0:
                await station.drop(app, 5)
                await anyio.sleep(0.2)
            await station.reached(app, {State.CAPTIONED: station.come - 1, State.QUEUED: 1})
            assert app.bench.gate.pause is None
        assert 2 <= poisoned.tries <= 7, poisoned.tries
        took = sorted(station.rows("select captioned_at - seen_at from photos where caption > 0"))
        assert took[len(took) // 2][0] < 2.0
    ((state, reason),) = station.rows("select state, reason from library where caption is null")
    assert (state, bool(reason)) == ("queued", True)


@pytest.mark.soak  # a minute of waiting; test_pipeline.py has it with a clock that jumps
@pytest.mark.parametrize("fault", ["empty_candidates", "wrong_types", "max_tokens"])
async def test_a_photo_that_brings_only_unusable_replies_ends(tmp_path: Path, fault: str) -> None:
    """Each of them may be paid for: it is given up after a few, the others are captioned."""
    poisoned = Poisoned(FAULTS[fault])
    async with GeminiServer(answer=poisoned.answer) as server:
        station = Station(tmp_path, server.base_url)
        async with station.running() as app:
            await station.drop(app, 60)
            await station.reached(app, {State.CAPTIONED: 59, State.FAILED: 1})
        assert 3 <= poisoned.tries <= 9


@pytest.mark.parametrize(("concurrency", "latency_seconds", "most"), [(2, 0.0, 25), (64, 0.5, 80)])
async def test_nonsense_for_all_stops_the_spending(
    tmp_path: Path, concurrency: int, latency_seconds: float, most: int
) -> None:
    """A service whose every reply is unusable is asked a dozen times, not once for each photo.

    What fails side by side counts as one: its return is noticed as soon with many workers.
    """
    async with GeminiServer(latency_seconds=latency_seconds) as server:
        server.standing = faults.empty_candidates()
        station = Station(tmp_path, server.base_url, concurrency=concurrency)
        async with station.running() as app:
            await station.drop(app, 100)
            await until(lambda: app.bench.gate.pause and server.counters.requests >= 10)
            server.standing = None
            await station.all_captioned(app, seconds=20.0)
        assert server.counters.refused < most
    station.assert_nothing_lost()


async def test_an_operator_sees_a_photo_that_waits_with_its_reason(tmp_path: Path) -> None:
    """`captiond failed` lists the queued photo, `status` says why nothing is asked."""
    with gemini("--standing", "internal_error") as url:
        home = Home(tmp_path, url)
        (home.photos / "a.jpg").write_bytes(make_photo(1))
        with home.daemon():
            wait_until(lambda: home.rows("select 1 from library where reason is not null"))
            (told,) = json.loads(home.run("failed", "--json").stdout)
            wait_until(lambda: "HTTP 500" in home.run("status").stdout)
    assert told["state"] in {"queued", "inflight"}
    assert "HTTP 500" in told["reason"]
