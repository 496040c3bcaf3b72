"""Builds what the tests of sidecars write."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from captiond.models import Caption, Description, Photo, Written
from captiond.sidecars.base import Errand, Layout, Outcome, Subject
from captiond.sidecars.names import Names, beside_digest, candidates
from captiond.sidecars.write import write_sidecars

CREATED_AT = 1780000000.25
ABOUT = ("language", "model", "origin", "digest", "recipe", "created_at")
NO_ERRAND = Errand()
CREATED_AT_ISO = "2026-05-28T20:26:40Z"


def caption(**words: Any) -> Caption:
    """Return a caption; `words` change its description and what is in `about`."""
    about = {key: words.pop(key) for key in ABOUT if key in words}
    told = {
        "caption": "Two ferries & a <bridge>\nin the rain \U0001f6a2",
        "title": "Ferries",
        "alt_text": "Ferries under a bridge",
        "keywords": ("ferry", "black/white", "rain  storm", "ferry"),
        "text": "NO PARKING",
    }
    fixed = {
        "digest": "d" * 64,
        "recipe": "0123456789abcdef",
        "origin": "gemini",
        "language": "en",
        "model": "gemini-3.5-flash-lite",
        "created_at": CREATED_AT,
    }
    return Caption(**(fixed | about), description=Description(**(told | words)))


def subject(name: str = "IMG.jpg", **words: Any) -> Subject:
    """Return a subject with that caption."""
    return Subject(name, caption(**words), "1.2.3")


def make_photo(folder: Path, name: str = "IMG.jpg") -> Photo:
    """Put a file there that stands for a photo."""
    (folder / name).write_bytes(b"pixels")
    return Photo(str(folder), name)


def write(
    photo: Photo,
    *kinds: str,
    written: Mapping[str, Written] | None = None,
    names: Names = "full",
    errand: Errand = NO_ERRAND,
    **words: Any,
) -> Outcome:
    """Write sidecars of these kinds for the photo."""
    layout = Layout(kinds, names)
    return write_sidecars(photo, caption(**words), layout, written or {}, errand, version="1.2.3")


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Return content, inode and time of every plain file: what is written anew shows in them."""
    return {
        path.name: (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.iterdir()
        if path.is_file() and not path.is_symlink()
    }


def beside(folder: Path, name: str = "IMG.jpg") -> str:
    """Return the digest of what lies beside a photo, as a scan reckons it."""
    there = [path for path in folder.iterdir() if path.name in candidates(name)]
    stats = [(path.name, path.stat()) for path in there]
    return beside_digest((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def has_attributes(folder: Path) -> bool:
    """Tell whether files in this folder can carry attributes of their own."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"1")
    except OSError:
        return False
    finally:
        probe.unlink()
    return True
