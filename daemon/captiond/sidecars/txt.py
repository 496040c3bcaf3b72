"""Writes the caption alone, on one line: what training tools for image models read.

The line has no room for captiond's marks: they go with the file as the attribute `user.captiond`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from captiond.files import shown
from captiond.models import Description
from captiond.sidecars.base import Reading, Subject
from captiond.sidecars.clean import one_line
from captiond.sidecars.json import Json


class Txt:
    """`IMG.jpg.txt`: UTF-8 without a BOM, one line, never empty."""

    kind = "txt"

    def file_name(self, photo_name: str) -> str:
        """Return the sidecar's file name beside the photo."""
        return f"{photo_name}.txt"

    def render(self, subject: Subject) -> bytes:
        """Return the caption on one line; the photo's name if there is no word in it."""
        line = one_line(subject.caption.description.caption) or one_line(shown(subject.name))
        return f"{line}\n".encode()

    def is_ours(self, content: bytes) -> bool:
        """Return False: a line of text bears no marks."""
        del content
        return False

    def read(self, content: bytes) -> Reading | None:
        """Return None: what the line says of itself stands in its attribute."""
        del content
        return None

    def marks(self, subject: Subject) -> Sequence[bytes]:
        """Return the JSON document, and one without all but the caption.

        ext4 has room for 4000 bytes: enough but for a page full of text.
        """
        words = Description(caption=subject.caption.description.caption)
        brief = replace(subject, caption=replace(subject.caption, description=words))
        return [Json().render(about) for about in (subject, brief)]
