"""The real SDK, for tests of the loopback Gemini."""

from __future__ import annotations

from contextlib import asynccontextmanager

import aiohttp
from gemini_helpers import JPEG
from google import genai
from google.genai import types

from captiond.testing.gemini_server import GeminiServer

MODEL = "gemini-3.5-flash-lite"


@asynccontextmanager
async def sdk(server: GeminiServer, **options: object):
    """Open the real SDK over aiohttp; `options` are those of its client."""
    async with aiohttp.ClientSession() as session:
        http = types.HttpOptions(
            base_url=server.base_url,
            api_version=options.pop("api_version", "v1beta"),
            aiohttp_client=session,
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        known = {"api_key": "k", "enterprise": False} | options
        client = genai.Client(**known, http_options=http)
        try:
            yield client.aio
        finally:
            await client.aio.aclose()
            client.close()


def photo(data: bytes = JPEG, *texts: str, resolution: str | None = None) -> types.Content:
    image = types.Part.from_bytes(data=data, mime_type="image/jpeg", media_resolution=resolution)
    parts = [image, *(types.Part(text=text) for text in texts or ("Describe.",))]
    return types.Content(role="user", parts=parts)


def ask(client, model: str = MODEL, contents: types.Content | None = None, **config: object):
    """Ask once, as the real SDK does."""
    return client.models.generate_content(model=model, contents=contents or photo(), config=config)
