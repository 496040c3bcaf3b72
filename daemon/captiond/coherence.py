"""Says which settings do not go together, before anybody is asked."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from captiond.generations import thinking_levels
from captiond.settings import DownloadsSettings, GeminiSettings


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


def no_networks(downloads: DownloadsSettings) -> Iterator[str]:
    """Yield a sentence for each inside address to be reached that is none."""
    for at, text in enumerate(downloads.allow_private):
        try:
            ipaddress.ip_network(text)
        except ValueError:
            yield (
                f'downloads.allow_private[{at}]: must be an address or a network, "192.168.1.20" '
                f'or "192.168.1.0/24", not "{text}"'
            )
