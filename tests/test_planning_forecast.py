"""What photos cost and how long they take, by price list, limits and what came before."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from importlib import resources

import anyio
import pytest
from daemon_helpers import Home, gemini

from captiond.index.limits_base import Learned
from captiond.index.migrations import STEPS
from captiond.index.store import SqliteIndex
from captiond.models import Recipe, Tier
from captiond.planning.forecast import Group, allowances, duration, quote
from captiond.quota.learning import Limit
from captiond.quota.pricing import captioning_models
from captiond.settings import LimitsSettings

LITE = "gemini-3.5-flash-lite"
RECIPE = Recipe(origin="gemini", model=LITE, language="en", prompt="p" * 400)
NONE = {
    name: Limit(None, "none")
    for name in ("requests_per_minute", "tokens_per_minute", "requests_per_day")
}
NO_URL = "http://127.0.0.1:9"


def limited(**values: float) -> dict[str, Limit]:
    return NONE | {name: Limit(value, "settings") for name, value in values.items()}


def takes(photos: int, tokens: int, limits: dict[str, Limit], tier: Tier = Tier.STANDARD):
    return duration(tier, (photos, tokens), limits, concurrency=8, answer_seconds=2.0)


def plan(home: Home):
    return json.loads(home.run("plan", "--json").stdout)


def test_a_photo_costs_what_the_list_says_and_half_of_it_in_the_slow_lanes():
    """1,120 tokens of the image, 100 of the prompt, 250 guessed: .30 and 2.50 USD a million."""
    told = quote([Group(RECIPE, (RECIPE.prompt,), 1000)], LITE)
    assert (told.input_tokens, told.output_tokens) == (1_220_000, 250_000)
    assert told.usd[Tier.STANDARD] == pytest.approx(1.22 * 0.30 + 0.25 * 2.50)
    assert told.usd[Tier.FLEX] == told.usd[Tier.BATCH] == pytest.approx(told.usd[Tier.STANDARD] / 2)
    assert told.usd[Tier.PRIORITY] == pytest.approx(told.usd[Tier.STANDARD] * 1.8)


def test_each_folder_counts_at_its_own_resolution():
    """Two groups are added up; another model's tokens are its own."""
    low = replace(RECIPE, media_resolution="low")
    both = [Group(RECIPE, (), 10), Group(low, (), 10)]
    assert quote(both, LITE).input_tokens == 10 * 1120 + 10 * 280
    assert quote(both, "gemini-2.5-flash-lite").input_tokens == 10 * 2048 + 10 * 64


def test_answers_of_the_past_are_this_models_alone():
    """What one model wrote says nothing of what another will write or think."""
    group = Group(RECIPE, (), 1, recent_output=99)
    assert quote([group], LITE).output_tokens == 99
    assert quote([group], "gemini-3.1-flash-lite").output_tokens == 250


def test_a_model_without_a_price_is_not_guessed():
    """And a cap over it means that nothing is sent."""
    told = quote([Group(replace(RECIPE, model="gemini-99-marvel"), (), 5)], "gemini-99-marvel")
    assert told.usd[Tier.STANDARD] is None
    (cap,) = allowances(told.usd[Tier.STANDARD], LimitsSettings(usd_per_day=5))
    assert cap.periods is None


def test_other_models_are_those_that_can_caption():
    """No voices, no embeddings, no painters, nothing that was shut down."""
    models = captioning_models()
    assert {LITE, "gemini-2.5-flash-lite", "gemini-3.8-flash", "gemini-4-argon"} <= set(models)
    unfit = ("tts", "live", "image", "embedding", "robotics", "omni", "-1.", "-2.0")
    assert not [model for model in models if any(word in model for word in unfit)]


@pytest.mark.parametrize(
    ("limits", "seconds", "held_by"),
    [
        ({}, 1000 * 2 / 8, "concurrency 8"),
        ({"requests_per_minute": 60}, 1000, "requests_per_minute 60 (settings)"),
        ({"tokens_per_minute": 10_000}, 6000, "tokens_per_minute 10000 (settings)"),
        ({"requests_per_day": 400}, 2 * 86400, "requests_per_day 400 (settings)"),
        ({"requests_per_day": 1000}, 250, "concurrency 8"),
    ],
)
def test_what_holds_photos_up_the_most_says_how_long_they_take(limits, seconds, held_by):
    """1000 photos of 1000 tokens, 2 s each."""
    told = takes(1000, 1_000_000, limited(**limits))
    assert (told.seconds, told.held_by) == (pytest.approx(seconds), held_by)


def test_a_batch_takes_a_day_whatever_the_limits():
    """It has none per minute."""
    told = takes(1000, 10**6, limited(requests_per_minute=1), Tier.BATCH)
    assert told.seconds == 86400


@pytest.mark.parametrize(
    ("usd", "cap", "periods"), [(10.0, 3.0, 4), (3.0, 3.0, 1), (0.0, 0.0, 0), (1.0, 0.0, None)]
)
def test_a_cap_stretches_the_bill_over_days(usd, cap, periods):
    """Begun days count; without a cap nothing is said."""
    assert [one.periods for one in allowances(usd, LimitsSettings(usd_per_day=cap))] == [periods]
    assert allowances(usd, LimitsSettings(usd_per_day=math.inf)) == []


def test_limits_that_were_learned_and_answers_that_came_are_heeded(tmp_path):
    """After a scan the index knows how long answers are and take; what was learned is told."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url)
        home.drop("rocket.jpg")
        home.run("scan")
    home.drop("cat.png")
    anyio.run(learn, home, Learned("requests_per_minute", 7, "PerMinute", time.time()))
    told = plan(home)
    ((output,),) = home.rows("select output_tokens from requests")
    assert told["tokens_from"] == "index"
    assert told["models"][0]["output_tokens"] == output
    assert told["durations"][0] == {
        "tier": "standard",
        "seconds": pytest.approx(60 / 7),
        "held_by": "requests_per_minute 7 (QuotaFailure PerMinute)",
    }


def test_an_index_of_an_older_captiond_is_understood(tmp_path):
    """It is not migrated for it: what it cannot tell is a default."""
    home = Home(tmp_path, NO_URL)
    home.drop("rocket.jpg", "cat.png")
    home.index.parent.mkdir()
    with closing(sqlite3.connect(home.index)) as old:
        old.executescript((resources.files("captiond.index") / f"sql/{STEPS[0]}.sql").read_text())
        old.execute("PRAGMA journal_mode = WAL")
    before = home.index.read_bytes()
    told = plan(home)
    assert (told["to_caption"], told["tokens_from"]) == (2, "defaults")
    assert home.index.read_bytes() == before


def test_the_configured_tier_is_the_one_that_is_told(tmp_path):
    """The bill in the closing sentence is that of the backlog's lane."""
    home = Home(tmp_path, NO_URL)
    home.drop("rocket.jpg")
    config = home.path / "config.toml"
    config.write_text(config.read_text().replace("[gemini]", '[gemini]\nbacklog = "batch"'))
    told = plan(home)
    assert told["tier"] == "batch"
    batch = told["models"][0]["usd"]["batch"]
    said = home.run("plan").stdout
    assert f"by {LITE} (batch) for about {batch:.4f} USD" in said
    assert "a job takes up to 24 h" in said


def test_offline_costs_nothing_and_is_told_so(tmp_path):
    """There are no models and no tiers."""
    home = Home(tmp_path, NO_URL)
    home.drop("rocket.jpg")
    home.write_config(backend="offline")
    told = plan(home)
    assert (told["to_caption"], told["tier"], told["models"], told["caps"]) == (1, None, [], [])
    assert "1 to be captioned offline, which costs nothing" in home.run("plan").stdout


async def learn(home: Home, learned: Learned) -> None:
    index = await SqliteIndex.open(home.index)
    await index.limits.learn(LITE, [learned])
    await index.aclose()
