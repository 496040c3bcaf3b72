"""Puts a model's words into the form that was asked for, so that no form is paid for again.

A text over its length ends with its last whole sentence that fits, if that leaves half of it, else
with a whole word and an ellipsis. An opening like "This image shows" is taken off where the rest
stands by itself, and left where it might not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from captiond.captioners.languages import OPENINGS
from captiond.visible import on_one_line, without_hidden

CAPTION_CHARACTERS = 2_000
TITLE_CHARACTERS = 79
ALT_TEXT_CHARACTERS = 124
KEYWORD_CHARACTERS = 64
KEYWORDS = 15
TEXT_CHARACTERS = 10_000

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_JOINERS = "\u200c\u200d"
_CLOSING = r"['\"\u201d\u2019\u00bb)]*"
_SENTENCE_END = re.compile(
    rf"(?:(?<=\w\w\w)\.|[!?\u2026]){_CLOSING}(?=\s)|[\u3002\uff01\uff1f\u0964]"
)
_LIST_MARKS = re.compile(r"[,;\n\u3001\uff0c\uff1b\u060c]")
_BREAKING_OFF = " \t\n,;:-\u2013\u2014"
_DOTLESS = str.maketrans({"I": "\u0131", "\u0130": "i"})
_SHORTEST_REST = 8


def line(text: str, limit: int) -> str:
    """Return the text as one clean line of at most `limit` characters."""
    return cut(on_one_line(text).strip(_JOINERS + " "), limit)


def sentence(text: str, limit: int) -> str:
    """Return the line without an opening like "This image shows"."""
    whole = line(text, len(text))
    for opening in OPENINGS:
        found = opening.match(whole)
        if found and len(whole) - found.end() >= _SHORTEST_REST:
            whole = _capitalised(whole[found.end() :])
            break
    return cut(whole, limit)


def paragraphs(text: str, limit: int) -> str:
    """Return the text with its line breaks, clean otherwise, of at most `limit` characters."""
    lines = (" ".join(without_hidden(row).split()) for row in text.splitlines())
    return cut("\n".join(lines).strip(), limit)


def keywords(words: Iterable[str], *, language: str = "") -> tuple[str, ...]:
    """Return clean keywords in lower case, each once, all of them.

    One that holds a whole list is divided; one that is as long as a sentence is none.
    """
    given = list(words)
    parts = _LIST_MARKS.split(given[0]) if len(given) == 1 else given
    dotless = re.match(r"(?:tr|az)\b|turkish|türkçe", language, re.IGNORECASE) is not None
    lines = (line(part, len(part)) for part in parts)
    small = ((word.translate(_DOTLESS) if dotless else word).lower() for word in lines)
    once: dict[str, str] = {}
    for word in small:
        if 0 < len(word) <= KEYWORD_CHARACTERS:
            once.setdefault(word.casefold(), word)
    return tuple(once.values())


def cut(text: str, limit: int) -> str:
    """Return the text, at most `limit` characters of it, ending with a sentence or a word."""
    if len(text) <= limit:
        return text
    ends = [end.end() for end in _SENTENCE_END.finditer(text[: limit + 1]) if end.end() <= limit]
    if ends and ends[-1] * 2 >= limit:
        return text[: ends[-1]]
    head = text[:limit]
    words = re.match(r".*(?=\s)", head, re.DOTALL)
    # A script without blanks, or one endless word, ends where it must.
    kept = words[0] if words and len(words[0]) * 2 >= limit else head[: limit - 1]
    return kept.rstrip(_BREAKING_OFF + _JOINERS) + _ELLIPSIS


def _capitalised(text: str) -> str:
    first = text.partition(" ")[0]
    return text[0].upper() + text[1:] if first.islower() else text
