"""Finds the sidecars that lie beside a photo, and reads each once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property

from captiond.disk import files
from captiond.disk.plainfiles import Content, Stamp
from captiond.errors import SidecarForeign
from captiond.models import Photo, Written
from captiond.sidecars.base import LIMIT_BYTES, MERGE_LIMIT_BYTES, Reading, Sidecar, Subject
from captiond.sidecars.json import Json
from captiond.sidecars.names import candidates, is_its_own, rivals, spellings, stem_of
from captiond.sidecars.txt import Txt
from captiond.sidecars.xmp import Xmp

KINDS: Mapping[str, Sidecar] = {kind.kind: kind for kind in (Xmp(), Txt(), Json())}

EDITED = "edited"
"""Stands for the digest of a file that a person edited: the very words that captiond wrote once are
theirs when they come back, too."""


class Places:
    """What lies beside a photo; blocking. Raises SidecarUnwritable when it cannot be reached now.

    `digest` is the photo's content where it is known, `written` what captiond wrote beside it.
    """

    def __init__(
        self, photo: Photo, written: Mapping[str, Written], digest: str | None = None
    ) -> None:
        self.photo = photo
        self._written = written
        self._digest = digest
        self._read: dict[str, Content | None] = {}
        self._whole: dict[str, bool] = {}
        self._lying = files.look_beneath(photo.root, photo.folder, candidates(photo.name))

    @property
    def stamps(self) -> dict[str, Stamp]:
        """The stamps of the plain files among them, from before each was read."""
        plain = {name: stamp for name, stamp in self._lying.items() if stamp is not None}
        return plain | {name: one.stamp for name, one in self._read.items() if one is not None}

    @cached_property
    def rivals(self) -> tuple[str, ...]:
        """The other photos of the same stem; a folder of many is not read for nothing."""
        return rivals(self.photo.name, files.names_beneath(self.photo.root, self.photo.folder))

    def own(self, kind: str) -> list[str]:
        """Return the sidecars of a kind that are this photo's, the one to write to first."""
        name, stem = self.photo.name, stem_of(self.photo.name)
        full = [one for one in spellings(name, kind) if one in self._lying]
        if stem == name:
            return full
        by_stem = (one for one in spellings(stem, kind) if one in self._lying)
        return full + [one for one in by_stem if self._is_own(kind, one)]

    def read(self, name: str) -> bytes | None:
        """Return what a file holds, None if none is there.

        Raises SidecarForeign, SidecarImpossible.
        """
        if name not in self._read:
            limit = MERGE_LIMIT_BYTES if name.lower().endswith(".xmp") else LIMIT_BYTES
            photo = self.photo
            self._read[name] = files.content_beneath(
                photo.root, photo.folder, name, limit_bytes=limit
            )
        content = self._read[name]
        return None if content is None else content.data

    def reading(self, kind: str, name: str, content: bytes) -> Reading | None:
        """Return what a sidecar of captiond's says that nobody edited since, None for any other."""
        sidecar = KINDS[kind]
        if (reading := sidecar.read(content)) is not None:
            return reading
        marks = files.marks_beneath(self.photo.root, self.photo.folder, name)
        told = None if marks is None else Json().read(marks)
        if told is None:
            return None
        subject = Subject(self.photo.name, told.caption, told.version)
        return told if sidecar.render(subject) == content else None

    def is_whole(self, kind: str, name: str, content: bytes) -> bool:
        """Tell whether captiond wrote the whole file, and nobody edited it since it was read."""
        if name not in self._whole:
            self._whole[name] = self._tell_whole(kind, name, content)
        return self._whole[name]

    def _tell_whole(self, kind: str, name: str, content: bytes) -> bool:
        """Look at its marks; at the seal alone of an XMP: a merged one has a known digest, too."""
        if KINDS[kind].is_ours(content):
            return True
        if kind == "xmp":
            return False
        known = self._written.get(kind)
        if (
            known is not None
            and known.name == name
            and known.digest in (EDITED, digest_of(content))
        ):
            return known.digest != EDITED
        return self.reading(kind, name, content) is not None

    def _is_own(self, kind: str, name: str) -> bool:
        if not self.rivals:
            return True
        try:
            content = self.read(name) or b""
        except SidecarForeign:
            content = b""
        told = is_its_own(self.photo.name, kind, content, rivals=self.rivals, digest=self._digest)
        known = self._written.get(kind)
        wrote = known is not None and bool(known.digest) and known.name == name
        return wrote if told is None else told


def digest_of(content: bytes) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    return hashlib.sha256(content).hexdigest()
