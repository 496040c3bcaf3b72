"""Decides by name which files are photos and which folders are entered."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from functools import cached_property

PHOTO_SUFFIXES = frozenset(
    (
        "jpg",
        "jpeg",
        "jpe",
        "jfif",
        "png",
        "webp",
        "heic",
        "heif",
        "hif",
        "avif",
        "tif",
        "tiff",
        "gif",
        "bmp",
        "jp2",
    )
)
UNFINISHED_SUFFIXES = frozenset({"part", "tmp", "crdownload"})
LINK_SUFFIXES = (".url", ".webloc", ".urls.txt")
SYSTEM_NAMES = frozenset({"@eadir", "#recycle", "$recycle.bin", "thumbs.db"})
NO_MEDIA = ".nomedia"
"""A file of this name keeps captiond out of its folder and of all below."""

_RULES = 2
"""Raised when the rules below change in a way the names above do not show."""


@dataclass(frozen=True)
class Filter:
    """What counts as a photo; `ignore` holds the user's glob patterns.

    A pattern is matched against a name and against its path beneath the root, of files and of
    folders; `*` matches `/` as well, capitals matter. Names are text as `os.fsdecode` gives it.
    """

    ignore: tuple[str, ...] = ()

    def is_photo(self, folder: str, name: str) -> bool:
        """Tell whether `name` in `folder` (beneath the root, "" for the root) is a photo's."""
        stem, _, suffix = name.rpartition(".")
        if suffix not in PHOTO_SUFFIXES and suffix.lower() not in PHOTO_SUFFIXES:
            return False
        if not stem or name[0] == ".":
            return False
        return self._ignored is None or not self._is_ignored(folder, name)

    def is_link_file(self, folder: str, name: str) -> bool:
        """Tell whether `name` in `folder` is that of a file which names addresses of photos."""
        return is_link_name(name) and name[0] != "." and not self._is_ignored(folder, name)

    def enters(self, folder: str, name: str) -> bool:
        """Tell whether the folder `name` in `folder` is looked into."""
        if name[0] == "." or name.lower() in SYSTEM_NAMES:
            return False
        if name.rpartition(".")[2].lower() in UNFINISHED_SUFFIXES:
            return False
        return not self._is_ignored(folder, name)

    @cached_property
    def fingerprint(self) -> str:
        """A text that changes whenever the rules do."""
        names = sorted(PHOTO_SUFFIXES | UNFINISHED_SUFFIXES | SYSTEM_NAMES)
        return repr((_RULES, names, self.ignore))

    def _is_ignored(self, folder: str, name: str) -> bool:
        if self._ignored is None:
            return False
        path = f"{folder}/{name}" if folder else name
        return bool(self._ignored.match(name) or self._ignored.match(path))

    @cached_property
    def _ignored(self) -> re.Pattern[str] | None:
        patterns = [fnmatch.translate(pattern.rstrip("/")) for pattern in self.ignore]
        return re.compile("|".join(patterns)) if patterns else None


def is_link_name(name: str) -> bool:
    """Tell whether a file of this name would be no photo but name addresses of photos."""
    return name.lower().endswith(LINK_SUFFIXES)
