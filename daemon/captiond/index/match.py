"""Turns what a person typed into a full-text query that SQLite always accepts.

word        must occur, in any form the stemmer knows
"a phrase"  its words must occur side by side
prefix*     a word that begins so
"""

from __future__ import annotations

import re
import unicodedata

MOST_TERMS = 64
"""FTS5 refuses expressions that nest too deep; nobody types more."""

_TERM = re.compile(r'"([^"]*)"?|([^\s"]+)')
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def to_match(query: str) -> str:
    """Return the FTS5 expression for `query`, "" when there is no word in it."""
    found = _TERM.findall(_UNSTORABLE.sub(" ", query))
    terms = [
        _quoted(phrase or word, prefix=word.endswith("*"))
        for phrase, word in found
        if _has_word(phrase or word)
    ]
    return " ".join(terms[:MOST_TERMS])


def _quoted(words: str, *, prefix: bool) -> str:
    return f'"{words}"*' if prefix else f'"{words}"'


def _has_word(text: str) -> bool:
    """Tell whether the tokenizer would see a word: a term without one would match nothing."""
    return any(
        unicodedata.category(character)[0] in "LN" or unicodedata.category(character) == "Co"
        for character in text
    )
