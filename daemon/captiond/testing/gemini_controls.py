"""Serves what the real API has not: what was seen, and a hand on the conditions."""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import web

from captiond.testing.gemini_conditions import Conditions
from captiond.testing.gemini_faults import NAMED
from captiond.testing.gemini_limits import Limits


class Controls:
    """The routes for tests, without a key."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/counters", self._counters),
            web.get("/moments", self._moments),
            web.get("/contents", self._contents),
            web.post("/standing", self._stand),
            web.post("/limits", self._limit),
        ]

    async def _counters(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self._conditions.counters))

    async def _moments(self, _: web.Request) -> web.Response:
        asked, answered = self._conditions.asked_at, self._conditions.answered_at
        return web.json_response({"asked": [*asked], "answered": [*answered]})

    async def _contents(self, _: web.Request) -> web.Response:
        return web.json_response(self._conditions.contents)

    async def _stand(self, request: web.Request) -> web.Response:
        name = await request.text()
        if name not in {"", *NAMED}:
            raise web.HTTPNotFound(text=f"there is no fault {name}")
        fault = NAMED[name] if name else None
        match request.query.get("tier"):
            case "flex":
                self._conditions.flex_standing = fault
            case "batch":
                self._conditions.batch_standing = fault
            case _:
                self._conditions.standing = fault
        return web.Response(text=name)

    async def _limit(self, request: web.Request) -> web.Response:
        try:
            self._conditions.limits = Limits(**json.loads(await request.read()))
        except (ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"these are no limits: {error}") from error
        return web.json_response(asdict(self._conditions.limits))
