"""Serves the Gemini API on loopback: for the demo, for tests, for benchmarks.

    async with GeminiServer(script=[quota_per_minute(), None]) as server:
        ...  # ask server.base_url: first a 429, then answers

As a process, `python -m captiond.testing.gemini_server --latency 1.0` prints its URL as the first
line, serves its counters under /counters and the moments of requests and answers under /moments;
POST /standing with the name of a fault has every request meet it, with an empty body none.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Self

from aiohttp import web

from captiond.models import Description
from captiond.testing import gemini_wire as wire
from captiond.testing.gemini_faults import NAMED, Fault, Manner
from captiond.testing.gemini_wire import ReceivedRequest

Answer = Callable[[ReceivedRequest], Awaitable[Description]]

LARGEST_REQUEST_BYTES = 200 * 2**20
MOMENTS = 100_000
DRIPS = 20

FIXED = Description(
    caption="A grey cat sleeps on a red sofa beside a window.",
    title="Sleeping cat",
    alt_text="Grey cat asleep on a red sofa",
    keywords=("cat", "sofa", "window", "sleep", "red"),
    text="",
)


async def answer_fixed(request: ReceivedRequest) -> Description:  # noqa: ARG001 an Answer
    """Describe every photo in the same words, without a look at it."""
    return FIXED


@dataclass(slots=True)
class Counters:
    """What the server has seen; `refused` were answered with anything but a caption."""

    requests: int = 0
    answered: int = 0
    refused: int = 0
    in_flight: int = 0
    peak: int = 0


class GeminiServer:
    """A Gemini API on 127.0.0.1; `script` gives one fault per request, None = a good answer.

    After the script every answer is good. While there is a `standing` fault, every request meets
    that one instead, and the script waits. `keep` remembers that many of the newest requests.
    `asked_at` and `answered_at` are the moments of the newest requests and good answers, in
    seconds of the monotonic clock, which all processes of a machine share.
    """

    def __init__(
        self,
        *,
        answer: Answer = answer_fixed,
        latency_seconds: float = 0.0,
        script: Iterable[Fault | None] = (),
        api_key: str | None = None,
        keep: int = 0,
        model_version: str = "",
    ) -> None:
        self.counters = Counters()
        self.received: deque[ReceivedRequest] = deque(maxlen=keep)
        self.asked_at: deque[float] = deque(maxlen=MOMENTS)
        self.answered_at: deque[float] = deque(maxlen=MOMENTS)
        self.standing: Fault | None = None
        self.base_url = ""
        self._answer = answer
        self._model_version = model_version
        self._latency_seconds = latency_seconds
        self._script = iter(script)
        self._api_key = api_key
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; `base_url` says where. After `aclose` it may start again."""
        self._closing.clear()
        app = web.Application(client_max_size=LARGEST_REQUEST_BYTES)
        app.add_routes(
            [
                web.post("/{version}/models/{model}:generateContent", self._generate),
                web.get("/{version}/models/{model}", self._model),
                web.get("/{version}/models", self._models),
                web.get("/counters", self._counters),
                web.get("/moments", self._moments),
                web.post("/standing", self._stand),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def aclose(self) -> None:
        """Stop listening; whoever waits for an answer loses the connection."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        self.counters.requests += 1
        self.asked_at.append(time.monotonic())
        self.counters.in_flight += 1
        self.counters.peak = max(self.counters.peak, self.counters.in_flight)
        try:
            body = await self._describe(request)
        except wire.Refused as refused:
            self.counters.refused += 1
            return await self._fail(request, refused.fault)
        finally:
            self.counters.in_flight -= 1
        self.counters.answered += 1
        self.answered_at.append(time.monotonic())
        return web.Response(body=body, content_type="application/json")

    async def _describe(self, request: web.Request) -> bytes:
        model = request.match_info["model"]
        wire.check_caller(request.headers, api_key=self._api_key)
        wire.check_model(model, request.match_info["version"])
        received = wire.read_request(model, await request.read())
        self.received.append(received)
        fault = self.standing or next(self._script, None)
        if self._latency_seconds:
            await asyncio.sleep(self._latency_seconds)
        if fault is not None:
            raise wire.Refused(fault)
        description = await self._answer(received)
        return wire.write_answer(received, description, model_version=self._model_version)

    async def _fail(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.manner is Manner.SILENCE:
            await self._closing.wait()
        if fault.manner is Manner.RESET:
            half = web.StreamResponse(headers={"Content-Length": "100000"})
            await half.prepare(request)
            await half.write(fault.body)
            if request.transport is not None:
                request.transport.abort()
            return half
        if fault.manner is Manner.DRIP:
            return await self._drip(request, fault)
        return web.Response(status=fault.status, body=fault.body, content_type=fault.content_type)

    async def _drip(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(fault.body))})
        response.content_type = fault.content_type
        await response.prepare(request)
        size = len(fault.body) // DRIPS + 1
        with suppress(ConnectionResetError):  # the client had no patience
            for start in range(0, len(fault.body), size):
                await response.write(fault.body[start : start + size])
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), fault.seconds / DRIPS)
        return response

    async def _model(self, request: web.Request) -> web.StreamResponse:
        model = request.match_info["model"]
        try:
            wire.check_caller(request.headers, api_key=self._api_key)
            wire.check_model(model, request.match_info["version"])
        except wire.Refused as refused:
            return await self._fail(request, refused.fault)
        return web.json_response(wire.describe_model(model))

    async def _models(self, request: web.Request) -> web.StreamResponse:
        try:
            wire.check_caller(request.headers, api_key=self._api_key)
        except wire.Refused as refused:
            return await self._fail(request, refused.fault)
        size = request.query.get("pageSize", "")
        token = request.query.get("pageToken", "")
        return web.json_response(wire.list_models(int(size) if size.isdigit() else 50, token))

    async def _counters(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self.counters))

    async def _moments(self, _: web.Request) -> web.Response:
        return web.json_response({"asked": [*self.asked_at], "answered": [*self.answered_at]})

    async def _stand(self, request: web.Request) -> web.Response:
        name = await request.text()
        if name not in {"", *NAMED}:
            raise web.HTTPNotFound(text=f"there is no fault {name}")
        self.standing = NAMED[name] if name else None
        return web.Response(text=name)


def _answer_named(name: str) -> Answer:
    if name == "fixed":
        return answer_fixed
    from captiond.testing.offline_answer import answer_offline

    return answer_offline


async def _serve(arguments: argparse.Namespace) -> None:
    server = GeminiServer(
        answer=_answer_named(arguments.answer),
        latency_seconds=arguments.latency,
        api_key=arguments.api_key,
        model_version="offline" if arguments.answer == "offline" else "",
    )
    server.standing = NAMED.get(arguments.standing)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await server.start(arguments.port)
    sys.stdout.write(f"{server.base_url}\n")
    sys.stdout.flush()
    try:
        await stopping.wait()
    finally:
        await server.aclose()


def main() -> None:
    """Run the server as a process until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m captiond.testing.gemini_server")
    parser.add_argument("--port", type=int, default=0, help="0 = any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--answer", choices=("fixed", "offline"), default="fixed")
    parser.add_argument("--standing", choices=NAMED, help="every request meets this fault")
    parser.add_argument("--api-key", help="the only key to accept; any without this")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
