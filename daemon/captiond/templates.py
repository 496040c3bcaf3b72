"""Reads the variables of a prompt: `{folder}` stands for a value, `{{` and `}}` for braces."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

VARIABLES = ("folder", "name", "date", "place", "people", "keywords", "language")

_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z_]{1,20})\}|(?P<stray>[{}])")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the text with its variables filled; one without a value is left as it stands.

    A value is never read again: braces in it are braces.
    """

    def filled(piece: re.Match[str]) -> str:
        name = piece["name"]
        return values.get(name, piece[0]) if name else piece[0][0]

    return _PIECE.sub(filled, template)


def fix(template: str, values: Mapping[str, str]) -> str:
    """Return the template with these variables filled for good; it stays a template."""

    def fixed(piece: re.Match[str]) -> str:
        value = values.get(piece["name"] or "")
        return piece[0] if value is None else literal(value)

    return _PIECE.sub(fixed, template)


def literal(text: str) -> str:
    """Return the template that gives the text."""
    return text.replace("{", "{{").replace("}", "}}")


def mistakes(template: str) -> Iterator[str]:
    """Say what is wrong with a template: each unknown variable, and the first stray brace."""
    known = ", ".join(f"{{{name}}}" for name in VARIABLES)
    pieces = list(_PIECE.finditer(template))
    for name in dict.fromkeys(piece["name"] for piece in pieces if piece["name"]):
        if name not in VARIABLES:
            close = difflib.get_close_matches(name.lower(), VARIABLES, n=1, cutoff=0.6)
            meant = f"did you mean {{{close[0]}}}?" if close else f"there are {known}"
            yield f"{{{name}}} is no variable; {meant}"
    stray = next((piece for piece in pieces if piece["stray"]), None)
    if stray is not None:
        line = template.count("\n", 0, stray.start()) + 1
        yield (
            f'the "{stray[0]}" in line {line} belongs to no variable; '
            "write {{ and }} for braces that are meant as they stand, as in JSON"
        )
