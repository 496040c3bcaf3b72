"""Sorts a batch of kernel events into photos to look at and folders to walk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from captiond.beneath import LinkOnTheWay, folder_beneath
from captiond.intake.filters import NO_MEDIA
from captiond.intake.folder import WatchedFolder
from captiond.intake.nearby import base_of


@dataclass(slots=True)
class Batch:
    """What one batch of events comes to; paths are beneath the root.

    `stems` are those of sidecars that are named after a photo without its extension.
    """

    photos: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)


def sort_events(paths: Mapping[str, bool], watched: WatchedFolder) -> Batch:
    """Sort paths that had events, and whether each is a folder's; blocks on the disk.

    Whatever is there now counts, not what the event says: a folder that came, went, or may be read
    otherwise is walked. A sidecar stands for its photos, what the filter refuses is dropped, link
    files are looked at as photos are.
    """
    batch, ground = Batch(), _Ground(watched)
    for path, is_folder in paths.items():
        folder, _, name = path.rpartition("/")
        if not ground.is_watched(folder):
            continue
        if watched.filter.is_photo(folder, name) or watched.filter.is_link_file(folder, name):
            batch.photos.append(path)
        elif (base := base_of(name)) is not None:
            _add_sidecar(batch, folder, base, watched)
        if is_folder and watched.recursive and watched.filter.enters(folder, name):
            batch.folders.add(path)
    return batch


def _add_sidecar(batch: Batch, folder: str, base: str, watched: WatchedFolder) -> None:
    path = f"{folder}/{base}" if folder else base
    if watched.filter.is_photo(folder, base):
        batch.photos.append(path)
    else:
        batch.stems.add(path)


class _Ground:
    """Knows which folders are watched, for the time of one batch.

    Since it was armed a folder may have become a link's target, or been given a `.nomedia`.
    """

    def __init__(self, watched: WatchedFolder) -> None:
        self._watched = watched
        self._known = {"": self._is_open("")}

    def is_watched(self, folder: str) -> bool:
        if folder in self._known:
            return self._known[folder]
        here, answer = "", self._known[""] and self._watched.recursive
        for name in folder.split("/"):
            parent, here = here, f"{here}/{name}" if here else name
            if here not in self._known:
                enters = answer and self._watched.filter.enters(parent, name)
                self._known[here] = enters and self._is_open(here)
            answer = self._known[here]
        return answer

    def _is_open(self, folder: str) -> bool:
        try:
            with folder_beneath(self._watched.root, folder) as fd:
                return not os.access(NO_MEDIA, os.F_OK, dir_fd=fd, follow_symlinks=False)
        except LinkOnTheWay:
            return False
        except OSError:
            return True  # gone, or unreadable: the look at the photo will tell
