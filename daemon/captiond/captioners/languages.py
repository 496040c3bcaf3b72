"""Tells whether a text is certainly not in the language that was asked for.

By its script, and for languages in Latin letters by the small words that no sentence does without.
It speaks up only when it is sure: an unknown language, a few words, near relatives (Danish for
Norwegian) pass. Detectors on PyPI bring a model of tens of megabytes or numpy, and guess always.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from pathlib import Path

from captiond.models import Description

_FEWEST_LETTERS = 12
_MOST_KANA = 0.2
_LEAST_SHARE = {True: 0.04, False: 0.1}
"""Of the letters, where one stands for a syllable or a word, and where it does not: a caption may
name a whole row of brands."""
_FEWEST_SMALL_WORDS = 5
_SMALL_SHARE = 0.2
_MOST_OWN = 0.04
"""Of the words: titles of books and films stand in captions unquoted, small words and all."""

_KNOWN = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_WORDS = {code: frozenset(words.split()) for code, words in _KNOWN["words"].items()}
_NAMES: dict[str, str] = _KNOWN["names"]
OPENINGS = tuple(
    re.compile(one, re.IGNORECASE) for all_ in _KNOWN["openings"].values() for one in all_
)
"""Of sentences that say no more than that there is a picture."""

_SCRIPTS = {
    **dict.fromkeys(_WORDS, frozenset({"LATIN"})),
    **dict.fromkeys(("ru", "uk", "bg", "be", "mk"), frozenset({"CYRILLIC"})),
    **dict.fromkeys(("ar", "fa", "ur"), frozenset({"ARABIC"})),
    **dict.fromkeys(("hi", "mr", "ne"), frozenset({"DEVANAGARI"})),
    "el": frozenset({"GREEK"}),
    "he": frozenset({"HEBREW"}),
    "ja": frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    "ko": frozenset({"HANGUL"}),
    "th": frozenset({"THAI"}),
    "zh": frozenset({"CJK"}),
}
_KANA = {"HIRAGANA", "KATAKANA"}
_DENSE = {"ja", "ko", "zh"}

# A tag that names a script of its own ("hi-Latn") says nothing of which letters there will be.
_TAG = re.compile(r"([a-z]{2})(?:-(?!(?!hans|hant)[a-z]{4}(?:-|$))[a-z0-9]{2,8})*")
_QUOTED = re.compile(
    r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|»[^«]*«|「[^」]*」|『[^』]*』|《[^》]*》"
    r"|\u2039[^\u203a]*\u203a|\u203a[^\u2039]*\u2039"
    # Single ones; an apostrophe has a Latin letter before it and behind it.
    r"|(?<![A-Za-zÀ-ɏ])(?:'.*?'|[\u2018\u201a].*?[\u2018\u2019])(?![A-Za-zÀ-ɏ])"
)


def misses(description: Description, language: str) -> bool:
    """Tell whether a description is certainly not in the language that was asked for."""
    return is_foreign(f"{description.caption} {description.alt_text}", language)


def is_foreign(text: str, language: str) -> bool:
    """Tell whether a text is certainly in another language than this one; what it quotes may be.

    `language` is a tag or a name, as in "pt-BR" or "Japanese"; of any other nothing is certain.
    """
    code = _code(language)
    if code not in _SCRIPTS:
        return False
    own = _QUOTED.sub(" ", text)
    return _has_other_script(own, code) or (code in _WORDS and _has_other_words(own, code))


def _code(language: str) -> str:
    name = language.strip().casefold().replace("_", "-")
    tag = _TAG.fullmatch(name)
    return _NAMES.get(name, "") or (_NAMES.get(tag[1], tag[1]) if tag else "")


def _has_other_script(text: str, code: str) -> bool:
    letters = Counter(
        unicodedata.name(character, "").partition(" ")[0]
        for character in text
        if character.isalpha()
    )
    total = sum(letters.values())
    if total < _FEWEST_LETTERS:
        return False
    share = sum(letters[script] for script in _SCRIPTS[code]) / total
    kana = sum(letters[script] for script in _KANA) / total
    wrong_kana = (code == "zh" and kana > _MOST_KANA) or (code == "ja" and not kana)
    return share < _LEAST_SHARE[code in _DENSE] or wrong_kana


def _has_other_words(text: str, code: str) -> bool:
    found = re.findall(r"[^\W\d_]+", text)
    words = [word.casefold() for word in found if len(word) == 1 or not word.isupper()]  # no signs
    own, least = _WORDS[code], max(_SMALL_SHARE * len(words), _FEWEST_SMALL_WORDS)
    for other in _WORDS.values():  # what both languages have ("in", "de") tells nothing
        for_it = sum(word in own - other for word in words)
        against = sum(word in other - own for word in words)
        if against >= least and for_it <= _MOST_OWN * len(words):
            return True
    return False
