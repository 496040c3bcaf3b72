"""Strips text of what a sidecar cannot hold: XML 1.0 and UTF-8 have no place for it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LINE_ENDS = re.compile("\r\n?|\x85|\u2028|\u2029")
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    r"""Return the text without control characters and lone surrogates; lines end in `\n`."""
    return _IMPOSSIBLE.sub("", _LINE_ENDS.sub("\n", text)).strip()


def one_line(text: str) -> str:
    """Return the cleaned text with every run of white space as one blank."""
    return " ".join(clean(text).split())


def distinct(keywords: Iterable[str]) -> list[str]:
    """Return the cleaned keywords, each once, without empty ones."""
    return list(dict.fromkeys(filter(None, map(one_line, keywords))))
