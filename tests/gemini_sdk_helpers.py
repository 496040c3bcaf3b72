"""The real SDK, for tests of the loopback Gemini."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import aiohttp
from gemini_helpers import JPEG
from google import genai
from google.genai import types

from captiond.testing.gemini_server import GeminiServer

MODEL = "gemini-3.5-flash-lite"


@asynccontextmanager
async def sdk(server: GeminiServer | str, **options: object):
    """Open the real SDK over aiohttp for a server or its URL; `options` are those of its client."""
    async with aiohttp.ClientSession() as session:
        http = types.HttpOptions(
            base_url=server if isinstance(server, str) else server.base_url,
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


def batch_item(data: bytes = JPEG, **metadata: str) -> types.InlinedRequest:
    return types.InlinedRequest(contents=[photo(data)], metadata=metadata or None)


def line(key: str, item: types.InlinedRequest, **config: object) -> str:
    """Return a line of a batch's file, in the form of the REST API."""
    contents = [content.model_dump(mode="json", exclude_none=True) for content in item.contents]
    request = {"contents": contents, "generationConfig": config}
    return f"{json.dumps({'key': key, 'request': request})}\n"
