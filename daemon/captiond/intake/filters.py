"""Decides by name which files are photos and which folders are entered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from captiond.rules.patterns import Patterns
from captiond.suffixes import PHOTO_SUFFIXES

UNFINISHED_SUFFIXES = frozenset({"part", "tmp", "crdownload"})
LINK_SUFFIXES = (".url", ".webloc", ".urls.txt")
SYSTEM_NAMES = frozenset({"@eadir", "#recycle", "$recycle.bin", "thumbs.db"})
_RULES = 2
"""Raised when the rules below change in a way the names above do not show."""


@dataclass(frozen=True)
class Filter:
    """What counts as a photo; `ignore` holds the glob patterns of the configuration.

    `local` holds those of the folders' own rules, each beneath its folder alone.
    """

    ignore: tuple[str, ...] = ()
    local: Patterns = field(default_factory=Patterns)

    def is_photo(self, folder: str, name: str) -> bool:
        """Tell whether `name` in `folder` (beneath the root, "" for the root) is a photo's."""
        stem, _, suffix = name.rpartition(".")
        if suffix not in PHOTO_SUFFIXES and suffix.lower() not in PHOTO_SUFFIXES:
            return False
        if not stem or name[0] == ".":
            return False
        return not (self._any and self._is_ignored(folder, name))

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
        local = self.local.of_folders
        return repr((_RULES, names, self.ignore, local) if local else (_RULES, names, self.ignore))

    def beneath(self, folder: str, ignore: tuple[str, ...]) -> Filter:
        """Return the filter for a folder whose own rules say what else to ignore."""
        return replace(self, local=self.local.beneath(folder, ignore)) if ignore else self

    def _is_ignored(self, folder: str, name: str) -> bool:
        return self._everywhere.match(folder, name) or self.local.match(folder, name)

    @cached_property
    def _everywhere(self) -> Patterns:
        return Patterns().beneath("", self.ignore)

    @cached_property
    def _any(self) -> bool:
        return bool(self.ignore or self.local)


def is_link_name(name: str) -> bool:
    """Tell whether a file of this name would be no photo but name addresses of photos."""
    return name.lower().endswith(LINK_SUFFIXES)
