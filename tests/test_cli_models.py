"""`captiond models`: what the key can use, what it costs, what is not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from daemon_helpers import Home, counters, gemini

from captiond.captioners.gemini_models import can_caption

DEFAULT = "gemini-3.5-flash-lite"


def test_it_lists_what_can_caption_with_prices_and_pays_nothing(tmp_path: Path) -> None:
    """Prices by tier at the current settings or "unknown"; the configured one is marked."""
    with gemini() as url:
        home = Home(tmp_path, url)
        models = {one["model"]: one for one in json.loads(home.run("models", "--json").stdout)}
        low = home.path / "config.toml"
        low.write_text(low.read_text().replace("[gemini]", '[gemini]\nmedia_resolution = "low"'))
        cheaper = {one["model"]: one for one in json.loads(home.run("models", "--json").stdout)}
        lines = [line.split("\t") for line in home.run("models").stdout.splitlines()]
        assert counters(url)["requests"] == 0
    assert "gemini-embedding-2" not in models
    assert "imagen-4.0-generate-001" not in models
    assert [name for name, one in models.items() if one["configured"]] == [DEFAULT]
    prices = models[DEFAULT]["usd_per_1000"]
    assert prices["flex"] == prices["batch"] == pytest.approx(prices["standard"] / 2, abs=1e-3)
    assert prices["priority"] > prices["standard"] > cheaper[DEFAULT]["usd_per_1000"]["standard"]
    assert models["gemini-3.8-flash"]["thinking"] == ["low", "medium", "high"]
    assert set(models["gemini-9-experimental"]["usd_per_1000"].values()) == {None}
    assert [row[1] for row in lines if row[0] == "*"] == [DEFAULT]
    assert next(row for row in lines if row[1] == "gemini-9-experimental")[3:] == ["unknown"] * 4


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("key", "the API key is not accepted"), ("offline", "Gemini cannot be reached")],
)
def test_a_list_that_does_not_come_is_told_in_a_sentence(
    tmp_path: Path, fault: str, sentence: str
) -> None:
    """A wrong key, no connection: exit code 1 and one line."""
    with gemini("--api-key", "another") as url:
        home = Home(tmp_path, url if fault == "key" else "http://127.0.0.1:1")
        done = home.run("models", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "actions", "can"),
    [
        ("gemini-3.5-flash", ["generateContent"], True),
        ("gemini-3.5-flash", None, True),
        ("gemini-3.5-flash", ["embedContent"], False),
        ("gemini-3.1-flash-image", ["generateContent"], False),
        ("gemini-2.5-pro-preview-tts", ["generateContent"], False),
        ("gemma-4-31b-it", ["generateContent"], False),
    ],
)
def test_who_can_caption(name: str, actions: list[str] | None, can: bool) -> None:
    """Whoever takes photos and answers in the form asked for."""
    assert can_caption(name, actions) is can
