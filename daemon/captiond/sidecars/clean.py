"""Strips text of what a sidecar does not hold: what XML 1.0 has no place for, what nobody sees."""

from __future__ import annotations

import re
from collections.abc import Iterable

from captiond.visible import without_hidden

_LINE_ENDS = re.compile("\r\n?|\x85|\u2028|\u2029")


def clean(text: str) -> str:
    r"""Return the text without what hides or steers; lines end in `\n`, tabs are blanks."""
    lines = _LINE_ENDS.sub("\n", text).replace("\t", " ").split("\n")
    return "\n".join(map(without_hidden, lines)).strip()


def one_line(text: str) -> str:
    """Return the cleaned text with every run of white space as one blank."""
    return " ".join(clean(text).split())


def distinct(keywords: Iterable[str]) -> list[str]:
    """Return the cleaned keywords, each once, without empty ones."""
    return list(dict.fromkeys(filter(None, map(one_line, keywords))))
