"""The history of the in-memory index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from captiond.errors import NotReverted
from captiond.index.base import Completed
from captiond.index.history_base import (
    REVERSAL_SECONDS,
    Past,
    Reversal,
    Share,
    Wanted,
    choose,
    refuse,
)
from captiond.models import HUMAN, Caption, Lane, Photo, Recipe, Signature, State
from captiond.testing.memory_rows import Row

if TYPE_CHECKING:  # it holds the history
    from captiond.testing.memory_index import MemoryIndex


class MemoryHistory:
    """The history of a MemoryIndex: the twin of `index.history`.

    `repeats` maps the place of a caption among all, 1 for the first, to that of the one it repeats.
    """

    def __init__(self, index: MemoryIndex) -> None:
        self.repeats: dict[int, int] = {}
        self._index = index

    async def shown(self, photo: Photo) -> Caption | None:
        """Return the caption that the photo shows, None if it has none or a new one is ordered."""
        row = self._index.rows.get(photo)
        if row is None or row.caption is None or row.caption.digest != row.digest:
            return None
        is_new = row.anew_after is None or self._place(row.caption) > row.anew_after
        return row.caption if is_new else None

    def reusable(self, digest: str, recipe: Recipe, after: int | None) -> Caption | None:
        """Return the newest caption that may be reused for this content, None if there is none."""
        placed = enumerate(self._index.captions, start=1)
        of_it = [(place, one) for place, one in reversed(list(placed)) if one.digest == digest]
        if after is not None:
            anew = (one for place, one in of_it if one.recipe == recipe.key and place > after)
            return next(anew, None)
        chosen = max((place for place, _ in of_it if place in self.repeats), default=0)
        fitting = [one for one in of_it if self._fits(*one, recipe)]
        by_people = [one for one in fitting if one[1].origin == HUMAN and one[0] >= chosen]
        return next((caption for _, caption in (*by_people, *fitting)), None)

    def _fits(self, place: int, caption: Caption, recipe: Recipe) -> bool:
        brought_back = place in self.repeats and caption.origin == recipe.origin
        return brought_back or recipe.accepts(caption)

    async def past(self, photo: Photo) -> list[Past]:
        """Return every caption of the photo's content, the newest first."""
        row = self._index.rows.get(photo)
        places = [] if row is None else list(self._places(row))
        numbers = {place: number for number, place in enumerate(places, start=1)}
        return [self._past(place, numbers, row) for place in reversed(places) if row is not None]

    async def count(self, wanted: Wanted) -> list[Share]:
        """Return how many photos are wanted by each recipe that is in force for some."""
        rows: dict[str, list[Row]] = {}
        for row in self._chosen(wanted):
            key = wanted.recipe_in(row.photo.root, row.photo.folder) or ""
            rows.setdefault(key, []).append(row)
        return [
            Share(key, len(there), len({row.digest for row in there}))
            for key, there in sorted(rows.items())
        ]

    async def order(self, wanted: Wanted) -> int:
        """Queue what is wanted in the backlog, to be captioned anew; return how many photos."""
        rows = list(self._chosen(wanted))
        for row in rows:
            row.state, row.lane = State.QUEUED, Lane.BACKLOG
            row.anew_after = len(self._index.captions)
            row.reason, row.retry_at, row.attempts, row.crashes = None, None, 0, 0
        return len(rows)

    async def revert(
        self, photo: Photo, number: int | None, *, signature: Signature, now: float
    ) -> Reversal:
        """Show the caption before the present one again, or that of a number."""
        row = self._index.rows.get(photo)
        if row is None:
            raise NotReverted("it is not in the index")
        refuse(row.state, row.owner)
        if row.signature != signature:
            raise NotReverted("its file has changed since it was captioned")
        past, claim = await self.past(photo), row.claim()
        chosen = choose(past, number)
        caption = replace(chosen.caption, created_at=now)
        original = list(self._places(row))[(chosen.reverts or chosen.number) - 1]
        self._index.captions.append(caption)
        self.repeats[len(self._index.captions)] = original
        row.caption, row.state, row.reason = caption, State.QUEUED, None
        row.unasked = None
        row.retry_at, row.attempts, row.crashes = now + REVERSAL_SECONDS, 0, 0
        return Reversal(claim, caption)

    async def settle(self, reversal: Reversal, done: Completed) -> bool:
        """Close a reversal whose sidecars are written; False if its photo changed meanwhile."""
        row = self._index.rows.get(done.photo)
        if row is None:
            return False
        row.written = dict(done.written)
        row.beside = row.beside if done.beside is None else done.beside
        if not row.waits or row.caption != reversal.caption:
            return False
        row.state, row.reason, row.retry_at = State.CAPTIONED, done.reason, None
        row.captioned_at = done.captioned_at
        return True

    def _chosen(self, wanted: Wanted) -> Iterator[Row]:
        places = wanted.places or [Photo(root, "") for root in wanted.recipes]
        for row in self._index.rows.values():
            if any(_is_at(row.photo, place) for place in places) and self._is_wanted(row, wanted):
                yield row

    def _is_wanted(self, row: Row, wanted: Wanted) -> bool:
        key, shown = wanted.recipe_in(row.photo.root, row.photo.folder), row.caption
        if key is None or shown is None or row.state is not State.CAPTIONED:
            return False
        if shown.origin == HUMAN:
            return False
        stale = shown.recipe != key and self._place(shown) not in self.repeats
        return (
            wanted.origin in (None, shown.origin)
            and (wanted.since is None or (row.captioned_at or 0.0) >= wanted.since)
            and (stale or not wanted.stale)
            and (wanted.model is None or self._is_by(shown, wanted.model))
        )

    def _is_by(self, caption: Caption, model: str) -> bool:
        recipe = self._index.recipes.get(caption.recipe)
        if recipe is not None and recipe.model == model:
            return True
        return re.fullmatch(rf"{re.escape(model)}(-\d.*)?", caption.model) is not None

    def _places(self, row: Row) -> Iterator[int]:
        """Yield the places of the captions of the photo's content."""
        for place, caption in enumerate(self._index.captions, start=1):
            is_of_it = caption.digest == row.digest
            if is_of_it and (caption.origin != "offline" or self._was_asked_here(place, row)):
                yield place

    def _was_asked_here(self, place: int, row: Row) -> bool:
        if self._index.captions[place - 1] is row.caption:
            return True
        original = self._index.captions[self.repeats.get(place, place) - 1]
        answers = self._index.answers.values()
        return any(one.photo == row.photo and one.caption is original for one in answers)

    def _past(self, place: int, numbers: dict[int, int], row: Row) -> Past:
        caption, repeated = self._index.captions[place - 1], self.repeats.get(place)
        answers = self._index.answers.values()
        answer = next((one for one in answers if one.caption is caption), None)
        return Past(
            number=numbers[place],
            caption=caption,
            shown=caption is row.caption,
            reverts=None if repeated is None else numbers[repeated],
            tier=None if answer is None else answer.tier,
            cost_usd=None if answer is None else answer.cost_usd,
        )

    def _place(self, caption: Caption) -> int:
        return next(
            place for place, one in enumerate(self._index.captions, start=1) if one is caption
        )


def _is_at(photo: Photo, place: Photo) -> bool:
    beneath = not place.path or f"{photo.folder}/".startswith(f"{place.path}/")
    return photo.root == place.root and (photo == place or beneath)
