"""Tells characters that a person sees from those that hide, or steer what shows them.

Words come from a model that read a picture anyone may have made, names from whoever made the file.
Terminal escapes, bidirectional overrides, zero-width and tag characters, floods of combining marks:
in a caption they are left out, in a terminal or a log they are spelled out.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator

MARKS_IN_A_ROW = 8
"""More on one letter than any script writes (Tibetan stacks reach seven); a flood has hundreds."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MARKS = frozenset({"Mn", "Me"})
_JOINERS = frozenset("\u200c\u200d")
"""Emoji, Persian and the scripts of India need one between two letters, and nobody two in a row."""

_SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
"""Signs of Arabic and Syriac that are drawn, although Unicode lists them as formatting."""

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Letters, marks and a sign that show nothing."""

_NO_XML = frozenset("\ufffe\uffff")


def without_hidden(text: str) -> str:
    """Return the text without what cannot be seen; line breaks and tabs are among it."""
    if _is_plain(text):
        return text
    return "".join(character for character, shows in _judged(text) if shows)


def on_one_line(text: str) -> str:
    """Return the text without what cannot be seen, its words divided by single blanks."""
    return " ".join(without_hidden(" ".join(text.split())).split())


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def spelled_out(text: str, spell: Callable[[str], str] = _escaped) -> str:
    r"""Return the text on one line, with what cannot be seen spelled out as `\x1b`."""
    if _is_plain(text):
        return text
    return "".join(character if shows else spell(character) for character, shows in _judged(text))


def escape_json(text: str) -> str:
    r"""Spell out as `\u001b` what cannot be seen in a JSON text, except its line feeds."""
    return "\n".join(spelled_out(line, _json_escape) for line in text.split("\n"))


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _judged(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each character, and whether it shows."""
    before, marks = "", 0
    for character in text:
        if character in _JOINERS:
            shows = bool(before) and before not in _JOINERS
        else:
            category = unicodedata.category(character)
            marks = marks + 1 if category in _MARKS else 0
            hides = category in _HIDDEN and character not in _SEEN
            blank = character in _BLANK or character in _NO_XML
            shows = not hides and not blank and marks <= MARKS_IN_A_ROW
        if shows:
            before = character
        yield character, shows
