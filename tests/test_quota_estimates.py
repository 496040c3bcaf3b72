"""Estimates: what a request takes, said beforehand."""

from __future__ import annotations

import itertools

import pytest

from captiond.captioners.prompts import build
from captiond.models import Recipe
from captiond.quota.estimates import estimate, image_tokens, most, text_tokens

LITE = "gemini-3.5-flash-lite"
FLASH = "gemini-3.8-flash"


def recipe(model=LITE, **more):
    return Recipe(origin="gemini", model=model, language="en", prompt="Describe.", **more)


@pytest.mark.parametrize(
    ("model", "resolution", "tokens"),
    [
        (LITE, "", 1120),
        (LITE, "low", 280),
        (LITE, "medium", 560),
        (LITE, "high", 1120),
        (LITE, "ultra_high", 2240),
        ("gemini-2.5-flash-lite", "", 2048),
        ("gemini-2.5-flash-lite", "low", 64),
        ("gemini-2.5-flash-lite", "medium", 256),
        ("gemini-2.5-flash-lite", "ultra_high", 2048),
        ("models/gemini-2.5-pro", "low", 64),
        ("gemini-flash-latest", "", 1120),
    ],
)
def test_an_image_counts_by_generation_and_resolution(model, resolution, tokens):
    """Each generation counts an image at each resolution as it documents."""
    assert image_tokens(model, resolution) == tokens


def test_text_counts_by_its_characters():
    """Four ASCII characters make a token, any other character is one."""
    assert text_tokens("") == 0
    assert text_tokens("describe" * 10) == 20
    assert text_tokens("猫が好き") == 4


def test_the_ledger_knows_better_than_a_guess():
    """Without answers the level of thinking decides the output, with them their average."""
    assert estimate(recipe(), ()).output_tokens == 250
    assert estimate(recipe(FLASH), ()).output_tokens == 950
    assert estimate(recipe(FLASH, thinking="high"), (), recent_output=412.4).output_tokens == 412


def test_a_request_takes_image_and_texts():
    """Input is the image and what stands beside it."""
    told = estimate(recipe(media_resolution="low"), ("a" * 400, "b" * 40))
    assert told.input_tokens == 280 + 100 + 10
    assert (told.usage.input, told.usage.output) == (390, 250)


def test_the_most_is_never_less_than_the_estimate():
    """For each model, level, resolution and text the bound lies above what is expected."""
    texts = [(), ("日本" * 500,), (build("", language="de"), "\udcff" * 9), ("x" * 100_000,)]
    models = [LITE, FLASH, "gemini-2.5-pro", "gemini-2.5-flash", "gemini-4-argon", "another"]
    levels = ["", "minimal", "low", "medium", "high"]
    for model, level, said in itertools.product(models, levels, texts):
        one = recipe(model, thinking=level)
        about, bound = estimate(one, said), most(one, said)
        assert bound.input_tokens >= about.input_tokens
        assert bound.output_tokens >= about.output_tokens


def test_thinking_high_may_think_a_lot():
    """The bound holds all the thoughts of a level; for a model of unknown thinking, the most."""
    assert most(recipe(thinking="high"), ()).output_tokens == 28_672
    assert most(recipe(), ()).output_tokens == 4608
    assert most(recipe("gemini-2.5-pro"), ()).output_tokens == 28_672
    assert most(recipe("gemini-2.5-flash"), ()).output_tokens == 4608
