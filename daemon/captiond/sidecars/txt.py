"""Writes the caption alone, on one line: what training tools for image models read."""

from __future__ import annotations

from captiond.files import shown
from captiond.sidecars.base import Subject
from captiond.sidecars.clean import one_line


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
