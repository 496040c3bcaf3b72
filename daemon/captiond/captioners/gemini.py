"""Asks Gemini, by google-genai over aiohttp.

The SDK is imported when a captioner opens (0.5 s, 62 MB), retries nothing by itself (the queue
does), and builds one request per turn of the event loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import anyio
import structlog

from captiond.captioners.base import Question
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
from captiond.models import Recipe, Reply, Tier
from captiond.secrecy import keep_secret, redact
from captiond.settings import GeminiSettings

if TYPE_CHECKING:
    from google.genai import Client, types

log = structlog.get_logger()

GOOGLE = "https://generativelanguage.googleapis.com"
"""Said always: a stray GOOGLE_GEMINI_BASE_URL must not send photos elsewhere."""

SERVER_DEADLINE_SECONDS = 10
"""The API refuses a deadline (X-Server-Timeout) below this."""

THINKING_BUDGETS = {"": 0, "minimal": 0, "low": 1024, "medium": 8192, "high": 24576}
"""Tokens for the models of generation 2.5, which know no levels; as Google maps its levels."""


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
        self._foreign = foreign_errors()
        self._configs: dict[tuple[str, Tier], types.GenerateContentConfig] = {}
        self._turn = asyncio.Lock()
        self._told: frozenset[tuple[str, ...]] = frozenset()

    @classmethod
    async def open(
        cls, settings: GeminiSettings, api_key: str, *, timeout_seconds: float | None = None
    ) -> GeminiCaptioner:
        """Open the one client that all workers share.

        `timeout_seconds` ends a call earlier than the settings say. Raises CaptionerStopped for
        a key that cannot be one; nothing is asked yet.
        """
        if not re.fullmatch(r"[!-~]+", api_key):
            raise CaptionerStopped("the API key is empty or holds characters that no key holds")
        keep_secret(api_key)
        _quiet_sdk()
        base_url = settings.base_url or GOOGLE
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), trust_env=not _is_loopback(base_url)
        )
        try:
            client = await anyio.to_thread.run_sync(
                _build_client, settings, base_url, api_key, session
            )
        except BaseException:
            await session.close()
            raise
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
        try:
            async with asyncio.timeout(self._timeout_seconds):
                model = await self._client.aio.models.get(model=self._model)
        except self._foreign as error:
            raise self._map(error) from self._cause(error)
        if model.supported_actions and "generateContent" not in model.supported_actions:
            raise CaptionerStopped(f"{self._model} cannot describe photos; change gemini.model")
        return f"Gemini accepts the key and knows {self._model} ({model.display_name or 'ready'})"

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

    def _map(self, error: Exception) -> CaptiondError:
        return map_error(error)

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
        media_resolution=(
            types.MediaResolution(f"MEDIA_RESOLUTION_{resolution.upper()}") if shared else None
        ),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,  # it would send again by itself, billed each time
        should_return_http_response=True,  # a fifth of the CPU, and `replies` validates anyway
        **options,
    )


def _thinking(model: str, level: str) -> types.ThinkingConfig | None:
    """Return the thinking in the words of the model's generation, None for its default.

    2.5 takes a budget and 3.x a level; 2.5 Pro cannot do without, and older ones cannot think.
    """
    from google.genai import types

    generation = re.search(r"gemini-(\d+)\.(\d+)", model)
    if generation is None or int(generation[1]) > 2:  # noqa: PLR2004 the generation of Gemini
        return types.ThinkingConfig(thinking_level=types.ThinkingLevel(level)) if level else None
    if not level and ("-pro" in model or generation[2] != "5"):
        return None
    return types.ThinkingConfig(thinking_budget=THINKING_BUDGETS[level])


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


def _build_client(
    settings: GeminiSettings, base_url: str, api_key: str, session: aiohttp.ClientSession
) -> Client:
    from google import genai
    from google.genai import types

    seconds = max(settings.timeout_seconds, SERVER_DEADLINE_SECONDS)
    return genai.Client(
        api_key=api_key,
        enterprise=False,  # a stray GOOGLE_GENAI_USE_VERTEXAI would reroute every call
        http_options=types.HttpOptions(
            base_url=base_url,
            api_version=settings.api_version,
            timeout=int(seconds * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),
            aiohttp_client=session,
        ),
    )


def _is_loopback(url: str) -> bool:
    """Tell whether the URL stays on this machine, where HTTP_PROXY has no business."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _quiet_sdk() -> None:
    """Keep the SDK's chatter out of the log, and a warning about bodies over 1 MiB."""
    for name in ("google_genai", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", "Sending a large body directly", ResourceWarning)
