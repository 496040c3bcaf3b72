"""Says beforehand how many tokens a request takes: about so many, and at most so many."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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

LONGEST_ANSWER_TOKENS = 2000
"""What a reply of the lengths that the schema asks for takes at most."""

THOUGHTS: Mapping[str, int] = {"minimal": 0, "low": 250, "medium": 700, "high": 2000}
"""By thinking level, for one photo: a guess, until the ledger knows better."""

MOST_THOUGHTS: Mapping[str, int] = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576}
"""The budgets that Google gives for the levels; a model that is asked not to may think a little."""


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
    """Return what no request takes more than, by what is documented; a reservation is this much.

    No text has more tokens than bytes.
    """
    longest = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return Estimate(
        image_tokens(recipe.model, recipe.media_resolution) + longest + SCHEMA_TOKENS,
        LONGEST_ANSWER_TOKENS + MOST_THOUGHTS[_level(recipe)],
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
    """Return how much the model thinks by this recipe; what is not known counts as much."""
    if recipe.thinking:
        return recipe.thinking
    if recipe.origin != "gemini" or "-lite" in recipe.model:
        return "minimal"
    if re.search(r"gemini-2\.5-flash", recipe.model):
        return "minimal"  # captiond turns its thinking off, see `captioners.gemini`
    return "medium" if "flash" in recipe.model else "high"
