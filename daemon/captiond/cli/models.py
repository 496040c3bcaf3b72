"""The verb `models`: which ones the key can use, and at what price."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.errors import ConfigError
from captiond.settings import Settings

if TYPE_CHECKING:
    from captiond.captioners.gemini_models import ListedModel

TIERS = ("standard", "flex", "batch", "priority")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Offer:
    """A model, what it can be set to, and USD for 1000 photos by tier, None where not known.

    `thinking` is None where nobody here knows what the model takes.
    """

    model: str
    title: str
    configured: bool
    input_tokens: int | None
    thinking: tuple[str, ...] | None
    usd_per_1000: dict[str, float | None]


@click.command(short_help="List the models that the key can use, with prices.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> int:
    """List the models that the key can use to caption photos, with the price of 1000 photos.

    Asks the service for its list, which costs nothing. Prices are estimates at the current
    settings: prompt, media_resolution, thinking. The configured model is marked by "*".

    With --json, a list of models: model, title, configured, input_tokens (its limit), thinking
    (what gemini.thinking may be; null where that is not known) and usd_per_1000 by tier, null where
    a price is not known or the model has no such tier.
    """
    import anyio

    from captiond import log

    settings = output.settings(ctx)
    if settings.captioner.backend == "offline":
        raise ConfigError(["captioner.backend: is offline, which has no models"])
    log.configure(settings.log)
    offers = [_offer(model, settings) for model in anyio.run(_list, settings)]
    if as_json:
        output.print_json([asdict(offer) for offer in offers])
    else:
        heads = ("", "model", "thinking", *(f"{tier}, USD/1000" for tier in TIERS))
        output.table(heads, map(_row, offers))
    return 0


async def _list(settings: Settings) -> list[ListedModel]:
    from captiond.captioners.gemini import GeminiCaptioner
    from captiond.captioners.gemini_models import list_models
    from captiond.opening import open_captioner

    async with AsyncExitStack() as stack:
        captioner = await open_captioner(settings, stack)
        assert isinstance(captioner, GeminiCaptioner)  # noqa: S101 by the backend
        return await list_models(captioner)


def _offer(listed: ListedModel, settings: Settings) -> Offer:
    from captiond.generations import thinking_levels

    return Offer(
        model=listed.name,
        title=listed.title,
        configured=listed.name == settings.gemini.model,
        input_tokens=listed.input_tokens,
        thinking=thinking_levels(listed.name),
        usd_per_1000=_prices(listed.name, settings),
    )


def _prices(model: str, settings: Settings) -> dict[str, float | None]:
    from dataclasses import replace

    from captiond.captioners.recipes import recipe_for
    from captiond.models import Tier
    from captiond.quota.estimates import estimate
    from captiond.quota.pricing import price
    from captiond.settings import FolderSettings

    recipe = replace(recipe_for(settings, FolderSettings(path="/")), model=model)
    usage = estimate(recipe, [recipe.prompt]).usage
    costs = {tier: price(model, usage, Tier(tier)) for tier in TIERS}
    return {tier: None if cost is None else round(1000 * cost, 4) for tier, cost in costs.items()}


def _row(offer: Offer) -> tuple[str, ...]:
    thinking = UNKNOWN if offer.thinking is None else ", ".join(offer.thinking)
    prices = (offer.usd_per_1000[tier] for tier in TIERS)
    told = (UNKNOWN if cost is None else f"{cost:.2f}" for cost in prices)
    return ("*" if offer.configured else "", offer.model, thinking, *told)
