"""Carries out what was decided about the sidecars of one photo, and tells what stands then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from captiond.disk import files
from captiond.disk.plainfiles import Stamp
from captiond.errors import SidecarForeign
from captiond.handwriting import tokens
from captiond.models import Written
from captiond.sidecars.base import Outcome
from captiond.sidecars.names import SUFFIXES, beside_digest
from captiond.sidecars.places import KINDS, Places, digest_of


class Work:
    """What is to be written and removed beside a photo.

    `stamps` are those from when people's words were read there, None if they were not.
    """

    def __init__(
        self, places: Places, written: Mapping[str, Written], stamps: Mapping[str, Stamp] | None
    ) -> None:
        self.places = places
        self.written = written
        self.stands = dict(written)
        self.notes: list[str] = []
        self.drafts: dict[str, files.Draft] = {}
        self.removals: dict[str, bytes] = {}
        self._stamps = stamps

    def put(
        self, kind: str, name: str, data: bytes, *, over: bytes | None, marks: Sequence[bytes] = ()
    ) -> None:
        """Have a file say this; one that does already is not touched."""
        self.stands[kind] = Written(name, digest_of(data))
        if data != over:
            self.drafts[name] = files.Draft(name, data, replaces=over, marks=marks)

    def remove(self, kind: str, name: str, holding: bytes) -> None:
        """Have a file of captiond's gone."""
        self.stands.pop(kind, None)
        self.removals[name] = holding

    def carry_out(self) -> Outcome:
        """Write and remove, and return what stands. Raises SidecarUnwritable."""
        photo, stamps = self.places.photo, dict[str, Stamp | None]()
        if self.drafts:
            stamps.update(files.write_beneath(photo.root, photo.folder, list(self.drafts.values())))
        for name, holding in self.removals.items():
            if files.remove_beneath(photo.root, photo.folder, name, holding=holding):
                stamps[name] = None
            else:
                self.notes.append(f"{files.told(name)} was left alone: it was written to meanwhile")
        for kind in SUFFIXES:
            self._note_heard(kind)
        return Outcome(self.stands, tuple(self.notes), self._beside(stamps))

    def _beside(self, done: Mapping[str, Stamp | None]) -> str:
        """Return the digest of what lies there: as it was read, and as it was written.

        What somebody wrote to after it was read keeps its old stamp, so that the next look at the
        folder sees a difference, and their words are read.
        """
        found = self.places.stamps
        seen = dict(found if self._stamps is None else self._stamps)
        for name, stamp in done.items():
            if seen.get(name) == found.get(name):
                seen.pop(name, None)
                if stamp is not None:
                    seen[name] = stamp
        return beside_digest((name, one.size, one.mtime_ns) for name, one in seen.items())

    def _note_heard(self, kind: str) -> None:
        """Keep which files of a kind hold people's words that captiond knows."""
        known = self.written.get(kind)
        before = known.heard if known is not None else ()
        heard = tuple(
            digest for name in self.places.own(kind) for digest in self._heard(kind, name, before)
        )
        stands = self.stands.get(kind)
        if stands is not None and (stands.digest or heard):
            self.stands[kind] = replace(stands, heard=heard)
        elif heard:
            self.stands[kind] = Written(self.places.own(kind)[0], "", heard=heard)
        else:
            self.stands.pop(kind, None)

    def _heard(self, kind: str, name: str, before: Sequence[str]) -> Sequence[str]:
        """Return the digest of the file as it stands now, and tokens of what people say there.

        Nothing if their words are not known.
        """
        try:
            content = self.places.read(name)
        except SidecarForeign:
            return ()
        if content is None or self.places.is_whole(kind, name, content):
            return ()
        stamp = self.places.stamps.get(name)
        was_read = self._stamps is not None and self._stamps.get(name) == stamp
        if not was_read and digest_of(content) not in before:
            return ()
        draft = self.drafts.get(name)
        stands = content if draft is None else draft.data
        return (digest_of(stands), *sorted(_words(kind, stands)))


def _words(kind: str, content: bytes) -> frozenset[str]:
    try:
        return tokens(KINDS[kind].handwriting(content))
    except SidecarForeign:
        return frozenset()
