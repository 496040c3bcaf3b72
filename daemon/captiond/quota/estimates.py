"""Says beforehand how many tokens a request takes: about so many, and at most so many."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from captiond.generations import level, most_output_tokens
from captiond.models import Recipe, Usage

IMAGE_TOKENS: Mapping[str, int] = {
    "": 1120,
    "low": 280,
    "medium": 560,
    "high": 1120,
    "ultra_high": 2240,
}
"""By media_resolution, from generation 3 on; https://ai.google.dev/gemini-api/docs/media-resolution.
Tokens do not depend on the size of the image."""

IMAGE_TOKENS_2: Mapping[str, int] = {"": 2048, "low": 64, "medium": 256, "high": 2048}
"""Of generation 2, which knows no ultra_high and counts it as its own."""

CHARACTERS_PER_TOKEN = 4
"""Of ASCII text, as Google says; any other character counts as a token."""

SCHEMA_TOKENS = 500
"""What the reply's schema may count, on top of the texts."""

ANSWER_TOKENS = 250
"""A guess for a model that has not answered yet: a caption, ten keywords, a few words of text."""

THOUGHTS: Mapping[str, int] = {"minimal": 0, "low": 250, "medium": 700, "high": 2000}
"""By thinking level, for one photo: a guess, until the ledger knows better."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens of a request; the output holds the thinking."""

    input_tokens: int
    output_tokens: int

    @property
    def usage(self) -> Usage:
        """The same as usage, to be priced."""
        return Usage(self.input_tokens, self.output_tokens)


def estimate(
    recipe: Recipe, texts: Sequence[str], *, recent_output: float | None = None
) -> Estimate:
    """Return about what a request takes that sends these texts beside the image.

    `recent_output` is the average of what the recipe's latest answers took, None before any came.
    """
    guess = ANSWER_TOKENS + THOUGHTS[_level(recipe)]
    return Estimate(
        image_tokens(recipe.model, recipe.media_resolution) + sum(map(text_tokens, texts)),
        guess if recent_output is None else round(recent_output),
    )


def most(recipe: Recipe, texts: Sequence[str]) -> Estimate:
    """Return what no request takes more than; a reservation is this much.

    The output is sent along as its limit; no text has more tokens than bytes.
    """
    longest = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return Estimate(
        image_tokens(recipe.model, recipe.media_resolution) + longest + SCHEMA_TOKENS,
        most_output_tokens(recipe.model, recipe.thinking),
    )


def image_tokens(model: str, media_resolution: str) -> int:
    """Return what one image counts; `media_resolution` "" is the model's own."""
    generation = re.search(r"gemini-(\d+)", model)
    if generation is None or int(generation[1]) > 2:  # noqa: PLR2004 the generation of Gemini
        return IMAGE_TOKENS[media_resolution]
    return IMAGE_TOKENS_2.get(media_resolution, IMAGE_TOKENS_2[""])


def text_tokens(text: str) -> int:
    """Return about what a text counts."""
    ascii_characters = sum(map(str.isascii, text))
    return len(text) - ascii_characters + ascii_characters // CHARACTERS_PER_TOKEN


def _level(recipe: Recipe) -> str:
    """Return how much is thought by this recipe."""
    return level(recipe.model, recipe.thinking) if recipe.origin == "gemini" else "minimal"
