"""Writes everything about a caption as JSON, for scripts; docs/sidecars.md has the schema.

None of its keys is one by which PhotoPrism takes a JSON file for its own (`ExifToolVersion`,
`albumData`, `photoTakenTime`), and its name is none that Google Takeout writes.
"""

from __future__ import annotations

import json

from captiond.files import shown
from captiond.sidecars.base import Subject
from captiond.sidecars.clean import clean, distinct
from captiond.sidecars.seal import BLANK, is_sealed, seal

SCHEMA = 1
"""Goes up when a key changes its meaning or goes away; a new key leaves it."""

_MARK = b'"seal": "'


class Json:
    """`IMG.jpg.caption.json`."""

    kind = "json"

    def file_name(self, photo_name: str) -> str:
        """Return the sidecar's file name beside the photo."""
        return f"{photo_name}.caption.json"

    def render(self, subject: Subject) -> bytes:
        """Return the document, indented, sealed."""
        caption, words = subject.caption, subject.caption.description
        document = {
            "captiond": {"schema": SCHEMA, "version": subject.version, "seal": BLANK},
            "file": clean(shown(subject.name)),
            "digest": caption.digest,
            "caption": clean(words.caption),
            "title": clean(words.title),
            "alt_text": clean(words.alt_text),
            "keywords": distinct(words.keywords),
            "text": clean(words.text),
            "language": clean(caption.language),
            "model": clean(caption.model),
            "origin": caption.origin,
            "created_at": subject.created_at,
        }
        text = json.dumps(document, ensure_ascii=False, indent=2)
        return seal(f"{text}\n".encode(), _MARK)

    def is_ours(self, content: bytes) -> bool:
        """Tell whether the document bears its own seal."""
        return is_sealed(content, _MARK)
