"""Counts tokens as the models of each generation do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from captiond.testing.gemini_models import MODELS

CHARACTERS_PER_TOKEN = 4
FIRST_OF_GENERATION_3 = 3

IMAGE_TOKENS: Mapping[str, int] = {"": 1120, "LOW": 280, "MEDIUM": 560, "HIGH": 1120}
ULTRA_HIGH_TOKENS = 2240
"""For a part alone, which generation 3 brought."""

IMAGE_TOKENS_2: Mapping[str, int] = {"": 2048, "LOW": 64, "MEDIUM": 256, "HIGH": 2048}

THOUGHTS: Mapping[str, int] = {"": 0, "minimal": 0, "low": 210, "medium": 640, "high": 1900}
"""What a level makes of one photo; the API tells no numbers, and these are as good as any."""

DYNAMIC_THOUGHTS = 640


def generation(model: str) -> int:
    """Return the generation that a model's name tells."""
    found = re.match(r"gemini-(\d+)", model)
    return int(found[1]) if found else FIRST_OF_GENERATION_3


def image_tokens(model: str, resolution: str, *, of_part: bool = False) -> int:
    """Return what one image counts; raises KeyError for a resolution that the model has not.

    `resolution` is LOW, MEDIUM, HIGH, ULTRA_HIGH or "" for the model's own.
    """
    if generation(model) < FIRST_OF_GENERATION_3:
        return {"": IMAGE_TOKENS_2[""]}[resolution] if of_part else IMAGE_TOKENS_2[resolution]
    if of_part and resolution == "ULTRA_HIGH":
        return ULTRA_HIGH_TOKENS
    return IMAGE_TOKENS[resolution]


def text_tokens(text: str) -> int:
    """Return what a text counts, about."""
    return len(text) // CHARACTERS_PER_TOKEN


def thought_tokens(model: str, thinking: Mapping[str, Any]) -> int:
    """Return what the model thinks before it answers; `thinking` has level and budget, or not."""
    budget = thinking.get("budget")
    if budget is not None:
        return DYNAMIC_THOUGHTS if budget < 0 else min(int(budget), DYNAMIC_THOUGHTS)
    return THOUGHTS[(thinking.get("level") or MODELS[model].default_level).lower()]
