r"""Writes any file name as text that SQLite, JSON and terminals can hold, and reads it back.

A byte that is not UTF-8 becomes `\xff`; the backslash of a name that already looks like that
becomes `\x5c`, so that two files never share a row and every name comes back as it was.
"""

from __future__ import annotations

import re

_AMBIGUOUS = re.compile(r"\\(?=x(?:5c|[89a-f][0-9a-f]))")
_SURROGATE = re.compile("[\udc80-\udcff]")
_ESCAPED = re.compile(r"\\x(5c|[89a-f][0-9a-f])")


def to_stored(name: str) -> str:
    """Return a file name or path, as `os.fsdecode` gives it, as plain text."""
    if name.isascii() and "\\" not in name:
        return name
    escaped = _SURROGATE.sub(_hex, _AMBIGUOUS.sub(r"\\x5c", name))
    return plain(escaped)


def from_stored(text: str) -> str:
    """Return the name or path that was stored as `text`."""
    return _ESCAPED.sub(_character, text) if "\\x" in text else text


def plain(text: str) -> str:
    """Return text without lone surrogates, which SQLite refuses: half an emoji in a reply."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _hex(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]) - 0xDC00:02x}"


def _character(match: re.Match[str]) -> str:
    return "\\" if match[1] == "5c" else chr(0xDC00 + int(match[1], 16))
