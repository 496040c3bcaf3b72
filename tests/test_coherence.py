"""Settings that rule each other out, and the table within a table, are told by their keys."""

from __future__ import annotations

import pytest

from captiond.config import load
from captiond.errors import ConfigError


def loaded(tmp_path, text, **environ):
    path = tmp_path / "config.toml"
    path.write_text(f"[gemini]\n{text}\n")
    return load(path, environ={"HOME": str(tmp_path), **environ}).gemini


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'model = "gemini-3.8-flash"\nthinking = "minimal"',
            (
                'gemini.thinking: gemini-3.8-flash does not take "minimal"; '
                'it takes "low", "medium", "high"'
            ),
        ),
        (
            'model = "gemini-2.0-flash"\nthinking = "low"',
            'gemini.thinking: gemini-2.0-flash does not take "low"; it takes none at all',
        ),
        (
            'backlog = "batch"\nvertex = { project = "p" }',
            'gemini.backlog: "batch" is not for Vertex AI here; set it to "standard"',
        ),
        (
            'tier = "flex"\nvertex = { project = "p" }',
            'gemini.tier: "flex" is not for Vertex AI here; set it to "standard"',
        ),
        (
            'vertex = { location = "global" }',
            "gemini.vertex.project: is missing; it names the Google Cloud project",
        ),
        (
            'vertex = { projekt = "p" }',
            "gemini.vertex.projekt: no such key; did you mean project?",
        ),
        (
            'vertex = { project = "p", location = "evil.example/" }',
            'gemini.vertex.location: must be text (at most 40 characters), not "evil.example/"',
        ),
        ('vertex = "p"', 'gemini.vertex: must be a table of keys, not "p"'),
    ],
)
def test_it_is_told_before_anybody_is_asked(tmp_path, text, problem):
    """One sentence, with the key and what to do."""
    with pytest.raises(ConfigError) as told:
        loaded(tmp_path, text)
    assert told.value.problems == [problem]


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("gemini-3.5-flash-lite", "minimal"),
        ("gemini-3.6-flash", "minimal"),
        ("gemini-3.8-flash", "low"),
        ("gemini-2.5-flash", "minimal"),
        ("gemini-2.5-pro", "low"),
        ("gemini-flash-latest", "minimal"),
        ("gemini-4.2-flash", "minimal"),
    ],
)
def test_what_a_model_takes_or_what_is_not_known_is_left_to_the_service(tmp_path, model, thinking):
    """No model is kept from a level that it may take."""
    text = f'model = "{model}"\nthinking = "{thinking}"'
    assert loaded(tmp_path, text).thinking == thinking


def test_a_table_within_a_table_comes_from_file_and_environment(tmp_path):
    """Each of its keys has a variable of its own."""
    text = 'vertex = { project = "p", location = "europe-west4" }'
    gemini = loaded(tmp_path, text, CAPTIOND_GEMINI_VERTEX_PROJECT="other")
    assert (gemini.vertex.project, gemini.vertex.location) == ("other", "europe-west4")
