"""What people wrote, in the in-memory index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captiond.handwriting import change, later
from captiond.index.people_base import Known
from captiond.models import HUMAN, Caption, Description, Facts, Handwriting, Photo, State
from captiond.testing.memory_rows import Row

if TYPE_CHECKING:  # it holds what people wrote
    from captiond.testing.memory_index import MemoryIndex


class MemoryPeople:
    """What people wrote, as a MemoryIndex keeps it: the twin of `index.people`."""

    def __init__(self, index: MemoryIndex) -> None:
        self._index = index
        self._within: dict[str, Handwriting] = {}
        self._revised: list[Caption] = []
        self._changes: list[tuple[Caption, Caption]] = []

    async def known(self, photo: Photo, digest: str) -> Known:
        """Return what people wrote beside a photo and into these bytes."""
        row, own = self._index.rows.get(photo), self.by_captiond(digest)
        if row is not None and row.former is not None and row.former.digest != digest:
            own += self.by_captiond(row.former.digest)
        facts, changed = self._index.facts.get(digest), Handwriting()
        same = {digest, *self._alike(None if facts is None else facts.pixels)}
        for before, after in self._changes:
            if after.digest in same and after.origin != HUMAN:
                changed = later(change(before.description, after.description), changed)
        within = self._within.get(digest, Handwriting())
        former = None if row is None else row.former
        words = former.description if former is not None and former.origin == HUMAN else None
        return Known(within, row is not None and row.heeded, tuple(own), changed, words)

    async def said(self, pixels: str) -> list[Description]:
        """Return what captiond itself said of these pixels."""
        return [words for one in self._alike(pixels) for words in self.by_captiond(one)]

    async def inscribed(self, pixels: str) -> list[Handwriting]:
        """Return what people wrote into files with these pixels."""
        return [self._within[one] for one in self._alike(pixels) if one in self._within]

    async def inscribe(self, digest: str, within: Handwriting) -> None:
        """Keep what people wrote into the file itself."""
        self._within[digest] = within

    async def revise(
        self, photo: Photo, *, owner: str, caption: Caption, facts: Facts | None = None
    ) -> None:
        """Add a caption as people left it; the claimed photo shows it from now on."""
        row = self._held(photo, owner)
        if row is None:
            return
        if facts is not None:
            self._index.facts[facts.digest] = facts
        self._index.captions.append(caption)
        self._index.kin.hand_on(row.caption)
        self._revised.append(caption)
        if row.caption is not None and row.caption.digest == caption.digest:
            self._changes.append((row.caption, caption))
        row.digest, row.caption, row.heeded = caption.digest, caption, True

    async def is_taken_back(self, digest: str) -> bool:
        """Tell whether the content's caption was taken back and no photo shows one."""
        rows = [row for row in self._index.rows.values() if row.digest == digest]
        return any(row.withdrawn for row in rows) and not any(row.caption for row in rows)

    async def withhold(self, photo: Photo, *, owner: str, digest: str, reason: str) -> None:
        """Close a claim: the photo is `skipped`, and is not captioned again unasked."""
        row = self._index.held(photo, owner)
        if row is not None:
            row.owner, row.anew_after, row.unasked = None, None, None
            row.state, row.reason, row.digest = State.SKIPPED, reason, digest
            row.withdrawn = max(row.withdrawn, 1 if row.written else 2)

    def by_captiond(self, digest: str) -> list[Description]:
        """Return what captiond itself said about a content."""
        of_it = [one for one in self._index.captions if one.digest == digest]
        said = [one for one in of_it if one.origin != HUMAN and one not in self._revised]
        return [one.description for one in said]

    def _alike(self, pixels: str | None) -> list[str]:
        every = self._index.facts.values()
        return [one.digest for one in every if pixels is not None and one.pixels == pixels]

    def _held(self, photo: Photo, owner: str) -> Row | None:
        row = self._index.rows.get(photo)
        held = row is not None and row.owner == owner and row.state is State.INFLIGHT
        return row if held else None
