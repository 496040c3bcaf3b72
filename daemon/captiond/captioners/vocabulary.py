"""Keeps keywords to the words that a library uses: in its spelling, or to them alone.

A short list goes into the prompt. A long one would be paid for with every photo: it is held against
the answer alone, as a short one is, too.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

SENT_WORDS = 1_000
SENT_CHARACTERS = 12_000
"""About 3,000 tokens, three times as many as an image; longer lists are not sent."""

_SHORTEST_STEM = 3
_UNACCENTED = "\u0400"
"""Marks are accents on the letters before this one (Latin, Greek), and letters in other scripts."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words, none twice; `strict` keeps no other keyword. Without words all is allowed."""

    words: tuple[str, ...] = ()
    strict: bool = False
    _spellings: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, words: Sequence[str], *, strict: bool = False) -> Vocabulary:
        """Return the vocabulary of these words."""
        # Exact spellings first: where both are listed, "resume" is not "résumé".
        spellings = {word.casefold(): word for word in reversed(words)}
        for word in words:
            spellings.setdefault(_folded(word), word)
        return cls(tuple(dict.fromkeys(words)), strict, spellings)

    @property
    def is_sent(self) -> bool:
        """Whether the words go into the prompt."""
        short = len(self.words) <= SENT_WORDS
        return short and 0 < sum(map(len, self.words)) <= SENT_CHARACTERS

    @property
    def key(self) -> str:
        """What of it belongs to a recipe: "" without words."""
        if not self.words:
            return ""
        digest = hashlib.sha256("\n".join(self.words).encode()).hexdigest()[:16]
        return f"{'strict' if self.strict else 'preferred'}, {len(self.words)} words, {digest}"

    def rule(self) -> str:
        """Return what the prompt says of the words, "" if they are not sent."""
        if not self.is_sent:
            return ""
        listed = json.dumps(self.words, ensure_ascii=False)
        if self.strict:
            return f"Take keywords from this list alone, spelled as they are in it: {listed}"
        return f"Where a word of this list fits, take it as the keyword, spelled so: {listed}"

    def fit(self, keywords: Iterable[str]) -> tuple[str, ...]:
        """Return the keywords in the spelling of the list, each once; strict: the listed alone."""
        if not self.words:
            return tuple(keywords)
        found = ((keyword, self._listed(keyword)) for keyword in keywords)
        kept = (listed or keyword for keyword, listed in found if listed or not self.strict)
        return tuple(dict.fromkeys(kept))

    def _listed(self, keyword: str) -> str | None:
        """Return the word of the list that is meant, None if there is none."""
        folded = _folded(keyword)
        keys = (keyword.casefold(), folded, *_other_numbers(folded))
        return next((self._spellings[key] for key in keys if key in self._spellings), None)


ANY_WORD = Vocabulary()


def _folded(word: str) -> str:
    """Return the word without case and accents, its parts divided by single blanks."""
    kept, base = [], ""
    for character in unicodedata.normalize("NFKD", word.casefold()):
        if not unicodedata.combining(character):
            base = character
        elif base < _UNACCENTED:
            continue
        kept.append(character)
    return " ".join("".join(kept).replace("-", " ").split())


def _other_numbers(word: str) -> Iterator[str]:
    """Yield what may be the singular or the plural of a word, in English and its like."""
    for ending, other in (("ies", "y"), ("es", ""), ("s", ""), ("y", "ies"), ("", "s"), ("", "es")):
        stem = word.removesuffix(ending)
        if word.endswith(ending) and len(stem) >= _SHORTEST_STEM:
            yield stem + other
