"""Asks Gemini, by google-genai over aiohttp.

The SDK is imported when a captioner opens (0.5 s, 62 MB), retries nothing by itself (the queue
does), and builds one request per turn of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import anyio
import structlog

from captiond.captioners.base import Question
from captiond.captioners.gemini_client import auth_errors, map_auth_error, open_client
from captiond.captioners.gemini_errors import foreign_errors, map_error
from captiond.captioners.gemini_tiers import (
    answered_tier,
    read_error,
    request_options,
    timeout_seconds,
)
from captiond.captioners.prompts import REPLY_SCHEMA
from captiond.captioners.replies import read_reply
from captiond.errors import CaptiondError, CaptionerStopped, PhotoError
from captiond.generations import most_output_tokens, takes_budget, thinking_budget
from captiond.models import Recipe, Reply, Tier
from captiond.secrecy import redact
from captiond.settings import GeminiSettings

if TYPE_CHECKING:
    from google.genai import Client, types

log = structlog.get_logger()


class GeminiCaptioner:
    """A `Captioner` that asks the Gemini API; one for all workers, on one event loop."""

    paid = True

    def __init__(
        self,
        client: Client,
        session: aiohttp.ClientSession,
        *,
        settings: GeminiSettings,
        timeout_seconds: float,
    ) -> None:
        self._client = client
        self._session = session
        self._model = settings.model
        self._timeout_seconds = timeout_seconds
        self._on_vertex = bool(settings.vertex.project)
        self._auth = auth_errors()
        self._foreign = (*foreign_errors(), *self._auth)
        self._configs: dict[tuple[str, Tier], types.GenerateContentConfig] = {}
        self._turn = asyncio.Lock()
        self._told: frozenset[tuple[str, ...]] = frozenset()

    @classmethod
    async def open(
        cls, settings: GeminiSettings, api_key: str, *, timeout_seconds: float | None = None
    ) -> GeminiCaptioner:
        """Open the one client that all workers share.

        `timeout_seconds` ends a call earlier than the settings say. Raises CaptionerStopped for
        a key that cannot be one, or credentials that are not there; nothing is asked yet.
        """
        client, session = await open_client(settings, api_key)
        timeout = timeout_seconds or settings.timeout_seconds
        return cls(client, session, settings=settings, timeout_seconds=timeout)

    @property
    def client(self) -> Client:
        """The SDK's client, for the other verbs of the same key."""
        return self._client

    async def caption(self, question: Question) -> Reply:
        """Ask once; raises as `Captioner.caption` says."""
        recipe, tier = question.recipe, question.tier
        config = self._configs.get((recipe.key, tier))
        if config is None:
            options = request_options(tier, self._timeout_seconds)
            config = self._configs[recipe.key, tier] = build_config(recipe, **options)
        # One request body costs 3 ms of the loop's time: 64 at once stalled it for 178 to 340 ms.
        async with self._turn:
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(timeout_seconds(tier, self._timeout_seconds)):
                response = await self._client.aio.models.generate_content(
                    model=recipe.model, contents=build_contents(question), config=config
                )
        except self._foreign as error:
            mapped = read_error(error, self._map(error), tier)
            if isinstance(mapped, PhotoError):
                return Reply(mapped, recipe.model)
            raise mapped from self._cause(error)
        http = response.sdk_http_response
        reply = read_reply((http and http.body) or "", model=recipe.model, terms=question.terms)
        reply = replace(reply, tier=answered_tier((http and http.headers) or {}))
        self._tell(reply, tier)
        return reply

    async def check(self) -> str:
        """Look the model up, which is free; raises CaptionerError."""
        with self.mapped():
            async with asyncio.timeout(self._timeout_seconds):
                model = await self._client.aio.models.get(model=self._model)
        if model.supported_actions and "generateContent" not in model.supported_actions:
            raise CaptionerStopped(f"{self._model} cannot describe photos; change gemini.model")
        who = "Vertex AI accepts the credentials" if self._on_vertex else "Gemini accepts the key"
        return f"{who} and knows {self._model} ({model.display_name or 'ready'})"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aio.aclose()
        await anyio.to_thread.run_sync(self._client.close)
        await self._session.close()

    def _tell(self, reply: Reply, tier: Tier) -> None:
        """Tell the operator once what an answer says of the model or the tier, beside the photo."""
        if reply.retires_at and self._is_news(reply.model, reply.retires_at):
            log.warning("model.retires", model=reply.model, at=reply.retires_at)
        if reply.tier not in {"", tier} and self._is_news(reply.model, tier, reply.tier):
            log.warning("tier.changed", model=reply.model, asked=str(tier), answered=reply.tier)

    def _is_news(self, *news: str) -> bool:
        told, self._told = self._told, self._told | {news}
        return news not in told

    @contextmanager
    def mapped(self) -> Iterator[None]:
        """Raise what the SDK raises within as captiond's own; for what is no question."""
        try:
            yield
        except self._foreign as error:
            raise self._map(error) from self._cause(error)

    def _map(self, error: Exception) -> CaptiondError:
        mapped = map_auth_error(error) if isinstance(error, self._auth) else map_error(error)
        if self._on_vertex and getattr(error, "code", None) in {401, 403}:
            return CaptionerStopped(f"Vertex AI does not let these credentials in: {mapped}")
        return mapped

    def _cause(self, error: Exception) -> Exception | None:
        """Return the error for the traceback, unless it tells the key (a suspended one is)."""
        told = f"{error} {error!r}"
        return error if redact(told) == told else None


def build_config(recipe: Recipe, **options: Any) -> types.GenerateContentConfig:
    """Return what is the same for every photo of a recipe; what is not named stays unset.

    `options` are those of the tier.
    """
    from google.genai import types

    resolution = recipe.media_resolution
    shared = resolution not in {"", "ultra_high"}
    return types.GenerateContentConfig(
        response_mime_type="application/json",
        response_json_schema=REPLY_SCHEMA,
        thinking_config=_thinking(recipe.model, recipe.thinking),
        max_output_tokens=most_output_tokens(recipe.model, recipe.thinking),
        media_resolution=(
            types.MediaResolution(f"MEDIA_RESOLUTION_{resolution.upper()}") if shared else None
        ),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,  # it would send again by itself, billed each time
        should_return_http_response=True,  # a fifth of the CPU, and `replies` validates anyway
        **options,
    )


def _thinking(model: str, level: str) -> types.ThinkingConfig | None:
    """Return the thinking in the words of the model's generation, None for its default."""
    from google.genai import types

    if not takes_budget(model):
        return types.ThinkingConfig(thinking_level=types.ThinkingLevel(level)) if level else None
    budget = thinking_budget(model, level)
    return None if budget is None else types.ThinkingConfig(thinking_budget=budget)


def build_contents(question: Question) -> types.Content:
    """Return the image of a question and its texts."""
    from google.genai import types

    ultra = question.recipe.media_resolution == "ultra_high"  # exists per part only
    image = types.Part.from_bytes(
        data=question.image.data,
        mime_type=question.image.mime,
        media_resolution="MEDIA_RESOLUTION_ULTRA_HIGH" if ultra else None,
    )
    texts = [types.Part(text=text) for text in question.texts]
    return types.Content(role="user", parts=[image, *texts])
