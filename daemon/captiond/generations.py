"""Knows what the generations of Gemini take where they differ: how they think, and for how long.

2.5 takes a budget in tokens and 3.x a level; 2.5 Pro cannot do without, older ones cannot think.
What a model newer than these takes is not known here: then it is up to the service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LEVELS = ("minimal", "low", "medium", "high")
BUDGETS: Mapping[str, int] = {"": 0, "minimal": 0, "low": 1024, "medium": 8192, "high": 24576}
"""Tokens for generation 2.5; as Google maps its levels, and 0 where nothing is said."""

LONGEST_ANSWER_TOKENS = 4096
"""All lengths that are asked for, with a full page of text read in the picture."""

MOST_THOUGHTS: Mapping[str, int] = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576}
"""The budgets that Google gives for the levels; a model that is asked not to may think a little."""

_NAMED = re.compile(r"gemini-(\d+)\.(\d+)")
_LEVELS, _BUDGETS, _NEWEST = (3, 0), (2, 5), (3, 8)
_NEVER_MINIMAL = (3, 7)
"""From this Flash on, as Pro always, minimal is a 400; Flash-Lite takes it."""


def generation(model: str) -> tuple[int, int] | None:
    """Return the generation in a model's name, None where it tells none (an alias)."""
    found = _NAMED.search(model)
    return (int(found[1]), int(found[2])) if found else None


def takes_budget(model: str) -> bool:
    """Tell whether the model is told a number of tokens and not a level."""
    known = generation(model)
    return known is not None and known < _LEVELS


def thinking_levels(model: str) -> tuple[str, ...] | None:
    """Return the values of gemini.thinking that the model takes, None where that is not known."""
    known = generation(model)
    if known is None or known > _NEWEST:
        return None
    if known < _BUDGETS:
        return ()
    lite, pro = "-lite" in model, "-pro" in model
    return LEVELS[1:] if pro or (known >= _NEVER_MINIMAL and not lite) else LEVELS


def thinking_budget(model: str, level: str) -> int | None:
    """Return the budget of a model that takes one, None for its own default."""
    by_itself = "-pro" in model or generation(model) != _BUDGETS
    return None if by_itself and not level else BUDGETS[level]


def most_output_tokens(model: str, thinking: str) -> int:
    """Return what a request is let to take in answer and thoughts; more would be a loop.

    It is sent along, so that no request costs more than was reserved for it.
    """
    thoughts = 0 if thinking_levels(model) == () else MOST_THOUGHTS[level(model, thinking)]
    return LONGEST_ANSWER_TOKENS + thoughts


def level(model: str, thinking: str) -> str:
    """Return how much a model thinks that is told `thinking`; what is not known counts as much."""
    if thinking:
        return thinking
    if "-lite" in model or re.search(r"gemini-2\.5-flash", model):
        return "minimal"  # captiond turns the thinking of 2.5 off, see `thinking_budget`
    return "medium" if "flash" in model else "high"
