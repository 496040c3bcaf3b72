"""Which captions photos had, and which they are to have instead.

past        one caption of a photo's content; captions are only ever added, so all of them are there
number      its place among those, 1 for the first: the same for ever
wanted      which photos are to be captioned anew
order       photos queued anew: each shows the caption it has until a new one is committed
reversal    an old caption that is shown again: a new one that repeats its words

A reversal needs no captioner, and no claim: its photo is queued for REVERSAL_SECONDS later, when it
is captioned for free by what it shows. Who reverts writes the sidecars meanwhile, and settles the
photo; whatever becomes of them, it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from captiond.errors import NotReverted
from captiond.models import Caption, Photo, Signature, State

if TYPE_CHECKING:  # base speaks of the History below
    from captiond.index.base import Claim, Completed

IN_VAIN = "no new caption, the one before stays: "
"""Opens the reason of a photo that was captioned anew in vain."""

REVERSAL_SECONDS = 10.0
"""Longer than any sidecar takes; who is slower writes the same bytes as the daemon, beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One caption of a photo's content; `reverts` is the number of the one that it repeats.

    `tier` is who served it and `cost_usd` what that cost, None where no request brought it.
    """

    number: int
    caption: Caption
    shown: bool
    reverts: int | None = None
    tier: str | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Photos that show a captioner's words, beneath the roots of `recipes`, and pass every filter.

    `recipes` maps a root to the key of the recipe in force, `elsewhere` a root and a folder where
    it is another one, None where photos are left alone; `stale` takes captions by another one than
    that in force, but for what somebody brought back. `places` are photos, or folders with all
    beneath them ("" is the root), () is everywhere. `model` is as configured or as it answered;
    `since` unix seconds.
    """

    recipes: Mapping[str, str]
    elsewhere: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    places: Sequence[Photo] = ()
    origin: str | None = None
    model: str | None = None
    since: float | None = None
    stale: bool = False

    def recipe_in(self, root: str, folder: str) -> str | None:
        """Return the key of the recipe in force in a folder, None where nothing is wanted."""
        return self.elsewhere.get((root, folder), self.recipes.get(root))


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the wanted photos a recipe is in force for, and how many contents they are."""

    recipe: str
    photos: int
    contents: int


@dataclass(frozen=True, slots=True)
class Reversal:
    """A caption that was brought back; `claim` is its photo's row."""

    claim: Claim
    caption: Caption


class History(Protocol):
    """What photos showed, and what they are to show."""

    async def shown(self, photo: Photo) -> Caption | None:
        """Return the caption that the photo shows, None if it has none or a new one is ordered."""

    async def past(self, photo: Photo) -> list[Past]:
        """Return every caption of the photo's content, the newest first.

        The offline captioner speaks of names: its captions of copies elsewhere are left out.
        """

    async def count(self, wanted: Wanted) -> list[Share]:
        """Return how many photos are wanted by each recipe that is in force for some."""

    async def order(self, wanted: Wanted) -> int:
        """Queue what is wanted in the backlog, to be captioned anew; return how many photos."""

    async def revert(
        self, photo: Photo, number: int | None, *, signature: Signature, now: float
    ) -> Reversal:
        """Show the caption before the present one again, or that of a number; see `Reversal`.

        `signature` is the file's now. Raises NotReverted: nothing before it, or not now.
        """

    async def settle(self, reversal: Reversal, done: Completed) -> bool:
        """Close a reversal whose sidecars are written; False if its photo changed meanwhile."""


def choose(past: Sequence[Past], number: int | None) -> Past:
    """Return the caption to be brought back: of this number, or the one before the present one.

    What was brought back stands for the one that it repeats, so that one may go further back.
    Raises NotReverted.
    """
    shown = next((one for one in past if one.shown), None)
    if shown is None:
        raise NotReverted("it shows no caption")
    if number is None:
        before = [one for one in past if one.reverts is None and one.number < _first(shown)]
        if not before:
            raise NotReverted("it shows its first caption; there is none before that")
        return max(before, key=lambda one: one.number)
    chosen = next((one for one in past if one.number == number), None)
    if chosen is None:
        raise NotReverted(f"it has no caption {number}; `captiond show --history` lists them")
    if _first(chosen) == _first(shown):
        raise NotReverted(f"it shows caption {number} already")
    return chosen


def refuse(state: State, owner: str | None) -> None:
    """Raise NotReverted for a photo that something else is being done with."""
    if owner is not None and owner.startswith("job "):
        raise NotReverted("it lies with Gemini in a batch job; revert it when it is captioned")
    if state is State.INFLIGHT or owner is not None:
        raise NotReverted("it is being captioned right now; revert it in a moment")
    if state is State.QUEUED:
        raise NotReverted("it waits for its turn to be captioned; revert it after that")
    if state is not State.CAPTIONED:
        raise NotReverted(f"it is {state}, not captioned")


def _first(past: Past) -> int:
    """Return the number of the caption whose words these were first."""
    return past.number if past.reverts is None else past.reverts
