"""Orders new captions for photos that have one, and says before what that costs: `recaption`.

Nothing is asked here: the daemon captions what is queued, as its backlog.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import anyio

from captiond.captioners.context import Context
from captiond.captioners.prompts import compose
from captiond.captioners.recipes import recipe_for, vocabulary_of
from captiond.index.base import Index
from captiond.index.history_base import Share, Wanted
from captiond.models import Photo, Tier
from captiond.opening import backlog_tier, open_index
from captiond.quota.estimates import estimate
from captiond.quota.pricing import price
from captiond.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which photos the operator named; see `Wanted`."""

    places: Sequence[Photo]
    origin: str | None
    model: str | None
    since: float | None
    stale: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many photos, of how many contents, and about what they cost in USD; None: unknown."""

    photos: int
    contents: int
    tier: Tier
    usd: float | None


class Recaptioning:
    """One choice of photos, in an open index."""

    def __init__(self, settings: Settings, index: Index, choice: Choice) -> None:
        vocabulary = vocabulary_of(settings)
        self._recipes = {
            folder.path: recipe_for(settings, folder, vocabulary) for folder in settings.folders
        }
        self._tier = backlog_tier(settings)
        self._index = index
        self._wanted = Wanted(
            recipes={root: recipe.key for root, recipe in self._recipes.items()},
            places=choice.places,
            origin=choice.origin,
            model=choice.model,
            since=choice.since,
            stale=choice.stale,
        )

    async def outlook(self) -> Outlook:
        """Return what the order would come to; copies of a content are asked about once."""
        shares = await self._index.history.count(self._wanted)
        costs = [await self._usd(share) for share in shares]
        usd = None if None in costs else sum(cost for cost in costs if cost is not None)
        photos, contents = sum(one.photos for one in shares), sum(one.contents for one in shares)
        return Outlook(photos, contents, self._tier, usd)

    async def order(self) -> int:
        """Queue the photos; return how many."""
        return await self._index.history.order(self._wanted)

    async def _usd(self, share: Share) -> float | None:
        recipe = self._recipes[share.root]
        if recipe.origin == "offline":
            return 0.0
        recent = await self._index.ledger.recent_output(recipe)
        usage = estimate(recipe, compose(recipe, Context()), recent_output=recent).usage
        each = await anyio.to_thread.run_sync(price, recipe.model, usage, self._tier)
        return None if each is None else each * share.contents


@asynccontextmanager
async def open_recaptioning(settings: Settings, choice: Choice) -> AsyncIterator[Recaptioning]:
    """Open the index for one choice of photos; raises LibraryUnavailable."""
    async with AsyncExitStack() as stack:
        yield Recaptioning(settings, await open_index(settings, stack), choice)
