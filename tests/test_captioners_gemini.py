"""GeminiCaptioner: the real SDK against a real server on loopback."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import subprocess
import sys
import traceback
from pathlib import Path

import aiohttp
import pytest
from gemini_helpers import KEY, opened, question

from captiond.captioners.prompts import REPLY_SCHEMA
from captiond.errors import (
    CaptiondError,
    CaptionerBusy,
    CaptionerSilent,
    CaptionerStopped,
    CaptionerUnreachable,
    CaptionRefused,
    ImageRejected,
    ReplyUnusable,
)
from captiond.models import Description, Usage
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_server import FIXED, GeminiServer
from captiond.testing.gemini_wire import ReceivedRequest


async def reached(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 a count has no event
            await asyncio.sleep(0)


def raise_outcome(reply) -> None:
    raise reply.outcome


async def test_a_photo_is_described_word_for_word():
    """The words, the model and the tokens of the answer come back as they were sent."""
    words = Description(
        caption="Ein Hund läuft am Strand.",
        title="Hund am Strand",
        alt_text="Laufender Hund",
        keywords=("hund", "strand"),
        text="NO DOGS\nALLOWED",
    )

    async def answer(_: ReceivedRequest) -> Description:
        return words

    async with GeminiServer(answer=answer) as server, opened(server.base_url) as captioner:
        reply = await captioner.caption(question())
    assert reply.description == words
    assert reply.model == "gemini-3.5-flash-lite"
    assert reply.usage == Usage(input=reply.usage.input, output=reply.usage.output)
    assert reply.usage.input > 1080
    assert captioner.paid


async def test_the_server_receives_what_was_sent():
    """The image arrives byte for byte, with the prompt and the schema, and nothing else is set."""
    async with GeminiServer(keep=1) as server, opened(server.base_url) as captioner:
        asked = question()
        await captioner.caption(asked)
    (received,) = server.received
    assert received.image == asked.image.data
    assert "-" in received.data or "_" in received.data, "URL-safe base64 is what the SDK sends"
    assert received.mime == "image/jpeg"
    assert received.prompt == asked.recipe.prompt
    assert received.config == {
        "maxOutputTokens": 4608,
        "responseMimeType": "application/json",
        "responseJsonSchema": REPLY_SCHEMA,
    }


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.quota_per_minute(), CaptionerBusy),
        (faults.quota_per_day(), CaptionerBusy),
        (faults.quota_zero(), CaptionerStopped),
        (faults.quota_bare(), CaptionerBusy),
        (faults.prepayment_depleted(), CaptionerStopped),
        (faults.overloaded(), CaptionerBusy),
        (faults.internal_error(), CaptionerBusy),
        (faults.deadline_exceeded(), CaptionerBusy),
        (faults.bad_key(), CaptionerStopped),
        (faults.suspended_key(KEY), CaptionerStopped),
        (faults.bad_location(), CaptionerStopped),
        (faults.bad_image(), ImageRejected),
        (faults.html(), CaptionerUnreachable),
        (faults.html(403), CaptionerUnreachable),
        (faults.html(502), CaptionerBusy),
        (faults.truncated_json(), CaptionerUnreachable),
        (faults.truncated_json(503), CaptionerUnreachable),
        (faults.empty_candidates(), ReplyUnusable),
        (faults.blocked_prompt("PROHIBITED_CONTENT"), CaptionRefused),
        (faults.blocked_answer("RECITATION"), CaptionRefused),
        (faults.max_tokens(), ReplyUnusable),
        (faults.max_tokens('{"caption": "A ca'), ReplyUnusable),
        (faults.wrong_types(), ReplyUnusable),
        (faults.reset_mid_body(), CaptionerSilent),
    ],
)
async def test_each_fault_is_asked_once_and_has_its_error(fault, error):
    """A fault is one request, never retried in secret, and the next photo is asked as usual."""
    async with GeminiServer(script=[fault]) as server, opened(server.base_url) as captioner:
        with pytest.raises(CaptiondError) as caught:
            raise_outcome(await captioner.caption(question()))
        assert type(caught.value) is error
        assert server.counters.requests == 1
        assert (await captioner.caption(question())).description == FIXED
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told + repr(caught.value)


async def test_a_connection_lost_while_it_is_used_again_is_one_request():
    """A kept connection that breaks is not asked twice: the request may have been paid for."""
    script = [None, faults.reset_mid_body()]
    async with GeminiServer(script=script) as server, opened(server.base_url) as captioner:
        await captioner.caption(question())
        with pytest.raises(CaptionerUnreachable):
            await captioner.caption(question())
        assert server.counters.requests == 2


async def test_a_delay_in_the_answer_is_handed_on():
    """The wait that a 429 asks for reaches the caller to the fraction."""
    script = [faults.quota_per_minute("45.837906927s")]
    async with GeminiServer(script=script) as server, opened(server.base_url) as captioner:
        with pytest.raises(CaptionerBusy) as caught:
            await captioner.caption(question())
    assert caught.value.retry_after == 45.837906927


async def test_a_fenced_reply_is_read():
    """A model that wraps its JSON in a fence is understood."""
    script = [faults.fenced_json()]
    async with GeminiServer(script=script) as server, opened(server.base_url) as captioner:
        assert (await captioner.caption(question())).description.title == "Cat"


async def test_silence_ends_with_the_timeout():
    """A server that never answers is out of reach once the time is up."""
    async with (
        GeminiServer(script=[faults.silence()]) as server,
        opened(server.base_url, timeout_seconds=0.2) as captioner,
    ):
        with pytest.raises(CaptionerUnreachable, match=r"gemini\.timeout_seconds"):
            await captioner.caption(question())
        assert server.counters.requests == 1


async def test_nobody_there_is_out_of_reach_at_once():
    """A refused connection is told by its host, without a hidden second try."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        async with opened(f"http://127.0.0.1:{reserved.getsockname()[1]}") as captioner:
            async with asyncio.timeout(0.9):  # the SDK's own hidden retry sleeps 1 to 10 s
                with pytest.raises(CaptionerUnreachable, match=r"127\.0\.0\.1: .*refused"):
                    await captioner.caption(question())


async def test_an_address_that_is_none_stops_asking():
    """A base_url without a host is a setting to correct."""
    async with opened("http://") as captioner:
        with pytest.raises(CaptionerStopped, match="base_url"):
            await captioner.caption(question())


async def test_a_cancelled_call_is_cancelled():
    """Cancelling is not an error of the captioner."""
    async with (
        GeminiServer(script=[faults.silence()]) as server,
        opened(server.base_url) as captioner,
    ):
        asking = asyncio.create_task(captioner.caption(question()))
        await reached(lambda: server.counters.requests == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_two_hundred_calls_at_once_are_two_hundred_requests():
    """Flaky answers among many are counted exactly: one request per call."""
    script = itertools.islice(itertools.cycle([None, faults.overloaded(), None, None]), 200)
    async with (
        GeminiServer(script=script, latency_seconds=0.2) as server,
        opened(server.base_url) as captioner,
    ):
        calls = (captioner.caption(question()) for _ in range(200))
        replies = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(reply, CaptionerBusy) for reply in replies) == 50
        counters = server.counters
        assert (counters.requests, counters.answered, counters.refused) == (200, 150, 50)
        assert counters.peak > 50


async def test_simultaneous_calls_leave_the_loop_its_turns():
    """Between two requests of many the loop turns: 64 bodies are never built in one go."""
    turn, starts = 0, []

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def note(*_: object) -> None:
        starts.append(turn)

    async with GeminiServer() as server, opened(server.base_url) as captioner:
        tracing = aiohttp.TraceConfig()
        tracing.on_request_start.append(note)
        tracing.freeze()
        captioner._session.trace_configs.append(tracing)
        counting = asyncio.create_task(count_turns())
        await asyncio.gather(*(captioner.caption(question()) for _ in range(64)))
        counting.cancel()
    assert len(starts) == len(set(starts)) == 64


async def test_the_key_is_in_no_log_and_no_repr(caplog):
    """At the lowest level of every logger the key is not to be read."""
    caplog.set_level(logging.DEBUG)
    script = [faults.suspended_key(KEY), faults.html(), None]
    async with GeminiServer(script=script) as server, opened(server.base_url) as captioner:
        for _ in range(2):
            with pytest.raises(CaptiondError) as caught:
                await captioner.caption(question())
            logging.getLogger("test").error("failed", exc_info=caught.value)
        await captioner.caption(question())
        assert KEY not in repr(captioner)
    assert KEY not in caplog.text


async def test_a_body_over_a_mebibyte_is_sent_without_a_warning():
    """A large image makes no noise (warnings are errors here)."""
    async with GeminiServer(keep=1) as server, opened(server.base_url) as captioner:
        await captioner.caption(question(os.urandom(2_000_000)))
        assert len(server.received[0].image) == 2_000_000


PROGRAM = """
import asyncio, sys
from captiond.captioners.gemini import GeminiCaptioner
assert "google.genai" not in sys.modules
from captiond.settings import GeminiSettings
from gemini_helpers import question

async def main():
    captioner = await GeminiCaptioner.open(GeminiSettings(base_url=sys.argv[1]), "k")
    print((await captioner.caption(question())).description.title)
    await captioner.aclose()

asyncio.run(main())
"""


async def test_a_strange_environment_changes_nothing():
    """Proxies, Vertex switches and other addresses in the environment do not reroute loopback."""
    dead = "http://127.0.0.1:9"
    environment = {
        **os.environ,
        "HTTP_PROXY": dead,
        "http_proxy": dead,
        "ALL_PROXY": dead,
        "NO_PROXY": "",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_GENAI_USE_ENTERPRISE": "true",
        "GOOGLE_GEMINI_BASE_URL": dead,
        "GOOGLE_GENAI_API_VERSION": "v0",
        "GOOGLE_API_KEY": "another",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    async with GeminiServer(api_key="k") as server:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-X", "dev", "-c", PROGRAM, server.base_url],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.stdout, done.returncode) == (f"{FIXED.title}\n", 0), done.stderr
    assert "Unclosed" not in done.stderr
