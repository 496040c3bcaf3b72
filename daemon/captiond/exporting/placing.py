"""Puts photos into an export's folder: as links, or as copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path, PurePosixPath

from captiond.index.browse import Shown


class Places:
    """Where each photo lies in the export; names that would collide become others.

    With several roots each has a folder of its own.
    """

    def __init__(self, target: Path, roots: Iterable[str], *, copies: bool) -> None:
        self.target = target
        self._copies = copies
        self._tops = _tops(sorted(roots))
        self._folder = PurePosixPath()
        self._stems: set[str] = set()

    def folder_of(self, shown: Shown) -> PurePosixPath:
        """Return the photo's folder within the export."""
        return PurePosixPath(self._tops.get(shown.root, ""), shown.path).parent

    def put(self, shown: Shown, *, by_stem: bool = False) -> PurePosixPath | None:
        """Link or copy a photo there; return its path within the export, None if it is gone.

        With `by_stem` no two photos of a folder have the same name but for the extension. Photos
        come folder by folder. Raises OSError.
        """
        source = Path(shown.root, shown.path)
        if not source.is_file():
            return None
        folder = self.folder_of(shown)
        if folder != self._folder:
            self._folder, self._stems = folder, set()
        name = self._free_name(source.name) if by_stem else source.name
        placed = self.target / folder / name
        placed.parent.mkdir(parents=True, exist_ok=True)
        if self._copies:
            shutil.copy2(source, placed)
        else:
            placed.symlink_to(source)
        return folder / name

    def _free_name(self, name: str) -> str:
        stem, _, suffix = name.rpartition(".")
        free, number = stem, 1
        while free.casefold() in self._stems:
            number += 1
            free = f"{stem}_{suffix.lower()}{number if number > 2 else ''}"  # noqa: PLR2004 the second is told by its suffix alone
        self._stems.add(free.casefold())
        return f"{free}.{suffix}"


def _tops(roots: list[str]) -> dict[str, str]:
    """Return a folder for each root, "" where there is only one."""
    if len(roots) == 1:
        return {roots[0]: ""}
    tops: dict[str, str] = {}
    for root in roots:
        name = root.rstrip("/").rpartition("/")[2] or "root"
        numbered = (f"{name}-{number}" for number in count(2))
        free = (top for top in chain([name], numbered) if top not in tops.values())
        tops[root] = next(free)
    return tops
