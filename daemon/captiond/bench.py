"""What a photo meets on its way, laid out for all workers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from captiond.captioners.base import Captioner
from captiond.captioners.vocabulary import Vocabulary
from captiond.index.base import Index
from captiond.models import Lane, Prepared, Recipe, Tier, Usage
from captiond.quota.gate import Gate
from captiond.quota.line import Line
from captiond.quota.odds import Odds
from captiond.quota.setbacks import Setbacks
from captiond.quota.sheds import Sheds
from captiond.quota.slots import Slots
from captiond.sidecars.base import ReadSidecars, ReadTags, WriteSidecars
from captiond.sidecars.troubles import Troubles


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with the photos of one folder: by which recipe, into which sidecars.

    `vocabulary` holds the words of the recipe's.
    """

    recipe: Recipe
    sidecars: tuple[str, ...]
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


class Contents:
    """The contents that are being captioned now: of copies that arrive together, one pays."""

    def __init__(self) -> None:
        self._underway: set[str] = set()

    @contextmanager
    def hold(self, digest: str) -> Iterator[bool]:
        """Hold the content; yields False when another photo does."""
        if digest in self._underway:
            yield False
            return
        self._underway.add(digest)
        try:
            yield True
        finally:
            self._underway.remove(digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything a photo meets on its way; `plans` maps a root to its plan.

    `look` refuses a file by its first bytes, before it is read whole: it raises a PhotoError.
    Each lane has a bench; what is not its own (`lane`, `tier`, `owner`) the two may share.
    """

    index: Index
    captioner: Captioner
    gate: Gate
    look: Callable[[bytes], object]
    prepare: Callable[[int, str], Awaitable[Prepared]]
    price: Callable[[str, Usage], float | None]
    read_sidecars: ReadSidecars
    read_tags: ReadTags
    write_sidecars: WriteSidecars
    plans: Mapping[str, Plan]
    preparing: Line
    asking: Slots
    owner: str
    lane: Lane = Lane.ARRIVAL
    tier: Tier = Tier.STANDARD
    clock: Callable[[], float] = time.time
    contents: Contents = field(default_factory=Contents)
    troubles: Troubles = field(default_factory=Troubles)
    setbacks: Setbacks = field(default_factory=Setbacks)
    odds: Odds = field(default_factory=Odds)
    sheds: Sheds = field(default_factory=Sheds)
