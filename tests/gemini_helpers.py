"""What the tests of the Gemini captioner share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from captiond.captioners import prompts
from captiond.captioners.base import Question
from captiond.captioners.context import Context
from captiond.captioners.gemini import GeminiCaptioner
from captiond.models import Facts, Photo, Prepared, Recipe
from captiond.settings import GeminiSettings

KEY = "AQ.a-key-that-nobody-may-ever-read"
JPEG = b"\xff\xd8\xff\xfb\xef\xbe\x00?>" * 200
"""Bytes whose base64 differs between the plain and the URL-safe alphabet."""


def question(data: bytes = JPEG, **recipe: str) -> Question:
    facts = Facts(digest="d1", format="JPEG", width=800, height=600)
    fields = {
        "origin": "gemini",
        "model": "gemini-3.5-flash-lite",
        "language": "en",
        "prompt": prompts.build("", language="en"),
    }
    asked = Recipe(**(fields | recipe))
    image = Prepared(data, "image/jpeg", 800, 600, facts)
    return Question(Photo("/photos", "a.jpg"), image, asked, prompts.compose(asked, Context()))


@asynccontextmanager
async def opened(
    base_url: str, *, key: str = KEY, timeout_seconds: float | None = None, **settings: str
) -> AsyncIterator[GeminiCaptioner]:
    captioner = await GeminiCaptioner.open(
        GeminiSettings(base_url=base_url, **settings), key, timeout_seconds=timeout_seconds
    )
    try:
        yield captioner
    finally:
        await captioner.aclose()
