"""The loopback Gemini's answers: tokens, tiers, retirement and models as the real ones tell."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest
from gemini_helpers import JPEG
from gemini_sdk_helpers import MODEL, ask, photo, sdk
from google.genai import errors, types

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_server import GeminiServer

OLD = "gemini-2.5-flash-lite"
TEXT_TOKENS = 2
"""Of "Describe."."""


@pytest.mark.parametrize(
    ("model", "resolution", "tokens"),
    [
        (MODEL, None, 1120),
        (MODEL, "MEDIA_RESOLUTION_LOW", 280),
        (MODEL, "MEDIA_RESOLUTION_MEDIUM", 560),
        (MODEL, "MEDIA_RESOLUTION_HIGH", 1120),
        (OLD, None, 2048),
        (OLD, "MEDIA_RESOLUTION_LOW", 64),
        (OLD, "MEDIA_RESOLUTION_MEDIUM", 256),
    ],
)
async def test_an_image_counts_what_its_resolution_costs(model, resolution, tokens):
    """Prompt tokens are those of the image by generation and resolution, and of the text."""
    async with GeminiServer() as server, sdk(server) as client:
        response = await ask(client, model, media_resolution=resolution)
        usage = response.usage_metadata
        assert usage.prompt_token_count == tokens + TEXT_TOKENS
        told = {detail.modality.value: detail.token_count for detail in usage.prompt_tokens_details}
        assert told == {"TEXT": TEXT_TOKENS, "IMAGE": tokens}


async def test_the_highest_resolution_exists_for_a_part_of_generation_three_alone():
    """ULTRA_HIGH of the part beats the shared one; for all, or for 2.5, it is a 400."""
    async with GeminiServer() as server, sdk(server) as client:
        ultra = photo(JPEG, "Describe.", resolution="MEDIA_RESOLUTION_ULTRA_HIGH")
        response = await ask(client, contents=ultra, media_resolution="MEDIA_RESOLUTION_LOW")
        assert response.usage_metadata.prompt_token_count == 2240 + TEXT_TOKENS
        with pytest.raises(errors.ClientError, match="Media resolution"):
            await ask(client, OLD, ultra)
        with (
            pytest.warns(UserWarning, match="ULTRA_HIGH"),
            pytest.raises(errors.ClientError, match="resolution"),
        ):
            await ask(client, media_resolution="MEDIA_RESOLUTION_ULTRA_HIGH")


@pytest.mark.parametrize(
    ("model", "thinking", "thinks"),
    [
        (MODEL, {}, False),
        (MODEL, {"thinking_level": "minimal"}, False),
        (MODEL, {"thinking_level": "low"}, True),
        ("gemini-3.8-flash", {}, True),
        (OLD, {}, False),
        (OLD, {"thinking_budget": 0}, False),
        (OLD, {"thinking_budget": 100}, True),
        (OLD, {"thinking_budget": -1}, True),
    ],
)
async def test_thoughts_are_counted_by_level_and_budget(model, thinking, thinks):
    """Without thinking there are none, with it they add to the total; levels differ by model."""
    async with GeminiServer() as server, sdk(server) as client:
        usage = (await ask(client, model, thinking_config=thinking)).usage_metadata
        thoughts = usage.thoughts_token_count or 0
        assert bool(thoughts) is thinks
        assert (
            usage.total_token_count
            == usage.prompt_token_count + usage.candidates_token_count + thoughts
        )


async def test_a_level_that_a_model_has_not_is_refused():
    """Minimal is a 400 on 3.8, and every level on 2.5."""
    async with GeminiServer() as server, sdk(server) as client:
        for model in ("gemini-3.8-flash", OLD):
            with pytest.raises(errors.ClientError, match="Thinking level MINIMAL"):
                await ask(client, model, thinking_config={"thinking_level": "minimal"})


async def test_what_was_sent_can_be_seen_part_by_part():
    """Texts, instructions, tier, deadline and model of a request are told apart."""
    async with GeminiServer(keep=1) as server, sdk(server) as client:
        await ask(
            client,
            contents=photo(JPEG, "one", "two"),
            service_tier="flex",
            system_instruction="Be brief.",
            http_options=types.HttpOptions(timeout=900_000),
        )
        seen = server.received[0]
    assert (seen.texts, seen.prompt, seen.system) == (("one", "two"), "one\ntwo", "Be brief.")
    assert (seen.tier, seen.deadline_seconds, seen.model) == ("flex", 900, MODEL)


def tier_of(response) -> str:
    return response.sdk_http_response.headers["x-gemini-service-tier"]


@pytest.mark.parametrize("tier", [None, "standard", "flex", "priority"])
async def test_the_tier_that_answers_is_told(tier):
    """It is the one asked for, unless the server answers by another."""
    async with GeminiServer() as server, sdk(server) as client:
        assert tier_of(await ask(client, service_tier=tier)) == (tier or "standard")
        server.downgrade_to = "standard"
        assert tier_of(await ask(client, service_tier=tier)) == "standard"


async def test_an_unknown_tier_is_refused():
    """A tier that the API has not is a 400."""
    async with GeminiServer() as server, sdk(server) as client:
        with pytest.raises(errors.ClientError, match="service_tier"):
            await ask(client, http_options={"extra_body": {"serviceTier": "batch"}})


async def test_flex_requests_alone_are_shed():
    """The flex script and the standing flex fault meet no other request."""
    async with (
        GeminiServer(flex_script=[faults.shed(), None]) as server,
        sdk(server) as client,
        aiohttp.ClientSession(server.base_url) as session,
    ):
        await ask(client)
        with pytest.raises(errors.ServerError, match="high demand") as caught:
            await ask(client, service_tier="flex")
        assert caught.value.code == 503
        await ask(client, service_tier="flex")
        async with session.post("/standing?tier=flex", data="shed"):
            pass
        await ask(client, service_tier="priority")
        with pytest.raises(errors.ServerError):
            await ask(client, service_tier="flex")
        assert server.counters.answered == 3


async def test_a_retirement_is_told_in_every_answer():
    """The model's status comes with the date, as the SDK reads it, and only when there is one."""
    async with GeminiServer() as server, sdk(server) as client:
        assert (await ask(client)).model_status is None
        server.retires_at = "2027-03-01T00:00:00Z"
        status = (await ask(client)).model_status
        assert status.retirement_time == datetime(2027, 3, 1, tzinfo=UTC)
        assert (status.model_stage.value, MODEL in status.message) == ("LEGACY", True)


async def test_aliases_exist_in_one_version_alone():
    """v1beta knows gemini-flash-lite-latest, v1 does not; the answer tells who it was."""
    alias = "gemini-flash-lite-latest"
    async with GeminiServer() as server:
        async with sdk(server) as client:
            assert (await ask(client, alias)).model_version == MODEL
            assert f"models/{alias}" in [m.name async for m in await client.models.list()]
        async with sdk(server, api_version="v1") as client:
            with pytest.raises(errors.ClientError, match="not found for API version v1"):
                await ask(client, alias)
            assert f"models/{alias}" not in [m.name async for m in await client.models.list()]


async def test_models_that_cannot_describe_are_listed_and_refused():
    """An embedding and an image model say what they can, and answer 404 to a question."""
    async with GeminiServer() as server, sdk(server) as client:
        actions = {m.name: m.supported_actions async for m in await client.models.list()}
        for model in ("gemini-embedding-2", "imagen-4.0-generate-001"):
            assert "generateContent" not in actions[f"models/{model}"]
            with pytest.raises(errors.ClientError, match="not supported for generateContent"):
                await ask(client, model)
        assert "batchGenerateContent" in actions["models/gemini-9-experimental"]
        await ask(client, "gemini-9-experimental", thinking_config={"thinking_level": "high"})


async def test_a_new_project_may_not_use_an_old_model():
    """It is still listed, and a question is a 404 that says why."""
    async with GeminiServer(new_project=True) as server, sdk(server) as client:
        assert (await client.models.get(model=OLD)).name == f"models/{OLD}"
        with pytest.raises(errors.ClientError, match="no longer available to new users") as caught:
            await ask(client, OLD)
        assert caught.value.code == 404


async def test_what_was_paid_for_is_counted_by_content():
    """Only answered images count, each as often as it was answered."""
    async with (
        GeminiServer(script=[None, faults.overloaded(), None]) as server,
        sdk(server) as client,
        aiohttp.ClientSession(server.base_url) as session,
    ):
        await ask(client)
        with pytest.raises(errors.ServerError):
            await ask(client, contents=photo(b"another"))
        await ask(client)
        async with session.get("/contents") as response:
            assert list((await response.json()).values()) == [2]
