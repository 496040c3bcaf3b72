"""Decides the recipe of a folder's captions: everything that changes them, as one value."""

from __future__ import annotations

from captiond.captioners import prompts
from captiond.captioners.context import FULL, PRIVATE
from captiond.captioners.vocabulary import Vocabulary
from captiond.models import Recipe
from captiond.settings import FolderSettings, Settings


def vocabulary_of(settings: Settings) -> Vocabulary:
    """Return the vocabulary that all folders share."""
    captioner = settings.captioner
    return Vocabulary.of(captioner.vocabulary, strict=captioner.vocabulary_mode == "strict")


def recipe_for(
    settings: Settings, folder: FolderSettings, vocabulary: Vocabulary | None = None
) -> Recipe:
    """Return the recipe for the photos of `folder`; what it leaves "" is as in `[captioner]`.

    `vocabulary` is that of the settings; built here if it is not at hand, 0.1 s for 50,000 words.
    """
    captioner, words = settings.captioner, vocabulary or vocabulary_of(settings)
    if captioner.backend == "offline":  # its few words are English, whatever is set
        return Recipe(origin="offline", model="", language="en", prompt="", vocabulary=words.key)
    language = folder.language or captioner.language
    prompt = folder.prompt or captioner.prompt
    level = PRIVATE if folder.private else FULL
    return Recipe(
        origin="gemini",
        model=settings.gemini.model,
        language=language,
        prompt=prompts.build(prompt, language=language, vocabulary=words),
        thinking=settings.gemini.thinking,
        media_resolution=folder.media_resolution or settings.gemini.media_resolution,
        max_edge_px=settings.images.max_edge_px,
        context=level if captioner.context else "",
        schema=prompts.SCHEMA_KEY,
        vocabulary=words.key,
    )
