"""Writes everything about a caption as JSON, and reads it back; docs/sidecars.md has the schema.

None of its keys is one by which PhotoPrism takes a JSON file for its own (`ExifToolVersion`,
`albumData`, `photoTakenTime`), and its name is none that Google Takeout writes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from msgspec import Struct

from captiond.disk.files import shown
from captiond.errors import SidecarForeign
from captiond.models import Caption, Description, Handwriting
from captiond.sidecars.base import (
    MOST_CHARACTERS,
    NOT_OURS,
    Reading,
    Subject,
    unix_seconds,
)
from captiond.sidecars.clean import clean, distinct
from captiond.sidecars.names import SUFFIXES, Names, file_name
from captiond.sidecars.seal import BLANK, is_sealed, seal

SCHEMA = 1
"""Goes up when a key changes its meaning or goes away; a new key leaves it."""

_MARK = b'"seal": "'


class _Maker(Struct, frozen=True):
    schema: int
    version: str


class _Document(Struct, frozen=True):
    captiond: _Maker
    digest: str
    recipe: str
    caption: str
    title: str
    alt_text: str
    keywords: tuple[str, ...]
    text: str
    language: str
    model: str
    origin: str
    created_at: str


class _Edited(Struct, frozen=True):
    """A document after a person was at it, who may have removed keys."""

    captiond: _Maker
    caption: str = ""
    title: str = ""
    alt_text: str = ""
    keywords: tuple[str, ...] = ()


class Json:
    """`IMG.jpg.caption.json`."""

    kind = "json"

    def file_name(self, photo_name: str, names: Names = "full") -> str:
        """Return the sidecar's file name beside the photo."""
        return file_name(photo_name, SUFFIXES[self.kind], names)

    def render(self, subject: Subject) -> bytes:
        """Return the document, indented, sealed."""
        caption, words = subject.caption, subject.caption.description
        document = {
            "captiond": {"schema": SCHEMA, "version": subject.version, "seal": BLANK},
            "file": clean(shown(subject.name)),
            "digest": caption.digest,
            "recipe": caption.recipe,
            "caption": clean(words.caption),
            "title": clean(words.title),
            "alt_text": clean(words.alt_text),
            "keywords": distinct(words.keywords),
            "text": clean(words.text),
            "language": clean(caption.language),
            "model": clean(caption.model),
            "origin": caption.origin,
            "created_at": subject.created_at,
            **({"source": clean(subject.source)} if subject.source else {}),
        }
        text = json.dumps(document, ensure_ascii=False, indent=2)
        return seal(f"{text}\n".encode(), _MARK)

    def merge(self, content: bytes, subject: Subject) -> bytes:
        """Refuse: a person who edits the document keeps it. Raises SidecarForeign."""
        del content, subject
        raise SidecarForeign(NOT_OURS)

    def handwriting(self, content: bytes) -> Handwriting:
        """Return all words of a document of captiond's that was edited since; empty as taken back.

        Which of them are the person's shows only beside what the photo shows.
        """
        if self.is_ours(content):
            return Handwriting()
        try:
            words = msgspec.json.decode(content, type=_Edited)
        except (msgspec.MsgspecError, ValueError):  # another program's, or broken by hand
            return Handwriting()
        told = Handwriting(
            caption=clean(words.caption),
            title=clean(words.title),
            alt_text=clean(words.alt_text),
            keywords=tuple(distinct(words.keywords)),
        )
        texts = {"caption": told.caption, "title": told.title, "alt_text": told.alt_text}
        if sum(map(len, (*texts.values(), *told.keywords))) > MOST_CHARACTERS:
            return Handwriting()
        return replace(told, taken_back=frozenset(name for name, text in texts.items() if not text))

    def withdraw(self, content: bytes) -> bytes | None:
        """Return None for a document that nobody edited, any other as it is."""
        return None if self.is_ours(content) else content

    def is_ours(self, content: bytes) -> bool:
        """Tell whether the document bears its own seal."""
        return is_sealed(content, _MARK)

    def read(self, content: bytes) -> Reading | None:
        """Return what the document says; None unless it is sealed and of this schema."""
        if not self.is_ours(content):
            return None
        try:
            document = msgspec.json.decode(content, type=_Document)
            caption = _caption(document)
        except (msgspec.MsgspecError, ValueError):  # whoever can compute a seal may write anything
            return None
        maker = document.captiond
        return Reading(caption, maker.version) if maker.schema == SCHEMA else None

    def marks(self, subject: Subject) -> Sequence[bytes]:
        """Return none: the document bears its own."""
        del subject
        return ()


def _caption(document: _Document) -> Caption:
    """Return the caption that the document tells. Raises ValueError."""
    return Caption(
        digest=document.digest,
        recipe=document.recipe,
        origin=document.origin,
        language=clean(document.language),
        model=clean(document.model),
        created_at=unix_seconds(document.created_at),
        description=Description(
            caption=clean(document.caption),
            title=clean(document.title),
            alt_text=clean(document.alt_text),
            keywords=tuple(distinct(document.keywords)),
            text=clean(document.text),
        ),
    )
