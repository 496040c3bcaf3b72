"""Captions a random sample of photos for the verb `try`; no caption is kept.

Every request stands in the ledger and keeps to the caps and limits, as all do.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from captiond import accounts
from captiond.bench import Bench
from captiond.captioners.context import fullest
from captiond.captioners.prompts import compose
from captiond.errors import CaptiondError, PhotoError, RulesBroken
from captiond.index.ledger_base import FREE, Bill
from captiond.intake.listing import Listing, walk
from captiond.models import Description, Photo, Recipe, Tier
from captiond.planning.forecast import typical_texts
from captiond.planning.scopes import Scope, scopes
from captiond.quota.estimates import estimate, most
from captiond.quota.pricing import price
from captiond.settings import Settings
from captiond.verbs.desk import Asked, Item, open_desk


@dataclass(frozen=True, slots=True)
class Sample:
    """Photos drawn from folders, and how many there are; `problems` are folders not looked into.

    `about_usd` is an estimate, `most_usd` what they cannot cost more than; None where the price is
    not known.
    """

    photos: Sequence[Photo]
    of: int
    problems: Sequence[str]
    about_usd: float | None
    most_usd: float | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one photo: a description or why there is none; `model` is who answered."""

    photo: Photo
    outcome: Description | CaptiondError
    model: str = ""
    bill: Bill = FREE
    seconds: float = 0.0


def draw(settings: Settings, folders: Sequence[Path], count: int, seed: int | None) -> Sample:
    """Draw up to `count` photos from absolute folders (none = all that is watched), by chance.

    The same `seed` draws the same ones from the same folders. Blocks on the disk.
    """
    found, problems = scopes(settings, folders)
    drawn: list[tuple[Photo, Recipe]] = []
    chance, met = random.Random(seed), 0  # noqa: S311 no secret hangs on it
    for met, candidate in enumerate(_candidates(found, problems), 1):
        if len(drawn) < count:
            drawn.append(candidate)
        elif (place := chance.randrange(met)) < count:
            drawn[place] = candidate
    about, at_most = _costs(settings, drawn)
    return Sample(sorted(photo for photo, _ in drawn), met, problems, about, at_most)


async def try_photos(settings: Settings, sample: Sample, tell: Callable[[Trial], None]) -> None:
    """Caption the photos of a sample and `tell` what came of each, in their order.

    Raises ConfigError, LibraryUnavailable; CaptiondError before anything is sent where a cap
    leaves no room for what it may cost.
    """
    async with AsyncExitStack() as stack:
        desk = await open_desk(settings, stack, verb="try")
        await _check_caps(sample, desk.bench)

        async def tried(item: Item) -> Trial:
            asked = await desk.ask(item)
            bill = await _settle(asked, desk.bench)
            return Trial(item.photo, asked.reply.outcome, asked.reply.model, bill, asked.seconds)

        def told(photo: Photo, result: Trial | CaptiondError) -> None:
            tell(result if isinstance(result, Trial) else Trial(photo, result))

        await desk.attend(sample.photos, tried, told)


def _candidates(found: Sequence[Scope], problems: list[str]) -> Iterator[tuple[Photo, Recipe]]:
    for scope in found:
        for folder, listing in walk(scope.watched, scope.beneath):
            if not isinstance(listing, Listing) or not listing.photos:
                continue
            try:
                recipe = scope.plan(folder).recipe
            except (RulesBroken, OSError) as error:
                problems.append(str(error))
                continue
            for name, size, _ in listing.photos:
                if size:  # what is empty, or no plain file, is none
                    path = f"{folder}/{name}" if folder else name
                    yield Photo(scope.watched.root, path), recipe


def _costs(
    settings: Settings, drawn: Sequence[tuple[Photo, Recipe]]
) -> tuple[float | None, float | None]:
    """Return what the photos cost, about and at most."""
    if settings.captioner.backend == "offline":
        return 0.0, 0.0
    tier = Tier(settings.gemini.tier)
    about = at_most = 0.0
    for recipe, photos in Counter(by for _, by in drawn).items():
        first = next(photo for photo, by in drawn if by == recipe)
        likely = estimate(recipe, typical_texts(recipe, first)).usage
        bound = most(recipe, compose(recipe, fullest(recipe.context))).usage
        each = price(recipe.model, likely, tier), price(recipe.model, bound, tier)
        if each[0] is None or each[1] is None:
            return None, None
        about += photos * each[0]
        at_most += photos * each[1]
    return about, at_most


async def _check_caps(sample: Sample, bench: Bench) -> None:
    """Raise CaptiondError where a cap leaves no room for what the sample may cost."""
    if sample.most_usd is None:  # a cap beside an unknown price was refused when all was opened
        return
    for cap in bench.caps.at(bench.clock()):
        spent = await bench.index.ledger.spent(since=cap.since)
        taken = spent.usd + spent.lost_usd + spent.in_flight_usd
        if taken + sample.most_usd > cap.usd:
            raise CaptiondError(
                f"limits.{cap.name} = {cap.usd:g} leaves no room: ${taken:,.4f} spent, and "
                f"${sample.most_usd:,.4f} more at most"
            )


async def _settle(asked: Asked, bench: Bench) -> Bill:
    """Close the request in the ledger: it was billed, and no caption is kept."""
    reply, request = asked.reply, asked.request
    bill, now = accounts.bill_for(reply, request, bench), bench.clock()
    if isinstance(reply.outcome, PhotoError):
        await bench.index.abandon(request.id, str(reply.outcome), now=now, bill=bill)
    else:
        await bench.index.ledger.settle(request.id, bill, now=now)
    return bill
