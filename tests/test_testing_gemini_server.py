"""The loopback Gemini: it speaks the protocol as the real one does."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from gemini_helpers import JPEG, opened, question
from google import genai
from google.genai import types

from captiond.errors import ImageRejected
from captiond.testing.gemini_server import FIXED, GeminiServer

PATH = "/v1beta/models/gemini-3.5-flash-lite:generateContent"
HEADERS = {"x-goog-api-key": "k"}


def ask(data: str = "", mime: str = "image/jpeg", **config: object) -> dict[str, object]:
    image = {"inlineData": {"data": data or base64.b64encode(JPEG).decode(), "mimeType": mime}}
    contents = [{"role": "user", "parts": [image, {"text": "Describe."}]}]
    return {"contents": contents, "generationConfig": config}


async def post(server: GeminiServer, body: object, path: str = PATH, headers=HEADERS):
    async with (
        aiohttp.ClientSession(server.base_url) as session,
        session.post(path, json=body, headers=headers) as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
async def test_both_alphabets_of_base64_are_understood(encode):
    """An image arrives the same in plain and in URL-safe base64."""
    async with GeminiServer(keep=1) as server:
        status, _ = await post(server, ask(encode(JPEG).decode()))
        assert status == 200
        assert server.received[0].image == JPEG


async def test_an_answer_has_the_form_of_the_api():
    """Candidates, usage, model version and response id are there; without a schema it is text."""
    async with GeminiServer() as server:
        _, plain = await post(server, ask())
        _, asked = await post(server, ask(responseMimeType="application/json"))
    part = plain["candidates"][0]["content"]["parts"][0]
    assert part == {"text": FIXED.caption}
    assert json.loads(asked["candidates"][0]["content"]["parts"][0]["text"])["title"] == FIXED.title
    assert plain["usageMetadata"]["promptTokenCount"] > 1080
    assert plain["modelVersion"] == "gemini-3.5-flash-lite"
    assert plain["responseId"]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"headers": {}}, 403, "unregistered callers"),
        ({"headers": {"x-goog-api-key": "wrong"}}, 400, "API key not valid"),
        ({"headers": HEADERS | {"X-Server-Timeout": "8"}}, 400, "deadline 8s is too short"),
        ({"path": "/v1beta/models/gemini-1:generateContent"}, 404, "models/gemini-1 is not found"),
        ({"body": ask(mime="image/jpg")}, 400, "Unsupported MIME type: image/jpg"),
        ({"body": ask(thinkingConfig={"thinking_level": "XHIGH"})}, 400, "Thinking level XHIGH"),
        (
            {"body": ask(thinkingConfig={"thinkingLevel": "LOW", "thinkingBudget": 0})},
            400,
            "only one of",
        ),
        ({"body": ask(responseJsonSchema={})}, 400, "response mime type"),
        ({"body": []}, 400, "Invalid JSON payload"),
    ],
)
async def test_what_the_api_refuses_is_refused(change, status, message):
    """Key, deadline, model, image type, thinking and schema are checked, in the API's words."""
    async with GeminiServer(api_key="k") as server:
        arguments = {"body": ask(), "path": PATH, "headers": HEADERS} | change
        got, body = await post(server, **arguments)
        assert got == body["error"]["code"] == status
        assert message in body["error"]["message"]
        assert (server.counters.requests, server.counters.refused) == (1, 1)


async def test_models_are_listed_in_pages():
    """The SDK's own pager finds every model, however small the pages."""
    async with GeminiServer() as server, aiohttp.ClientSession() as session:
        options = types.HttpOptions(base_url=server.base_url, aiohttp_client=session)
        client = genai.Client(api_key="k", enterprise=False, http_options=options)
        pager = await client.aio.models.list(config={"page_size": 2})
        names = [model.name async for model in pager]
        await client.aio.aclose()
        client.close()
    assert "models/gemini-3.5-flash-lite" in names
    assert len(names) == len(set(names)) == 11


async def test_memory_of_requests_is_bounded():
    """Only as many requests are kept as were asked for."""
    async with GeminiServer(keep=2) as server, opened(server.base_url) as captioner:
        for data in (b"one", b"two", b"three"):
            await captioner.caption(question(data))
        assert [request.image for request in server.received] == [b"two", b"three"]


@contextmanager
def running(*arguments: str):
    command = [sys.executable, "-m", "captiond.testing.gemini_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


async def test_as_a_process_it_tells_its_address_counts_and_ends_when_told():
    """The first line is the URL, /counters is JSON, and SIGTERM ends it well."""
    with running("--latency", "0.01") as (process, url):
        async with opened(url) as captioner:
            await asyncio.gather(*(captioner.caption(question()) for _ in range(5)))
        async with aiohttp.ClientSession() as session, session.get(f"{url}/counters") as response:
            counters = await response.json()
    assert counters["requests"] == counters["answered"] == 5
    assert process.returncode == 0


async def test_the_offline_answer_looks_at_the_very_image():
    """With --answer offline the words come from the pixels that were sent."""
    photo = Path(__file__).with_name("photos").joinpath("flower.jpg").read_bytes()
    with running("--answer", "offline") as (_, url):
        async with opened(url) as captioner:
            reply = await captioner.caption(question(photo))
            bad = await captioner.caption(question(b"no image at all"))
    assert "described from the file alone" in reply.description.caption
    assert reply.description != FIXED
    assert isinstance(bad.outcome, ImageRejected)
