"""Matches names and paths against the glob patterns of several folders."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Patterns:
    """Patterns by the folder that they are relative to, "" for the root.

    One is matched against a name and against its path beneath that folder, of files and of folders;
    `*` matches `/` as well, capitals matter. Names are text as `os.fsdecode` gives it.
    """

    of_folders: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.of_folders)

    def beneath(self, folder: str, patterns: tuple[str, ...]) -> Patterns:
        """Return these and those of a folder below."""
        if not patterns:
            return self
        made = Patterns((*self.of_folders, (folder, patterns)))
        # not each anew at each folder: 400 folders within each other took minutes
        made.__dict__["_compiled"] = [*self._compiled, (folder, _compiled(patterns))]
        return made

    def match(self, folder: str, name: str) -> bool:
        """Tell whether `name` in `folder` (beneath the root, "" for the root) is meant."""
        for base, pattern in self._compiled:
            within = folder[len(base) + 1 :] if base else folder
            path = f"{within}/{name}" if within else name
            if pattern.match(name) or pattern.match(path):
                return True
        return False

    @cached_property
    def _compiled(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(base, _compiled(patterns)) for base, patterns in self.of_folders]


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(one.rstrip("/")) for one in patterns))
