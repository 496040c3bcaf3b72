"""Writes the caption alone, on one line: what training tools for image models read.

The line has no room for captiond's marks: they go with the file as the attribute `user.captiond`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from captiond.disk.files import shown
from captiond.errors import SidecarForeign
from captiond.handwriting import is_junk
from captiond.models import Description, Handwriting
from captiond.sidecars.base import NOT_OURS, Reading, Subject
from captiond.sidecars.clean import clean, one_line
from captiond.sidecars.json import Json
from captiond.sidecars.names import SUFFIXES, Names, file_name

MOST_CHARACTERS = 8_000
"""What is longer was not written as a caption: a log, a licence, a list of addresses."""


class Txt:
    """`IMG.jpg.txt`: UTF-8 without a BOM, one line, never empty."""

    kind = "txt"

    def file_name(self, photo_name: str, names: Names = "full") -> str:
        """Return the sidecar's file name beside the photo."""
        return file_name(photo_name, SUFFIXES[self.kind], names)

    def render(self, subject: Subject) -> bytes:
        """Return the caption on one line; the photo's name if there is no word in it."""
        line = one_line(subject.caption.description.caption) or one_line(shown(subject.name))
        return f"{line}\n".encode()

    def merge(self, content: bytes, subject: Subject) -> bytes:
        """Refuse: the whole file is what its writer made of it. Raises SidecarForeign."""
        del content, subject
        raise SidecarForeign(NOT_OURS)

    def handwriting(self, content: bytes) -> Handwriting:
        """Return the whole text as the caption: training tools read its first line, people more.

        Raises SidecarForeign for what is no text, or too long to be a caption.
        """
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SidecarForeign("it is no text in UTF-8") from error
        if "\0" in text:
            raise SidecarForeign("it is no text")
        if len(caption := clean(text)) > MOST_CHARACTERS:
            raise SidecarForeign(f"it is longer than {MOST_CHARACTERS} characters")
        return Handwriting() if is_junk(caption) else Handwriting(caption=caption)

    def withdraw(self, content: bytes) -> bytes | None:
        """Return the file as it is: nothing in it tells whose it is."""
        return content

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
