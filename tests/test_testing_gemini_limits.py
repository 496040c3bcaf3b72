"""The loopback Gemini's limits: it refuses what the real one refuses, in the same form."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import aiohttp
import pytest
from daemon_helpers import counters, gemini
from gemini_sdk_helpers import MODEL, ask, sdk
from google.genai import errors

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_limits import Limits, Meter, refuse
from captiond.testing.gemini_server import GeminiServer

NOON = datetime(2026, 11, 20, 20, 0, tzinfo=UTC).timestamp()
"""Noon in Los Angeles."""


async def refused(client) -> dict[str, dict]:
    with pytest.raises(errors.ClientError) as caught:
        await ask(client)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    details = caught.value.details["error"].get("details", [])
    return {detail["@type"].rpartition(".")[2]: detail for detail in details}


def quota_ids(details: dict[str, dict]) -> dict[str, str]:
    return {v["quotaId"]: v.get("quotaValue") for v in details["QuotaFailure"]["violations"]}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (
            Limits(requests_per_minute=2),
            {"GenerateRequestsPerMinutePerProjectPerModel-FreeTier": "2"},
        ),
        (
            Limits(input_tokens_per_minute=2500, paid=True),
            {"GenerateContentPaidTierInputTokensPerModelPerMinute": "2500"},
        ),
        (Limits(requests_per_day=2), {"GenerateRequestsPerDayPerProjectPerModel-FreeTier": "2"}),
        (
            Limits(requests_per_minute=2, input_tokens_per_minute=2500, requests_per_day=2),
            {
                "GenerateRequestsPerMinutePerProjectPerModel-FreeTier": "2",
                "GenerateContentInputTokensPerModelPerMinute-FreeTier": "2500",
                "GenerateRequestsPerDayPerProjectPerModel-FreeTier": "2",
            },
        ),
    ],
)
async def test_what_exceeds_a_limit_is_refused_and_names_every_limit(limits, expected):
    """The third request is a 429 with quotaId, value, model and delay; another model is free."""
    async with GeminiServer(limits=limits) as server, sdk(server) as client:
        await ask(client)
        await ask(client)
        details = await refused(client)
        await ask(client, "gemini-3.1-flash-lite")
        assert quota_ids(details) == expected
        for violation in details["QuotaFailure"]["violations"]:
            assert violation["quotaDimensions"]["model"] == MODEL
        delay = details["RetryInfo"]["retryDelay"]
        assert delay == "59s" if limits.requests_per_day else 59 < float(delay[:-1]) < 60
        counters = server.counters
        assert (counters.requests, counters.answered, counters.limited) == (4, 3, 1)
        assert sum(server.contents.values()) == 3


async def test_a_bare_refusal_tells_nothing():
    """With bare limits the 429 has no details, and a limit of 0 is never met."""
    async with (
        GeminiServer(limits=Limits(requests_per_minute=0, bare=True)) as server,
        sdk(server) as client,
    ):
        assert await refused(client) == {}


async def test_limits_can_be_changed_while_it_runs():
    """POST /limits sets them for the next request and refuses what are none."""
    async with (
        GeminiServer() as server,
        sdk(server) as client,
        aiohttp.ClientSession(server.base_url) as session,
    ):
        async with session.post("/limits", json={"requests_per_minute": 1}) as response:
            assert (await response.json())["requests_per_minute"] == 1
        await ask(client)
        await refused(client)
        async with session.post("/limits", json={"requests": 1}) as response:
            assert response.status == 400
        async with session.post("/limits", json={}):
            pass
        await ask(client)
        async with session.get("/counters") as response:
            assert (await response.json())["limited"] == 1


async def test_a_fault_of_the_script_waits_while_the_limits_refuse():
    """Limits come before the script: a refused request takes no fault from it."""
    script = [None, faults.overloaded()]
    limits = Limits(requests_per_minute=1)
    async with GeminiServer(limits=limits, script=script) as server, sdk(server) as client:
        await ask(client)
        await refused(client)
        server.limits = Limits()
        with pytest.raises(errors.ServerError):
            await ask(client)


async def test_simultaneous_requests_share_the_limit():
    """Of twenty at once exactly as many are answered as are allowed."""
    limits = Limits(requests_per_minute=7)
    async with GeminiServer(limits=limits, latency_seconds=0.01) as server, sdk(server) as client:
        answers = await asyncio.gather(*(ask(client) for _ in range(20)), return_exceptions=True)
        assert sum(not isinstance(answer, Exception) for answer in answers) == 7
        assert server.counters.limited == 13


@pytest.mark.parametrize("window", ["sliding", "bucket"])
def test_after_the_delay_told_a_request_fits_and_not_before(window):
    """The delay is the true one, for requests and for tokens, whatever the pattern was."""
    limits = Limits(requests_per_minute=10, input_tokens_per_minute=9_000, window=window)
    meter, now, admitted = Meter(), NOON, 0
    for step in range(200):
        exceeded = meter.admit(limits, tokens=1_000 + step % 3, now=now)
        if not exceeded:
            admitted += 1
            now += 0.1 * (step % 5)
            continue
        delay = max(violation.wait_seconds for violation in exceeded)
        assert meter.admit(limits, tokens=1_000 + step % 3, now=now + delay - 0.01)
        now += delay + 1e-6
        assert not meter.admit(limits, tokens=1_000 + step % 3, now=now)
        admitted += 1
    rate = admitted / (now - NOON) * 60
    assert 7 <= rate <= 10


def test_a_bucket_refills_evenly_and_a_window_all_at_once():
    """Six seconds after ten requests a bucket of ten has room for one, a window for none."""
    for window, room in (("bucket", 1), ("sliding", 0)):
        meter, limits = Meter(), Limits(requests_per_minute=10, window=window)
        for _ in range(10):
            assert not meter.admit(limits, tokens=1, now=NOON)
        later = [meter.admit(limits, tokens=1, now=NOON + 6.1) for _ in range(3)]
        assert later.count([]) == room


def test_the_day_ends_at_midnight_in_los_angeles():
    """What was used up at noon is there again at 08:00 UTC, and not a second before."""
    meter, limits = Meter(), Limits(requests_per_day=1)
    midnight = datetime(2026, 11, 21, 8, 0, tzinfo=UTC).timestamp()
    assert not meter.admit(limits, tokens=1, now=NOON)
    assert meter.admit(limits, tokens=1, now=midnight - 1)
    assert not meter.admit(limits, tokens=1, now=midnight)


def test_a_limit_of_nothing_is_told_in_the_message_alone():
    """As the real API, the violation has no value when it is 0; "limit: 0" says it."""
    exceeded = Meter().admit(Limits(requests_per_day=0), tokens=1, now=NOON)
    body = refuse(exceeded, model=MODEL, bare=False).body
    assert b"limit: 0, model: gemini-3.5-flash-lite" in body
    assert b"quotaValue" not in body


async def test_as_a_process_it_takes_limits_as_flags():
    """The flags for requests and tokens per minute and requests per day are enforced."""
    flags = ("--requests-per-minute", "2", "--tokens-per-minute", "9000", "--requests-per-day", "2")
    with gemini(*flags) as url:
        async with sdk(url) as client:
            await ask(client)
            await ask(client)
            assert len(quota_ids(await refused(client))) == 2
        assert counters(url)["limited"] == 1
