"""Decides the recipe of a folder's captions: everything that changes them, as one value."""

from __future__ import annotations

from captiond.captioners import prompts
from captiond.models import Recipe
from captiond.settings import FolderSettings, Settings


def recipe_for(settings: Settings, folder: FolderSettings) -> Recipe:
    """Return the recipe for the photos of `folder`; what it leaves "" is as in `[captioner]`."""
    if settings.captioner.backend == "offline":  # its few words are English, whatever is set
        return Recipe(origin="offline", model="", language="en", prompt="")
    language = folder.language or settings.captioner.language
    return Recipe(
        origin="gemini",
        model=settings.gemini.model,
        language=language,
        prompt=prompts.build(folder.prompt or settings.captioner.prompt, language=language),
        thinking=settings.gemini.thinking,
        media_resolution=settings.gemini.media_resolution,
        max_edge_px=settings.images.max_edge_px,
    )
