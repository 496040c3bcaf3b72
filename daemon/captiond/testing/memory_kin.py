"""Kin in the in-memory index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from captiond.akin import seconds_apart
from captiond.index.kin_base import BURST_SECONDS, Leader, Mate
from captiond.models import HUMAN, Caption, Facts, Photo, Recipe, State
from captiond.testing.memory_rows import Row

if TYPE_CHECKING:  # it holds the kin
    from captiond.testing.memory_index import MemoryIndex


class MemoryKin:
    """The kin of a MemoryIndex: the twin of `index.kin`.

    `taken_from` maps the place of a lent caption among all, 1 for the first, to that of the one it
    was taken from first.
    """

    def __init__(self, index: MemoryIndex) -> None:
        self.taken_from: dict[int, int] = {}
        self._index = index

    async def same_pixels(
        self, pixels: str, *, recipe: Recipe, after: int | None = None, people: bool = True
    ) -> Caption | None:
        """Return the newest caption of contents with these pixels."""
        alike = [digest for digest, one in self._index.facts.items() if one.pixels == pixels]
        if not people:
            of_them = [one for one in self._index.captions if one.digest in alike]
            fitting = (one for one in reversed(of_them) if recipe.accepts(one))
            return next((one for one in fitting if one.origin != HUMAN), None)
        each = [self._index.history.reusable(digest, recipe, after) for digest in alike]
        found = [one for one in each if one is not None]
        return max(found, key=lambda one: (one.origin == HUMAN, self._place(one)), default=None)

    async def mates(self, photo: Photo) -> list[Mate]:
        """Return the photos that share the photo's folder, and its stem in whatever case."""
        there = [row for row in self._beside(photo) if row.state is not State.MISSING]
        return [self._mate(row) for row in there if _shares_stem(row.photo, photo)]

    async def leaders(
        self, photo: Photo, facts: Facts, *, recipe: Recipe, after: int | None = None
    ) -> list[Leader]:
        """Return whose captions photos show that were taken with the photo, the newest first."""
        digests = {self._first(shown).digest for shown in self._near(photo, facts)}
        found = [
            (place, one)
            for place, one in enumerate(self._index.captions, start=1)
            if one.digest in digests
            and self._was_asked(place)
            and (recipe.accepts(one) if after is None else one.recipe == recipe.key)
            and place > (after or 0)
        ]
        return [
            Leader(one, self._index.facts[one.digest], self._name(photo, one.digest))
            for _, one in reversed(found)
        ]

    async def in_jobs(self, facts: Facts) -> list[tuple[Photo, Facts]]:
        """Return what open batch jobs ask about that has these pixels, or was taken then."""
        asked = [one for one, owner in self._index.requests.values() if self._in_job(owner)]
        return [
            (one.photo, one.facts)
            for one in asked
            if _have_same_pixels(one.facts, facts) or _were_taken_together(one.facts, facts)
        ]

    async def lend(self, photo: Photo, *, owner: str, caption: Caption, facts: Facts) -> Caption:
        """Return a caption of another content as the claimed photo's, shown from now on."""
        lent, row = replace(caption, digest=facts.digest), self._index.rows.get(photo)
        if row is None or row.state is not State.INFLIGHT or row.owner != owner:
            return lent
        self._index.facts[facts.digest] = facts
        self._index.captions.append(lent)
        first = self._first(caption)
        self.taken_from[len(self._index.captions)] = self._place(first)
        row.digest, row.caption, row.crashes, row.heeded = facts.digest, lent, 0, False
        return lent

    def hand_on(self, before: Caption | None) -> None:
        """Note that the newest caption is one that was there before, as people left it."""
        newest = len(self._index.captions)
        place = 0 if before is None else self._place(before)
        if place in self.taken_from and self._index.captions[newest - 1].origin != HUMAN:
            self.taken_from[newest] = self.taken_from[place]

    def _mate(self, row: Row) -> Mate:
        facts = self._index.facts.get(row.digest or "")
        return Mate(
            photo=row.photo,
            state=row.state,
            lane=row.lane,
            retry_at=row.retry_at,
            in_job=self._in_job(row.owner),
            digest=row.digest,
            taken_at=None if facts is None else facts.taken_at,
        )

    def _beside(self, photo: Photo) -> Iterator[Row]:
        for row in self._index.rows.values():
            if (row.photo.root, row.photo.folder) == (photo.root, photo.folder):
                yield row

    def _near(self, photo: Photo, facts: Facts) -> Iterator[Caption]:
        for row in self._beside(photo):
            known = self._index.facts.get(row.digest or "")
            if known is None or row.caption is None or row.caption.origin == HUMAN:
                continue
            if _were_taken_together(known, facts):
                yield row.caption

    def _name(self, photo: Photo, digest: str) -> str | None:
        names = (row.photo.name for row in self._beside(photo) if row.digest == digest)
        return next(names, None)

    def _place(self, caption: Caption) -> int:
        placed = enumerate(self._index.captions, start=1)
        return max(place for place, one in placed if one == caption)

    def _first(self, caption: Caption) -> Caption:
        place = self._place(caption)
        return self._index.captions[self.taken_from.get(place, place) - 1]

    def _was_asked(self, place: int) -> bool:
        original = self._index.captions[self._index.history.repeats.get(place, place) - 1]
        return any(one.caption is original for one in self._index.answers.values())

    def _in_job(self, owner: str | None) -> bool:
        return self._index.jobs.holds(owner)


def _shares_stem(one: Photo, other: Photo) -> bool:
    stems = {photo.name.rpartition(".")[0].casefold() for photo in (one, other)}
    return one != other and len(stems) == 1


def _have_same_pixels(one: Facts, other: Facts) -> bool:
    return one.pixels is not None and one.pixels == other.pixels


def _were_taken_together(one: Facts, other: Facts) -> bool:
    if None in (one.camera, one.likeness, other.likeness) or one.camera != other.camera:
        return False
    apart = seconds_apart(one.taken_at, other.taken_at)
    return apart is not None and apart <= BURST_SECONDS
