"""Works out what captioning costs and how long it takes; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from captiond.captioners.context import gather
from captiond.captioners.prompts import compose
from captiond.models import Facts, Photo, Recipe, Tags, Tier
from captiond.quota.estimates import Estimate, estimate
from captiond.quota.learning import Limit
from captiond.quota.pricing import price
from captiond.settings import LimitsSettings

ANSWER_SECONDS: Mapping[Tier, float] = {
    Tier.STANDARD: 4.0,
    Tier.PRIORITY: 4.0,
    Tier.FLEX: 300.0,
}
"""Guesses for a model that has not answered yet; for flex Google aims at 1 to 15 minutes."""
BATCH_SECONDS = 24 * 3600.0
"""Within which a batch job ends, or expires; there are no limits per minute."""
DAY_SECONDS = 24 * 3600.0


TYPICAL = Facts(
    digest="",
    format="jpeg",
    width=4000,
    height=3000,
    taken_at="2026-06-21T12:00:00",
    camera="Canon EOS 5D Mark IV",
    latitude=48.86,
    longitude=2.35,
)
"""What a photo tells of itself, for the length of the prompt."""


@dataclass(frozen=True, slots=True)
class Group:
    """Photos that are asked about alike: by which recipe, with which texts beside the image.

    `recent_output` is the average of the latest answers in tokens, None before any came.
    """

    recipe: Recipe
    texts: tuple[str, ...]
    photos: int
    recent_output: float | None = None

    def estimate(self) -> Estimate:
        """Return what one request takes."""
        return estimate(self.recipe, self.texts, recent_output=self.recent_output)

    def by(self, model: str) -> Group:
        """Return the same photos as another model would be asked about them."""
        if model == self.recipe.model:
            return self
        return replace(self, recipe=replace(self.recipe, model=model), recent_output=None)


@dataclass(frozen=True, slots=True)
class Quote:
    """What all photos take with one model; `usd` by tier, None where the price is not known."""

    model: str
    input_tokens: int
    output_tokens: int
    usd: Mapping[Tier, float | None]


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a tier takes; `held_by` is what keeps it from being faster."""

    tier: Tier
    seconds: float
    held_by: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a cap of [limits] says; `periods` are days or months needed, None = it never ends."""

    cap: str
    usd: float
    periods: int | None


def typical_texts(recipe: Recipe, photo: Photo) -> tuple[str, ...]:
    """Return the texts that go out with a photo there which tells of itself what most tell."""
    return compose(recipe, gather(recipe.context, photo, TYPICAL, Tags()))


def quote(groups: Iterable[Group], model: str) -> Quote:
    """Return what these photos take with a model."""
    parts = [(group.photos, group.by(model).estimate()) for group in groups]
    return Quote(
        model,
        sum(photos * one.input_tokens for photos, one in parts),
        sum(photos * one.output_tokens for photos, one in parts),
        {tier: _usd(parts, model, tier) for tier in Tier},
    )


def _usd(parts: Sequence[tuple[int, Estimate]], model: str, tier: Tier) -> float | None:
    costs = [(photos, price(model, one.usage, tier)) for photos, one in parts]
    known = [photos * cost for photos, cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def duration(
    tier: Tier,
    quoted: tuple[int, int],
    limits: Mapping[str, Limit],
    *,
    concurrency: int,
    answer_seconds: float | None,
) -> Duration:
    """Return how long (photos, input tokens) take under the limits; a first day is all unused."""
    photos, tokens = quoted
    if tier is Tier.BATCH:
        return Duration(tier, BATCH_SECONDS if photos else 0.0, "a job takes up to 24 h")
    each = ANSWER_SECONDS[tier] if answer_seconds is None else answer_seconds
    held = {f"concurrency {concurrency}": math.ceil(photos / concurrency) * each}
    for name, wanted, period in (
        ("requests_per_minute", photos, 60.0),
        ("tokens_per_minute", tokens, 60.0),
    ):
        limit = limits[name]
        if limit.value:
            held[_told(name, limit)] = wanted / limit.value * period
    daily = limits["requests_per_day"]
    if daily.value:
        days = math.ceil(photos / daily.value) - 1
        held[_told("requests_per_day", daily)] = max(days, 0) * DAY_SECONDS
    slowest = max(held, key=lambda name: held[name])
    return Duration(tier, held[slowest], slowest)


def allowances(usd: float | None, limits: LimitsSettings) -> list[Allowance]:
    """Return what the caps that are set say to this bill; of an unknown one, that it never ends."""
    return [
        Allowance(cap, most, _periods(usd, most))
        for cap, most in (
            ("usd_per_day", limits.usd_per_day),
            ("usd_per_month", limits.usd_per_month),
        )
        if most < math.inf
    ]


def _periods(usd: float | None, most: float) -> int | None:
    if usd == 0:
        return 0
    return math.ceil(usd / most) if usd is not None and most > 0 else None


def _told(name: str, limit: Limit) -> str:
    return f"{name} {limit.value:g} ({limit.source})"
