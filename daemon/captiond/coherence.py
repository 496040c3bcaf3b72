"""Says which settings do not go together, before anybody is asked."""

from __future__ import annotations

from collections.abc import Iterator

from captiond.generations import thinking_levels
from captiond.settings import GeminiSettings


def contradictions(gemini: GeminiSettings) -> Iterator[str]:
    """Yield a sentence for each setting that another one rules out."""
    levels = thinking_levels(gemini.model)
    if gemini.thinking and levels is not None and gemini.thinking not in levels:
        choices = ", ".join(f'"{level}"' for level in levels) or "none at all"
        yield (
            f'gemini.thinking: {gemini.model} does not take "{gemini.thinking}"; it takes {choices}'
        )
    vertex = gemini.vertex
    if vertex.location and not vertex.project:
        yield "gemini.vertex.project: is missing; it names the Google Cloud project"
    if not vertex.project:
        return
    # Its batches read and write Cloud Storage alone, its tiers go by a header of their own.
    for key, value in (("tier", gemini.tier), ("backlog", gemini.backlog)):
        if value != "standard":
            yield f'gemini.{key}: "{value}" is not for Vertex AI here; set it to "standard"'
