"""Tells which files are a photo's sidecars, by their names.

full    named after the whole file: IMG.jpg.xmp, IMG.jpg.txt, IMG.jpg.caption.json
stem    named without its extension: IMG.xmp, IMG.txt, IMG.caption.json
rival   another photo that a sidecar named after the stem could belong to
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from captiond.suffixes import PHOTO_SUFFIXES, RAW_SUFFIXES

Names = Literal["full", "stem"]
"""How sidecars are named: after the whole file, or without its extension."""

SUFFIXES: Mapping[str, str] = {"xmp": ".xmp", "txt": ".txt", "json": ".caption.json"}
"""What each kind adds to a name: none that Google Takeout writes or PhotoPrism reads."""

_COMPANION_WORDS = (
    "aae arp avi bak caption cos crdownload csv dop html json lrv m4v md mov mp3 mp4 mpg nksc npz "
    "on1 part pp3 tags thm tmp txt url vrd wav webloc xmp"
)
_COMPANIONS = frozenset(_COMPANION_WORDS.split())
"""Extensions of files that go with a photo of the same stem: any other may be a photo's."""

_VALUE = rb"""\s*(?:=\s*["']|>)\s*([^\s"'<]{1,64})"""


def file_name(photo_name: str, suffix: str, names: Names) -> str:
    """Return the name of a sidecar that is to be made."""
    return (stem_of(photo_name) if names == "stem" else photo_name) + suffix


def stem_of(photo_name: str) -> str:
    """Return the name without its extension; the whole one where the stem is no name of its own.

    `IMG.jpg.xmp` is the sidecar of `IMG.jpg` and not of `IMG.jpg.webp`; `IMG.urls.txt` lists links.
    """
    stem = photo_name.rpartition(".")[0]
    inner = stem.rpartition(".")[2].lower() if "." in stem else ""
    return photo_name if not stem or inner in PHOTO_SUFFIXES | {"urls"} else stem


def spellings(base: str, kind: str) -> tuple[str, ...]:
    """Return what a kind of sidecar of this base name is called: `IMG.xmp`, and `IMG.XMP`, too."""
    suffix = SUFFIXES[kind]
    return (base + suffix,) if kind == "json" else (base + suffix, base + suffix.upper())


def candidates(photo_name: str) -> tuple[str, ...]:
    """Return every name that a sidecar of this photo may have, the surest first of each kind."""
    bases = dict.fromkeys((photo_name, stem_of(photo_name)))
    return tuple(name for kind in SUFFIXES for base in bases for name in spellings(base, kind))


def beside_digest(entries: Iterable[tuple[str, int, int]]) -> str:
    """Return a digest of what lies beside a photo, "" for nothing.

    `entries` are (name, size, mtime_ns) of those of its candidates that are plain files.
    """
    lying = sorted(set(entries))
    if not lying:
        return ""
    told = "\0".join(f"{name}\0{size}\0{mtime_ns}" for name, size, mtime_ns in lying)
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def rivals(photo_name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the other photos among the names of a folder that share the photo's stem."""
    stem = stem_of(photo_name)
    alike = (name for name in names if name.startswith(stem))  # of a hundred thousand, hardly any
    return tuple(sorted(name for name in alike if name != photo_name and _could_own(name, stem)))


def is_its_own(
    photo_name: str, kind: str, content: bytes, *, rivals: Iterable[str], digest: str | None
) -> bool | None:
    """Tell whether a sidecar named after the stem is this photo's; None where nothing tells.

    `digest` is the photo's content where it is known. Adobe's property says whose an XMP is, and so
    do captiond's words in it; else a raw file has its XMP by that name.
    """
    extensions = {_extension(name) for name in rivals}
    if not extensions:
        return True
    if kind != "xmp":
        return None
    mine, told = _extension(photo_name), _property(b"SidecarForExtension", content).lower()
    if told in extensions | {mine}:
        return told == mine and mine not in extensions
    if digest is not None and (about := _property(b"CaptionContent", content)):
        return True if about == digest else None
    return True if mine in RAW_SUFFIXES and RAW_SUFFIXES.isdisjoint(extensions) else None


def _property(name: bytes, content: bytes) -> str:
    """Return the value of a property in an XMP, by its local name alone; "" for none."""
    found = re.search(name + _VALUE, content)
    return found[1].decode("ascii", "replace") if found else ""


def _could_own(name: str, stem: str) -> bool:
    head, _, extension = name.rpartition(".")
    return name == stem or (head == stem and extension.lower() not in _COMPANIONS)


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""
