"""Orders new captions for photos that have one, and says before what that costs: `recaption`.

Nothing is asked here: the daemon captions what is queued, as its backlog.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field

import anyio

from captiond.bench import Plan
from captiond.captioners.context import Context
from captiond.captioners.prompts import compose
from captiond.errors import RulesBroken
from captiond.folderplans import FolderPlans
from captiond.index.base import Index
from captiond.index.history_base import Share, Wanted
from captiond.models import Photo, Recipe, Tier
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


@dataclass(frozen=True, slots=True)
class RecipesInForce:
    """The recipes of all folders, by key; see `Wanted`."""

    by_key: dict[str, Recipe] = field(default_factory=dict)
    of_roots: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def note(self, recipe: Recipe) -> str:
        """Remember a recipe; return its key."""
        self.by_key[recipe.key] = recipe
        return recipe.key


class Recaptioning:
    """One choice of photos, in an open index."""

    def __init__(
        self, settings: Settings, index: Index, choice: Choice, in_force: RecipesInForce
    ) -> None:
        self._recipes = in_force.by_key
        self._tier = backlog_tier(settings)
        self._index = index
        self._wanted = Wanted(
            recipes=in_force.of_roots,
            elsewhere=in_force.elsewhere,
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
        recipe = self._recipes[share.recipe]
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
        index = await open_index(settings, stack)
        in_force = await anyio.to_thread.run_sync(recipes_in_force, settings, index)
        yield Recaptioning(settings, index, choice, in_force)


def recipes_in_force(settings: Settings, index: Index) -> RecipesInForce:
    """Return the recipes for all folders with photos; blocks on the disk."""
    plans, found = FolderPlans(settings), RecipesInForce()
    with closing(index.folder_view()) as view:
        for root, by_default in plans.of_roots().items():
            found.of_roots[root] = found.note(by_default.recipe)
            for folder in view.folders(root, ""):
                plan = _plan_in(plans, root, folder)
                key = None if plan is None else found.note(plan.recipe)
                if key != found.of_roots[root]:
                    found.elsewhere[root, folder] = key
    return found


def _plan_in(plans: FolderPlans, root: str, folder: str) -> Plan | None:
    """Return the plan for a folder, None where photos are left alone for now."""
    try:
        return plans.beneath(root, folder)
    except (RulesBroken, OSError):
        return None
