"""Lists the models that can caption photos."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from captiond.captioners.gemini import GeminiCaptioner
from captiond.captioners.wording import line

TIMEOUT_SECONDS = 30.0
A_PAGE = 1000
NAME_CHARACTERS = 100
_FOR_SOMETHING_ELSE = re.compile(
    r"embedding|tts|audio|live|image|robotics|computer-use|aqa|deep-research"
)
"""Gemini models that speak, draw, or take no JSON schema: the list itself does not tell."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model as the service lists it; `input_tokens` is its limit, None where it is not told."""

    name: str
    title: str
    input_tokens: int | None


async def list_models(captioner: GeminiCaptioner) -> list[ListedModel]:
    """Return the models that the key can use to caption photos, by name; asks nothing paid.

    Raises CaptionerError.
    """
    with captioner.mapped():
        async with asyncio.timeout(TIMEOUT_SECONDS):
            pager = await captioner.client.aio.models.list(
                config={"page_size": A_PAGE, "query_base": True}
            )
            listed = [model async for model in pager]
    found = []
    for model in listed:
        name = line((model.name or "").rpartition("/")[2], NAME_CHARACTERS)
        if can_caption(name, model.supported_actions):
            title = line(model.display_name or "", NAME_CHARACTERS)
            found.append(ListedModel(name, title, model.input_token_limit))
    return sorted(found, key=lambda model: model.name)


def can_caption(name: str, actions: list[str] | None) -> bool:
    """Tell whether a model takes photos and answers in words; Vertex AI tells no actions."""
    generates = actions is None or "generateContent" in actions
    return name.startswith("gemini-") and generates and not _FOR_SOMETHING_ELSE.search(name)
