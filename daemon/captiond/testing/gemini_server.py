"""Serves the Gemini API on loopback: for the demo, for tests, for benchmarks.

    async with GeminiServer(script=[quota_per_minute(), None]) as server:
        ...  # ask server.base_url: first a 429, then answers

As a process, `python -m captiond.testing.gemini_server --latency 1.0` prints its URL as the first
line. Beside the API it serves

GET  /counters   what it has seen
GET  /moments    when requests came in and good answers went out
GET  /contents   how often each image was paid for, by the sha256 of its bytes
POST /standing   the name of a fault that every request meets from now on; an empty body = none;
                 with ?tier=flex, every flex request
POST /limits     the limits from now on, as JSON; {} = none
POST /batches/release   lets go of the batch jobs that are held
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from aiohttp import web

from captiond.testing import gemini_wire as wire
from captiond.testing.gemini_batches import Batches
from captiond.testing.gemini_conditions import FIXED, Answer, Conditions, Counters, answer_fixed
from captiond.testing.gemini_delivery import deliver
from captiond.testing.gemini_fault import Fault, Refused
from captiond.testing.gemini_faults import NAMED
from captiond.testing.gemini_files import Files
from captiond.testing.gemini_jobs import Jobs
from captiond.testing.gemini_limits import Limits, Meter, refuse
from captiond.testing.gemini_models import (
    check_open,
    describe_model,
    find_model,
    list_models,
    page,
)
from captiond.testing.gemini_wire import ReceivedRequest

__all__ = ["FIXED", "Answer", "GeminiServer", "answer_fixed"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LARGEST_REQUEST_BYTES = 200 * 2**20
MOMENTS = 100_000


@dataclass(kw_only=True, eq=False)
class GeminiServer(Conditions):
    """A Gemini API on 127.0.0.1, under conditions.

    `asked_at` and `answered_at` are the moments of the newest requests and good answers, in
    seconds of the monotonic clock, which all processes of a machine share. `contents` tells how
    often an image was paid for, by the sha256 of its bytes in hex.
    """

    counters: Counters = field(default_factory=Counters, init=False)
    contents: Counter[str] = field(default_factory=Counter, init=False)
    base_url: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.received: deque[ReceivedRequest] = deque(maxlen=self.keep)
        self.asked_at: deque[float] = deque(maxlen=MOMENTS)
        self.answered_at: deque[float] = deque(maxlen=MOMENTS)
        self._script = iter(self.script)
        self._flex_script = iter(self.flex_script)
        self._meters: dict[str, Meter] = {}
        self._files = Files(self, self.counters)
        self._jobs = Jobs(self, self.counters, files=self._files, run_item=self._run_item)
        self._batches = Batches(self, self._jobs, files=self._files)
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
        app.add_routes([*self._api_routes(), *self._control_routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._jobs.resume()

    async def aclose(self) -> None:
        """Stop listening; whoever waits for an answer loses the connection; jobs wait."""
        self._closing.set()
        await self._jobs.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def _api_routes(self) -> list[web.RouteDef]:
        files, batches, guard = self._files, self._batches, self._guard
        return [
            web.post("/{version}/models/{model}:generateContent", self._generate),
            web.post("/{version}/models/{model}:batchGenerateContent", guard(self._create_batch)),
            web.get("/{version}/models/{model}", self._model),
            web.get("/{version}/models", self._models),
            web.post("/upload/{version}/files", self._upload),
            web.get("/{version}/files/{id}:download", guard(files.download)),
            web.get("/download/{version}/files/{id}:download", guard(files.download)),
            web.get("/{version}/files/{id}", guard(files.get)),
            web.delete("/{version}/files/{id}", guard(files.delete)),
            web.get("/{version}/files", guard(files.list)),
            web.post("/{version}/batches/{id}:cancel", guard(batches.cancel)),
            web.get("/{version}/batches/{id}", guard(batches.get)),
            web.delete("/{version}/batches/{id}", guard(batches.delete)),
            web.get("/{version}/batches", guard(batches.list)),
        ]

    def _control_routes(self) -> list[web.RouteDef]:
        return [
            web.get("/counters", self._counters),
            web.get("/moments", self._moments),
            web.get("/contents", self._contents),
            web.post("/standing", self._stand),
            web.post("/limits", self._limit),
            web.post("/batches/release", self._batches.release),
        ]

    def _guard(self, handle: Handler) -> Handler:
        """Return a handler that lets in whom the API lets in, and tells refusals."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._admit(request)
                return await handle(request)
            except Refused as refused:
                return await self._fail(request, refused.fault)

        return guarded

    def _admit(self, request: web.Request) -> None:
        wire.check_caller(request.headers, api_key=self.api_key)
        if self.batch_standing is not None:
            raise Refused(self.batch_standing)

    async def _create_batch(self, request: web.Request) -> web.StreamResponse:
        model = self._find_model(request, method="batchGenerateContent")
        return await self._batches.create(request, model)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if "upload_id" in request.query:
            return await self._files.upload(request)
        return await self._guard(self._files.start)(request)

    async def _run_item(self, model: str, document: Any) -> dict[str, Any]:
        received = wire.read_document(model, document, batch=True)
        self.received.append(received)
        return await self._answer_one(received)

    def release_batches(self) -> None:
        """Let go of the batch jobs that are held."""
        self._jobs.release()

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        self.counters.requests += 1
        self.asked_at.append(time.monotonic())
        self.counters.in_flight += 1
        self.counters.peak = max(self.counters.peak, self.counters.in_flight)
        try:
            received = await self._receive(request)
            body = await self._answer_one(received)
        except Refused as refused:
            self.counters.refused += 1
            return await self._fail(request, refused.fault)
        finally:
            self.counters.in_flight -= 1
        self.counters.answered += 1
        self.answered_at.append(time.monotonic())
        tier = self.downgrade_to or received.tier
        return web.json_response(body, headers={"x-gemini-service-tier": tier})

    async def _receive(self, request: web.Request) -> ReceivedRequest:
        """Read a question; raises Refused for one that is not to be answered."""
        wire.check_caller(request.headers, api_key=self.api_key)
        model = self._find_model(request, method="generateContent")
        received = wire.read_request(model, await request.read(), headers=request.headers)
        self.received.append(received)
        self._meter(received)
        fault = self._fault_for(received)
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        if fault is not None:
            raise Refused(fault)
        return received

    def _find_model(self, request: web.Request, *, method: str) -> str:
        names = request.match_info
        model = find_model(names["model"], names["version"], method=method)
        if self.new_project:
            check_open(model)
        return model

    def _fault_for(self, received: ReceivedRequest) -> Fault | None:
        if received.tier == "flex":
            fault = self.flex_standing or next(self._flex_script, None)
            if fault is not None:
                return fault
        return self.standing or next(self._script, None)

    def _meter(self, received: ReceivedRequest) -> None:
        """Refuse what exceeds the limits; such a request is none that was used."""
        meter = self._meters.setdefault(received.model, Meter())
        exceeded = meter.admit(self.limits, tokens=received.tokens, now=time.time())
        if exceeded:
            self.counters.limited += 1
            raise Refused(refuse(exceeded, model=received.model, bare=self.limits.bare))

    async def _answer_one(self, received: ReceivedRequest) -> dict[str, Any]:
        """Answer a question, which is paid for from then on."""
        description = await self.answer(received)
        if received.data:
            self.contents[received.digest] += 1
        return wire.write_answer(
            received,
            description,
            model_version=self.model_version,
            retires_at=self.retires_at,
        )

    async def _fail(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        return await deliver(request, fault, closing=self._closing)

    async def _model(self, request: web.Request) -> web.StreamResponse:
        model = request.match_info["model"]
        try:
            wire.check_caller(request.headers, api_key=self.api_key)
            find_model(model, request.match_info["version"])
        except Refused as refused:
            return await self._fail(request, refused.fault)
        return web.json_response(describe_model(model))

    async def _models(self, request: web.Request) -> web.StreamResponse:
        try:
            wire.check_caller(request.headers, api_key=self.api_key)
        except Refused as refused:
            return await self._fail(request, refused.fault)
        rows = list_models(request.match_info["version"])
        return web.json_response(page(rows, "models", request.query))

    async def _counters(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self.counters))

    async def _moments(self, _: web.Request) -> web.Response:
        return web.json_response({"asked": [*self.asked_at], "answered": [*self.answered_at]})

    async def _contents(self, _: web.Request) -> web.Response:
        return web.json_response(self.contents)

    async def _stand(self, request: web.Request) -> web.Response:
        name = await request.text()
        if name not in {"", *NAMED}:
            raise web.HTTPNotFound(text=f"there is no fault {name}")
        fault = NAMED[name] if name else None
        if request.query.get("tier") == "flex":
            self.flex_standing = fault
        else:
            self.standing = fault
        return web.Response(text=name)

    async def _limit(self, request: web.Request) -> web.Response:
        try:
            self.limits = Limits(**json.loads(await request.read()))
        except (ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"these are no limits: {error}") from error
        return web.json_response(asdict(self.limits))


if __name__ == "__main__":
    from captiond.testing.gemini_process import main

    main()
