"""GeminiCaptioner: settings become what is sent, and the free check tells whether they are good."""

from __future__ import annotations

import pytest
from gemini_helpers import KEY, opened, question

from captiond.captioners.gemini import GeminiCaptioner, build_config, build_contents
from captiond.errors import CaptionerStopped, CaptionerUnreachable
from captiond.quota.estimates import most
from captiond.settings import GeminiSettings
from captiond.testing.gemini_server import GeminiServer


def recipe(**fields: str):
    return question(**fields).recipe


async def test_the_configuration_of_a_recipe_is_built_once():
    """Photos of one recipe share one prebuilt configuration; another recipe has its own."""
    async with GeminiServer(keep=3) as server, opened(server.base_url) as captioner:
        for fields in ({}, {}, {"thinking": "low"}):
            await captioner.caption(question(**fields))
        assert len(captioner._configs) == 2
    assert [("thinkingConfig" in each.config) for each in server.received] == [False, False, True]


@pytest.mark.parametrize(
    ("model", "thinking", "level", "budget"),
    [
        ("gemini-3.5-flash-lite", "", None, None),
        ("gemini-3.5-flash-lite", "minimal", "MINIMAL", None),
        ("gemini-3.8-flash", "high", "HIGH", None),
        ("gemini-flash-lite-latest", "low", "LOW", None),
        ("gemini-2.5-flash-lite", "", None, 0),
        ("gemini-2.5-flash-lite", "minimal", None, 0),
        ("models/gemini-2.5-flash", "medium", None, 8192),
        ("gemini-2.5-pro", "", None, None),
        ("gemini-2.5-pro", "low", None, 1024),
        ("gemini-2.0-flash", "", None, None),
    ],
)
def test_thinking_is_said_in_the_words_of_the_generation(model, thinking, level, budget):
    """2.5 takes a budget (0 unless told otherwise), 3.x a level, and "" is the model's default."""
    config = build_config(recipe(model=model, thinking=thinking)).thinking_config
    found = (config and config.thinking_level, config and config.thinking_budget)
    assert found == (level, budget)


@pytest.mark.parametrize("thinking", ["", "low", "high"])
@pytest.mark.parametrize("model", ["gemini-3.5-flash-lite", "gemini-2.5-pro", "gemini-2.0-flash"])
def test_no_answer_takes_more_than_is_reserved_for_it(model, thinking):
    """The most that a cap reckons with is sent along: a reply that runs away ends there."""
    asked = recipe(model=model, thinking=thinking)
    assert build_config(asked).max_output_tokens == most(asked, ()).output_tokens


@pytest.mark.parametrize("resolution", ["low", "medium", "high"])
def test_media_resolution_goes_into_the_configuration(resolution):
    """The three resolutions that hold for a whole request are set there."""
    config = build_config(recipe(media_resolution=resolution))
    assert config.media_resolution == f"MEDIA_RESOLUTION_{resolution.upper()}"
    assert (config.temperature, config.top_p, config.top_k, config.seed) == (None,) * 4


def test_the_highest_resolution_belongs_to_the_image():
    """`ultra_high` exists per image only, so the request as a whole does not name it."""
    asked = question(media_resolution="ultra_high")
    (image, _) = build_contents(asked).parts
    assert image.media_resolution.level == "MEDIA_RESOLUTION_ULTRA_HIGH"
    assert build_config(asked.recipe).media_resolution is None


async def test_a_level_that_the_model_does_not_know_stops_asking():
    """`minimal` on 3.8 is a setting to change, told by its key."""
    asked = question(model="gemini-3.8-flash", thinking="minimal")
    async with GeminiServer() as server, opened(server.base_url) as captioner:
        with pytest.raises(CaptionerStopped, match=r"gemini\.thinking"):
            await captioner.caption(asked)


async def test_check_tells_that_key_and_model_are_good():
    """The look-up is no question: it costs nothing and says what it found."""
    async with GeminiServer(api_key=KEY) as server, opened(server.base_url) as captioner:
        assert "knows gemini-3.5-flash-lite" in await captioner.check()
        assert server.counters.requests == 0


async def test_check_tells_a_wrong_key_and_a_wrong_model():
    """Each is told in words that name what to change, before any photo is sent."""
    async with GeminiServer(api_key=KEY) as server:
        async with opened(server.base_url, key="wrong") as captioner:
            with pytest.raises(CaptionerStopped, match="key is not accepted"):
                await captioner.check()
        async with opened(server.base_url, model="gemini-1.0") as captioner:
            with pytest.raises(CaptionerStopped, match=r"gemini\.model"):
                await captioner.check()


async def test_check_tells_that_nobody_is_there():
    """Without a network the check says so."""
    async with opened("http://127.0.0.1:1") as captioner:
        with pytest.raises(CaptionerUnreachable):
            await captioner.check()


@pytest.mark.parametrize("key", ["", " ", "two words", "new\nline", "clé"])
async def test_a_key_that_cannot_be_one_is_told_at_once(key):
    """No connection is opened for a key that no header can carry."""
    with pytest.raises(CaptionerStopped, match="API key"):
        await GeminiCaptioner.open(GeminiSettings(), key)
