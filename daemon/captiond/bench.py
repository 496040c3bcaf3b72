"""What a photo meets on its way, laid out for all workers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from captiond.captioners.base import Captioner, Question
from captiond.captioners.vocabulary import ANY_WORD, Vocabulary
from captiond.index.base import Index
from captiond.models import Facts, Lane, Photo, Prepared, Recipe, Signature, Tier, Usage
from captiond.quota.budget import Caps
from captiond.quota.gate import Gate
from captiond.quota.line import Line
from captiond.quota.odds import Odds
from captiond.quota.pacing import Pacing
from captiond.quota.setbacks import Setbacks
from captiond.quota.sheds import Sheds
from captiond.quota.slots import Slots
from captiond.settings import Existing
from captiond.sidecars.base import (
    Beside,
    Layout,
    ReadHandwriting,
    ReadSidecars,
    ReadTags,
    WriteSidecars,
)
from captiond.sidecars.troubles import Troubles


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with the photos of one folder: by which recipe, into which sidecars.

    `vocabulary` holds the words of the recipe's; `existing` says whether what a person left empty
    is filled, `bursts` whether one photo of a series speaks for all.
    """

    recipe: Recipe
    layout: Layout = field(default_factory=Layout)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    existing: Existing = "adopt"
    bursts: bool = False


class Plans(Protocol):
    """Says what is done with each photo."""

    @property
    def roots(self) -> Sequence[str]:
        """The watched roots."""

    def at(self, photo: Photo) -> Plan | None:
        """Return the plan for a photo, None for one that is left alone; blocks on the disk.

        Raises RulesBroken.
        """

    def vocabulary(self, recipe: str, photo: Photo) -> Vocabulary:
        """Return the words that a photo's caption by a recipe of this key is held to; blocks."""


@dataclass(frozen=True, slots=True)
class RootPlans:
    """One plan for each watched root."""

    by_root: Mapping[str, Plan]

    @property
    def roots(self) -> Sequence[str]:
        """The watched roots."""
        return list(self.by_root)

    def at(self, photo: Photo) -> Plan | None:
        """Return the plan for a photo, None where its root is not watched."""
        return self.by_root.get(photo.root)

    def vocabulary(self, recipe: str, photo: Photo) -> Vocabulary:
        """Return the words that a photo's caption by a recipe of this key is held to."""
        plan = self.at(photo)
        return plan.vocabulary if plan is not None and plan.recipe.key == recipe else ANY_WORD


class Contents:
    """The contents that are being captioned now: of those that arrive together, one pays.

    Of copies as of what else may share a caption: see `kinship`.
    """

    def __init__(self) -> None:
        self._underway: set[str] = set()
        self._kept: set[str] = set()
        self._asked: dict[str, tuple[Photo, Facts]] = {}
        self._waiting: dict[Photo, tuple[Signature, str]] = {}

    @contextmanager
    def hold(self, digest: str) -> Iterator[bool]:
        """Hold the content; yields False when another photo does."""
        if self.holds(digest):
            yield False
            return
        self._underway.add(digest)
        try:
            yield True
        finally:
            self._underway.remove(digest)
            self._forget([digest])

    def holds(self, digest: str) -> bool:
        """Tell whether the content is held."""
        return digest in self._underway or digest in self._kept

    def keeps(self, digest: str) -> bool:
        """Tell whether the content is held beyond its photo's turn: it goes along in a job."""
        return digest in self._kept

    def keeps_photo(self, photo: Photo) -> bool:
        """Tell whether the photo goes along in a job."""
        return any(one == photo and self.keeps(digest) for digest, (one, _) in self._asked.items())

    @property
    def asked(self) -> Collection[tuple[Photo, Facts]]:
        """What is held and asked about, or to be asked about."""
        return self._asked.values()

    def ask(self, photo: Photo, facts: Facts) -> None:
        """Note what is asked about, as long as it is held."""
        self._asked[facts.digest] = photo, facts

    def wait(self, photo: Photo, signature: Signature, digest: str) -> None:
        """Note that a photo waits for another content, so that it need not be read to know that."""
        self._waiting[photo] = signature, digest

    def awaited(self, photo: Photo, signature: Signature) -> str | None:
        """Return what the photo waited for, once, unless its file has changed."""
        before, digest = self._waiting.pop(photo, (None, None))
        return digest if before == signature else None

    def keep(self, digest: str) -> None:
        """Go on holding a content beyond its photo's turn, until it is dropped."""
        self._kept.add(digest)

    def drop(self, digests: Iterable[str]) -> None:
        """Let go of contents that were kept."""
        dropped = list(digests)
        self._kept.difference_update(dropped)
        self._forget(dropped)

    def _forget(self, digests: Iterable[str]) -> None:
        for digest in digests:
            if not self.holds(digest):
                self._asked.pop(digest, None)


class Collector(Protocol):
    """Takes questions along in a batch job."""

    async def enrol(self, question: Question) -> bool:
        """Take a question along, and its photo over; False: it is to be asked by itself.

        Raises CaptionerPaused, OSError.
        """

    def allowance(self, *, now: float, in_flight: int) -> int:
        """Return how many more photos may be begun; `now` in ticks."""

    def opens_in(self, *, now: float) -> float | None:
        """Return the seconds until photos may be begun again: 0 = now, None = nobody knows."""


@dataclass(slots=True)
class Ended:
    """How many photos were captioned, and set aside, since the start; no person's edits."""

    captioned: int = 0
    set_aside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything a photo meets on its way.

    `look` refuses a file by its first bytes, before it is read whole: it raises a PhotoError.
    `clock` is the wall's, in unix seconds, for what is stored and for calendar days; `ticks` never
    jumps, and is for every wait and pause. Each lane has a bench; what is not its own (`lane`,
    `tier`, `owner`) the two may share.
    """

    index: Index
    captioner: Captioner
    gate: Gate
    look: Callable[[bytes], object]
    prepare: Callable[[int, str], Awaitable[Prepared]]
    price: Callable[[str, Usage, Tier], float | None]
    read_sidecars: ReadSidecars
    read_tags: ReadTags
    write_sidecars: WriteSidecars
    plans: Plans
    preparing: Line
    asking: Slots
    owner: str
    lane: Lane = Lane.ARRIVAL
    tier: Tier = Tier.STANDARD
    collector: Collector | None = None
    read_handwriting: ReadHandwriting = field(default=lambda *_: Beside())
    clock: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    caps: Caps = field(default_factory=Caps)
    pacing: Pacing = field(default_factory=Pacing)
    contents: Contents = field(default_factory=Contents)
    troubles: Troubles = field(default_factory=Troubles)
    setbacks: Setbacks = field(default_factory=Setbacks)
    odds: Odds = field(default_factory=Odds)
    sheds: Sheds = field(default_factory=Sheds)
    ended: Ended = field(default_factory=Ended)
