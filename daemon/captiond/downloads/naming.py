"""Makes a photo's file name from its address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import unquote

from yarl import URL

from captiond.suffixes import PHOTO_SUFFIXES, RAW_SUFFIXES
from captiond.visible import on_one_line

LONGEST_BYTES = 150
"""Sidecars and copies add to a name, and 255 bytes is what a file system takes."""

COPIES = 9
_SUFFIXES = {
    "jpeg": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
    "tiff": ("tif", "tiff"),
    "heic": ("heic", "heif", "hif"),
    "heif": ("heif", "heic", "hif"),
    "jpeg2000": ("jp2", "jpx", "j2k", "jpf"),
}
_MAY_BE_RAW = {"tiff", "raw"}
"""Many raw files begin as TIFF files do: what tells them apart comes later than the first bytes."""

_FORBIDDEN = dict.fromkeys(map(ord, '/\\:*?"<>|'), "_")
"""What no name may hold here, or on the file systems of others that the folder may lie on."""


def name_for(url: str, kind: str) -> str:
    """Return a file name for what an address gave; `kind` is its format as the index names it.

    The last part of the path, made readable; a suffix that is missing, or wrong, becomes right.
    """
    part = unquote(URL(url).raw_path.rpartition("/")[2], errors="replace")
    clean = on_one_line(part.translate(_FORBIDDEN))
    stem, _, suffix = clean.rpartition(".") if "." in clean else (clean, "", "")
    fitting = _SUFFIXES.get(kind, (kind,))
    may_be_raw = kind in _MAY_BE_RAW and suffix.lower() in RAW_SUFFIXES
    if suffix.lower() not in fitting and not may_be_raw:
        stem = stem if suffix.lower() in PHOTO_SUFFIXES else clean
        suffix = fitting[0]
    return f"{_cut(stem) or f'photo-{mark(url)}'}.{suffix}"


def alternatives(name: str, url: str) -> Iterator[str]:
    """Yield the names for a photo, the best first, for where one is taken."""
    stem, _, suffix = name.rpartition(".")
    yield name
    for number in range(2, COPIES + 1):
        yield f"{stem} ({number}).{suffix}"
    yield f"{stem}-{mark(url)}.{suffix}"


def mark(url: str) -> str:
    """Return eight characters that tell one address from another."""
    return hashlib.sha256(url.encode()).hexdigest()[:8]


def _cut(stem: str) -> str:
    return stem.strip(". ").encode()[:LONGEST_BYTES].decode(errors="ignore").rstrip(". ")
