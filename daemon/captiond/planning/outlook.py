"""Puts a plan together: the photos, the money, the time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from captiond.index.survey import Survey
from captiond.models import Recipe, Tier
from captiond.opening import backlog_tier
from captiond.planning.forecast import (
    Allowance,
    Duration,
    Group,
    Quote,
    allowances,
    duration,
    quote,
    typical_texts,
)
from captiond.planning.scopes import Scope, scopes
from captiond.planning.sorting import Example, Sorted, Sorter, Standing
from captiond.quota.learning import NAMES, Learning, Limit, Told
from captiond.quota.pricing import captioning_models
from captiond.settings import Settings


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of a plan: how many photos there are, how many of them are to be paid for."""

    path: str
    watched: bool
    photos: int
    to_caption: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """All that is told of a plan; `quotes` begin with the configured model.

    `tier` is the one by which a scan would have these photos captioned, None if they cost nothing;
    `problems` are folders that were not looked into, `index` is the file that was asked. `measured`
    says that the output tokens are an average of the index, not a guess.
    """

    parts: Sequence[Part]
    problems: Sequence[str]
    standings: Mapping[Standing, int]
    reasons: Mapping[tuple[str, str], Example]
    to_caption: int
    tier: Tier | None
    index: str | None
    measured: bool
    quotes: Sequence[Quote]
    durations: Sequence[Duration]
    allowances: Sequence[Allowance]


def look_ahead(settings: Settings, folders: Sequence[Path], tell: Callable[[int], None]) -> Outlook:
    """Return the plan for absolute folders, none = all that is watched.

    `tell` hears after each folder how many photos lie in it. Blocks on the disk. Raises
    LibraryUnavailable for an index that is there and cannot be read.
    """
    found, problems = scopes(settings, folders)
    paid = settings.captioner.backend != "offline"
    path = Path(settings.index.path)
    with ExitStack() as stack:
        survey = stack.enter_context(Survey(path)) if path.exists() else None
        sorter = Sorter(survey, settings.images.max_megapixels, paid)
        looked = [(scope, sorter.sort(scope, tell)) for scope in found]
        groups = _groups((one for _, one in looked), survey) if paid else []
        quotes = _quotes(groups, settings.gemini.model) if paid else []
        durations = list(_durations(settings, quotes, groups, survey))
    tier = backlog_tier(settings) if paid else None
    return Outlook(
        parts=[_part(scope, one) for scope, one in looked],
        problems=problems,
        standings=sum((one.standings for _, one in looked), Counter[Standing]()),
        reasons=_merged(one.reasons for _, one in looked),
        to_caption=sum(one.to_caption for _, one in looked),
        tier=tier,
        index=None if survey is None else str(path),
        measured=any(group.recent_output is not None for group in groups),
        quotes=quotes,
        durations=durations,
        allowances=allowances(quotes[0].usd[tier], settings.limits) if tier is not None else [],
    )


def _part(scope: Scope, found: Sorted) -> Part:
    return Part(scope.path, scope.configured, found.photos, found.to_caption)


def _merged(several: Iterable[Mapping[tuple[str, str], Example]]) -> dict[tuple[str, str], Example]:
    merged: dict[tuple[str, str], Example] = {}
    for reasons in several:
        for key, example in reasons.items():
            merged.setdefault(key, Example(example.path)).count += example.count
    return merged


def _groups(looked: Iterable[Sorted], survey: Survey | None) -> list[Group]:
    groups: dict[Recipe, Group] = {}
    for recipe, due in ((recipe, due) for one in looked for recipe, due in one.due.items()):
        if (known := groups.get(recipe)) is not None:
            groups[recipe] = replace(known, photos=known.photos + due.count)
            continue
        recent = None if survey is None else survey.recent_output(recipe)
        groups[recipe] = Group(recipe, typical_texts(recipe, due.first), due.count, recent)
    return list(groups.values())


def _quotes(groups: Sequence[Group], configured: str) -> list[Quote]:
    others = [model for model in captioning_models() if model != configured]
    return [quote(groups, model) for model in (configured, *others)]


def _durations(
    settings: Settings, quotes: Sequence[Quote], groups: Sequence[Group], survey: Survey | None
) -> Iterator[Duration]:
    """Yield how long the configured model takes in each tier that it has."""
    if not quotes:
        return
    ours, photos = quotes[0], sum(group.photos for group in groups)
    limits = _limits(settings, survey)
    for tier in Tier:
        if ours.usd[tier] is None and tier is not backlog_tier(settings):
            continue
        seconds = None if survey is None else survey.recent_seconds(ours.model, tier)
        yield duration(
            tier,
            (photos, ours.input_tokens),
            limits,
            concurrency=settings.gemini.concurrency,
            answer_seconds=seconds,
        )


def _limits(settings: Settings, survey: Survey | None) -> dict[str, Limit]:
    """Return the limits in force, by the settings and by what the service told."""
    learned = [] if survey is None else survey.learned(settings.gemini.model)
    told = {
        one.name: Told(one.value, one.source, one.learned_at)
        for one in learned
        if one.value is not None
    }
    wanted = {name: getattr(settings.limits, name) for name in NAMES}
    return Learning(wanted, told).in_force(clock=time.time())
