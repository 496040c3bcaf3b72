"""Sorts a batch of kernel events into photos to look at and folders to walk."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field

from captiond.intake.filters import NO_MEDIA
from captiond.intake.folder import WatchedFolder

DELETED = 3
"""As in `watchfiles.Change`; whether a path was added or modified makes no difference here."""

SIDECAR_SUFFIXES = (".xmp", ".txt", ".json")


@dataclass(slots=True)
class Batch:
    """What one batch of events comes to; paths are beneath the root."""

    events: int
    photos: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)


def sort_events(changes: Collection[tuple[int, str]], watched: WatchedFolder) -> Batch:
    """Sort events as watchfiles gives them; blocks on the disk.

    Whatever is there now counts, not what the event says. A path that is gone may have been a
    folder of photos. Sidecars and what the filter refuses are dropped.
    """
    batch, ground = Batch(len(changes)), _Ground(watched)
    prefix = watched.root.rstrip("/") + "/"
    for change, full_path in changes:
        path = full_path.removeprefix(prefix)
        folder, _, name = path.rpartition("/")
        if path == full_path or not name or not ground.is_watched(folder):
            continue
        is_photo = watched.filter.is_photo(folder, name)
        if is_photo:
            batch.photos.append(path)
        if not watched.recursive or not watched.filter.enters(folder, name):
            continue
        if change == DELETED:
            was_folder = not is_photo and not name.endswith(SIDECAR_SUFFIXES)
        else:
            was_folder = _is_folder(full_path)
        if was_folder:
            batch.folders.add(path)
    return batch


class _Ground:
    """Knows which folders are watched, for the time of one batch.

    The library follows links to folders that were there when it was armed, the scan follows
    none: what happens beyond a link is dropped.
    """

    def __init__(self, watched: WatchedFolder) -> None:
        self._watched = watched
        self._known = {"": not os.path.lexists(watched.full(NO_MEDIA))}

    def is_watched(self, folder: str) -> bool:
        if folder in self._known:
            return self._known[folder]
        here, answer = "", self._known[""] and self._watched.recursive
        for name in folder.split("/"):
            parent, here = here, f"{here}/{name}" if here else name
            if here not in self._known:
                self._known[here] = answer and self._is_open(parent, name, here)
            answer = self._known[here]
        return answer

    def _is_open(self, parent: str, name: str, folder: str) -> bool:
        if not self._watched.filter.enters(parent, name):
            return False
        full_path = self._watched.full(folder)
        try:
            mode = os.lstat(full_path).st_mode
        except OSError:
            return True  # gone, or unreadable: the look at the photo will tell
        return stat.S_ISDIR(mode) and not os.path.lexists(f"{full_path}/{NO_MEDIA}")


def _is_folder(full_path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(full_path).st_mode)
    except OSError:
        return False
