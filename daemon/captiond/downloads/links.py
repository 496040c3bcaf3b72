"""Reads the addresses in a link file: `.url`, `.webloc`, or a list named `*.urls.txt`."""

from __future__ import annotations

import codecs
import plistlib
import re
import struct
from collections.abc import Iterator
from xml.parsers.expat import ExpatError

LIMIT_BYTES = 1 << 20
MOST_ADDRESSES = 10_000

_SECTION = re.compile(r"\s*\[(.*)\]\s*")
_BROKEN = (
    plistlib.InvalidFileException,
    ExpatError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    EOFError,
    struct.error,
)
"""What plistlib fails with when bytes are no property list."""


def addresses_in(name: str, content: bytes) -> list[str]:
    """Return the addresses that a link file names, each once, at most MOST_ADDRESSES."""
    lowered = name.lower()
    if lowered.endswith(".webloc"):
        found = _of_webloc(content)
    elif lowered.endswith(".url"):
        found = _of_shortcut(_decoded(content))
    else:
        found = _of_list(_decoded(content))
    return list(dict.fromkeys(found))[:MOST_ADDRESSES]


def _of_list(text: str) -> Iterator[str]:
    for line in text.splitlines():
        word = line.strip()
        if word and not word.startswith("#"):
            yield word


def _of_shortcut(text: str) -> Iterator[str]:
    within = False
    for line in text.splitlines():
        if section := _SECTION.fullmatch(line):
            within = section[1].strip().lower() == "internetshortcut"
        key, _, value = line.partition("=")
        if within and key.strip().lower() == "url" and value.strip():
            yield value.strip()
            return


def _of_webloc(content: bytes) -> Iterator[str]:
    """Yield the address of a property list, XML or binary; plistlib takes no entities."""
    try:
        url = plistlib.loads(content)["URL"]
    except _BROKEN:
        return
    if isinstance(url, str) and url.strip():
        yield url.strip()


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
