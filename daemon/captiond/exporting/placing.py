"""Puts photos into an export's folder: as links, or as copies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path, PurePosixPath

from captiond.disk.photofile import OpenedPhoto, open_beneath
from captiond.errors import PhotoError
from captiond.index.browse import Shown
from captiond.models import Photo


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
        try:
            with open_beneath(Photo(shown.root, shown.path)) as photo:
                return self._put(shown, photo, by_stem=by_stem)
        except PhotoError:
            return None

    def _put(self, shown: Shown, photo: OpenedPhoto, *, by_stem: bool) -> PurePosixPath:
        source, folder = Path(shown.root, shown.path), self.folder_of(shown)
        if folder != self._folder:
            self._folder, self._stems = folder, set()
        name = self._free_name(source.name) if by_stem else source.name
        placed = self.target / folder / name
        placed.parent.mkdir(parents=True, exist_ok=True)
        if self._copies:
            _copy(photo, placed)
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


def _copy(photo: OpenedPhoto, placed: Path) -> None:
    """Copy the bytes and their time; a stranger's mode may make a program of them."""
    with open(photo.fd, "rb", closefd=False) as source, placed.open("xb") as target:
        shutil.copyfileobj(source, target)
    os.utime(placed, ns=(photo.signature.mtime_ns,) * 2)


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
