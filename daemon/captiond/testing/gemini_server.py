"""Serves the Gemini API on loopback: for the demo, for tests, for benchmarks.

    async with GeminiServer(script=[quota_per_minute(), None]) as server:
        ...  # ask server.base_url: first a 429, then answers

As a process, `python -m captiond.testing.gemini_server --latency 1.0` prints its URL as the first
line. Beside the API it serves

GET  /counters   what it has seen
GET  /moments    when requests came in and good answers went out
GET  /contents   how often each image was paid for, by the sha256 of its bytes
POST /standing   the name of a fault that every request meets from now on; an empty body = none;
                 with ?tier=flex only flex requests, with ?tier=batch only batches and files
POST /limits     the limits from now on, as JSON; {} = none
POST /batches/release   lets go of the batch jobs that are held
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from captiond.testing import gemini_wire as wire
from captiond.testing.gemini_batches import Batches
from captiond.testing.gemini_conditions import FIXED, Answer, Conditions, answer_fixed
from captiond.testing.gemini_controls import Controls
from captiond.testing.gemini_delivery import Handler, deliver
from captiond.testing.gemini_fault import Fault, Refused
from captiond.testing.gemini_files import Files
from captiond.testing.gemini_jobs import Jobs
from captiond.testing.gemini_limits import Meter, refuse
from captiond.testing.gemini_models import describe_model, find_model, list_models, page
from captiond.testing.gemini_vertex import Vertex, find_publisher_model, resource_exhausted
from captiond.testing.gemini_wire import ReceivedRequest

__all__ = ["FIXED", "Answer", "GeminiServer", "answer_fixed"]

LARGEST_REQUEST_BYTES = 200 * 2**20


@dataclass(kw_only=True, eq=False)
class GeminiServer(Conditions):
    """A Gemini API on 127.0.0.1, and Vertex AI's, under conditions."""

    base_url: str = field(default="", init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._script = iter(self.script)
        self._flex_script = iter(self.flex_script)
        self._meters: dict[str, Meter] = {}
        self._vertex = Vertex(self)
        self._files = Files(self)
        self._jobs = Jobs(self, files=self._files, run_item=self._run_item)
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
        app.add_routes(self._routes())
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

    def release_batches(self) -> None:
        """Let go of the batch jobs that are held."""
        self._jobs.release()

    def _routes(self) -> list[web.RouteDef]:
        guard, vertex = self._guard, self._vertex
        publisher = "/{version}/publishers/google/models"
        on_vertex = "/{version}/projects/{project}/locations/{location}/publishers/google/models"
        return [
            *Controls(self).routes(),
            web.post("/batches/release", self._batches.release),
            web.post("/{version}/models/{model}:generateContent", self._generate),
            web.get("/{version}/models/{model}", guard(self._model)),
            web.get("/{version}/models", guard(self._models)),
            *self._batches.routes(guard),
            *self._files.routes(guard),
            web.post("/token", vertex.token),
            web.post(on_vertex + "/{model}:generateContent", self._generate),
            web.get(publisher + "/{model}", guard(vertex.get)),
            web.get(publisher, guard(vertex.list)),
        ]

    def _guard(self, handle: Handler) -> Handler:
        """Return a handler that lets in whom the API lets in, and tells refusals."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._check_caller(request)
                return await handle(request)
            except Refused as refused:
                return await self._fail(request, refused.fault)

        return guarded

    def _check_caller(self, request: web.Request) -> None:
        if "/publishers/google/models" in request.path:
            self._vertex.check_caller(request.headers)
        else:
            wire.check_caller(request.headers, api_key=self.api_key)

    async def _run_item(self, model: str, document: Any) -> dict[str, Any]:
        received = wire.read_document(model, document, batch=True)
        self.received.append(received)
        return await self._answer_one(received)

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
        self._check_caller(request)
        model = self._find_model(request)
        received = wire.read_request(
            model,
            await request.read(),
            headers=request.headers,
            project=request.match_info.get("project", ""),
        )
        self.received.append(received)
        self._meter(received)
        fault = self._fault_for(received)
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        if fault is not None:
            raise Refused(fault)
        return received

    def _find_model(self, request: web.Request) -> str:
        names = request.match_info
        if "project" in names:
            return find_publisher_model(names)
        return find_model(
            names["model"],
            names["version"],
            method="generateContent",
            new_project=self.new_project,
        )

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
            raise Refused(
                resource_exhausted()
                if received.project
                else refuse(exceeded, model=received.model, bare=self.limits.bare)
            )

    async def _answer_one(self, received: ReceivedRequest) -> dict[str, Any]:
        """Answer a question, which is paid for from then on."""
        description = await self.answer(received)
        if received.data:
            self.contents[received.digest] += 1
        return wire.write_answer(
            received,
            description,
            model_version=self.model_version,
            retires_at="" if received.project else self.retires_at,
        )

    async def _fail(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        return await deliver(request, fault, closing=self._closing)

    async def _model(self, request: web.Request) -> web.StreamResponse:
        model = request.match_info["model"]
        find_model(model, request.match_info["version"])
        return web.json_response(describe_model(model))

    async def _models(self, request: web.Request) -> web.StreamResponse:
        rows = list_models(request.match_info["version"])
        return web.json_response(page(rows, "models", request.query))


if __name__ == "__main__":
    from captiond.testing.gemini_process import main

    main()
