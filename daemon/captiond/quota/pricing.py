"""Says what a request cost, by the price list that genai-prices carries; never by network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from captiond.models import Tier, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

CONTEXTS: Mapping[Tier, Mapping[str, str]] = {
    Tier.STANDARD: {},
    Tier.FLEX: {"service_tier": "flex"},
    Tier.PRIORITY: {"service_tier": "priority"},
    Tier.BATCH: {"processing": "batch"},
}
"""How the list names the tiers; 0.2.3 has batch prices for most models, flex for hardly any."""

FACTORS = {Tier.FLEX: 0.5, Tier.BATCH: 0.5, Tier.PRIORITY: 1.8}
"""Where the list has no price of its own: https://ai.google.dev/gemini-api/docs/pricing, October
2026."""

WITH_PRIORITY = (
    "gemini-3.5-flash-lite",
    "gemini-3.6-flash",
    "gemini-3.7-flash",
    "gemini-3.8-flash",
    "gemini-4-argon",
)
"""The only models with a priority price on that page."""

OLDEST_GENERATION = 2.5
"""Google shut down what came before; the list still has some of it."""
_GEMINI = re.compile(r"gemini-(\d+(?:\.\d+)?)-")
_NO_CAPTIONS = re.compile("image|tts|live|audio|embedding|robotics|omni|banana|computer")


def price(
    model: str, usage: Usage, tier: Tier = Tier.STANDARD, *, at: float | None = None
) -> float | None:
    """Return the cost of one request in USD, None for an unknown model or tier of it.

    `at` is when it was made, in unix seconds (None = now): the list knows from which day on a
    model costs more. Gemini bills thinking as output, and `usage.output` includes it. The first
    call imports the list (0.2 s: warm it in a thread), each later one takes 60 microseconds.
    """
    if not is_priced(model, tier):
        return None
    import genai_prices

    when = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    found = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=usage.input, output_tokens=usage.output),
        _name(model),
        provider_id="google",
        genai_request_timestamp=when,
        price_context=CONTEXTS[tier],
    )
    total = float(found.total_price)
    return total if _is_listed(found.model, tier, when) else total * FACTORS.get(tier, 1.0)


def is_priced(model: str, tier: Tier = Tier.STANDARD) -> bool:
    """Tell whether it is known what this model costs in this tier."""
    found = _find(_name(model))
    if found is None:
        return False
    listed = _is_listed(found, tier, datetime.now(UTC))
    return tier is not Tier.PRIORITY or listed or found.id in WITH_PRIORITY


def captioning_models() -> list[str]:
    """Return the Gemini models of the list that can caption photos, by name."""
    from genai_prices.data import providers

    return sorted(
        model.id
        for provider in providers
        if provider.id == "google"
        for model in provider.models
        if _captions(model)
    )


def _captions(model: ModelInfo) -> bool:
    found = _GEMINI.match(model.id)
    current = found is not None and float(found[1]) >= OLDEST_GENERATION
    return current and not model.deprecated and not _NO_CAPTIONS.search(model.id)


def _is_listed(model: ModelInfo, tier: Tier, when: datetime) -> bool:
    """Tell whether the list has prices of the model's own for the tier at that time."""
    return any(
        variant.when == CONTEXTS[tier]
        and (variant.constraint is None or variant.constraint.active(when))
        for variant in model.price_variants or ()
    )


@cache  # genai-prices remembers what it finds, and searches anew for what it does not
def _find(name: str) -> ModelInfo | None:
    import genai_prices

    try:
        found = genai_prices.calc_price(genai_prices.Usage(), name, provider_id="google")
    except LookupError:
        return None
    return found.model


def _name(model: str) -> str:
    return model.rpartition("/")[2]
