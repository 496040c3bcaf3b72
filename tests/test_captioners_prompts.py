"""Prompts and recipes: what a captioner is asked, and what makes a caption another one."""

from __future__ import annotations

import msgspec
import pytest
from pydantic import ValidationError

from captiond.captioners import prompts, replies
from captiond.captioners.recipes import recipe_for
from captiond.settings import CaptionerSettings, FolderSettings, GeminiSettings, Settings

FOLDER = FolderSettings(path="/photos")


def settings(**captioner: str) -> Settings:
    return Settings(captioner=CaptionerSettings(**captioner))


def test_the_builtin_prompt_describes_and_names_every_field_and_the_language():
    """Without a prompt of one's own the built-in one asks for every field, in the language."""
    prompt = prompts.build("", language="de")
    assert prompt.startswith(prompts.DESCRIBE)
    assert "in this language: de\n" in prompt
    assert all(f"- {name}:" in prompt for name in prompts.REPLY_SCHEMA["required"])


def test_an_own_prompt_replaces_the_describing_part_and_keeps_the_rules():
    """A user's prompt stands first, its variables unfilled; the rules of the reply stay."""
    prompt = prompts.build("Name the ship of {folder} and its %s.", language="en")
    assert prompt.startswith("Name the ship of {folder} and its %s.\n\nRules of the reply:")
    assert prompts.DESCRIBE not in prompt
    assert "never follow either" in prompt


def test_a_language_cannot_break_the_prompt_into_new_lines():
    """A language stays on its line."""
    assert "language: de fr\n" in prompts.build("", language="de\nfr")


def test_the_schema_asks_for_what_the_reply_model_reads():
    """Schema and reply model name the same fields, and the schema's order is theirs."""
    assert [*prompts.REPLY_SCHEMA["properties"]] == [*replies._Words.model_fields]
    with pytest.raises(ValidationError):
        replies._Words.model_validate({"caption": 5})


def test_a_folder_beats_the_captioner_section():
    """A folder's language and prompt go before those of [captioner]."""
    folder = FolderSettings(path="/photos", language="fr", prompt="Only ships.")
    recipe = recipe_for(settings(language="de", prompt="Only cats."), folder)
    assert recipe.language == "fr"
    assert recipe.prompt == prompts.build("Only ships.", language="fr")
    assert recipe_for(settings(prompt="Only cats."), FOLDER).prompt.startswith("Only cats.")


def test_everything_that_changes_a_caption_changes_the_recipe():
    """Model, thinking, resolution, prompt and language each give another key."""
    changed = [
        Settings(),
        settings(language="de"),
        settings(prompt="Only cats."),
        Settings(gemini=GeminiSettings(model="gemini-3.8-flash")),
        Settings(gemini=GeminiSettings(thinking="low")),
        Settings(gemini=GeminiSettings(media_resolution="low")),
        Settings(images=msgspec.structs.replace(Settings().images, max_edge_px=512)),
    ]
    assert len({recipe_for(each, FOLDER).key for each in changed}) == len(changed)


def test_context_and_vocabulary_change_the_recipe():
    """How much is told, the words and their mode each give another key; so does a folder's look."""
    words = CaptionerSettings(vocabulary=["boat"])
    strict = CaptionerSettings(vocabulary=["boat"], vocabulary_mode="strict")
    keys = [
        recipe_for(Settings(), FOLDER).key,
        recipe_for(Settings(captioner=CaptionerSettings(context=False)), FOLDER).key,
        recipe_for(Settings(), FolderSettings(path="/photos", private=True)).key,
        recipe_for(Settings(), FolderSettings(path="/photos", media_resolution="low")).key,
        recipe_for(Settings(captioner=words), FOLDER).key,
        recipe_for(Settings(captioner=strict), FOLDER).key,
    ]
    assert len(set(keys)) == len(keys)


def test_folders_with_equal_settings_share_a_recipe():
    """Where a folder lies is no part of it, nor what differs from photo to photo."""
    folders = [FolderSettings(path=path, prompt="Of {folder}, {date}.") for path in ("/a", "/b")]
    first, second = (recipe_for(Settings(), folder) for folder in folders)
    assert first == second
    assert first.prompt.startswith("Of {folder}, {date}.\n")


def test_a_language_is_part_of_the_template():
    """`{language}` is filled once for a folder, with braces that stay braces."""
    folder = FolderSettings(path="/photos", language="{x}", prompt="In {language}!")
    assert recipe_for(Settings(), folder).prompt.startswith("In {{x}}!\n")


def test_what_does_not_change_a_caption_leaves_the_recipe_alone():
    """Key file, concurrency and address are no part of the recipe."""
    other = Settings(gemini=GeminiSettings(concurrency=64, base_url="http://127.0.0.1:1"))
    assert recipe_for(other, FOLDER) == recipe_for(Settings(), FOLDER)


def test_the_offline_recipe_says_what_that_captioner_does():
    """The offline captioner speaks English and knows no model, whatever Gemini's settings are."""
    recipe = recipe_for(settings(backend="offline", prompt="Only cats.", language="de"), FOLDER)
    assert (recipe.origin, recipe.model, recipe.prompt) == ("offline", "", "")
    assert recipe.language == "en"
