"""Sorts a batch of kernel events into photos to look at and folders to walk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from captiond.disk.beneath import LinkOnTheWay, folder_beneath
from captiond.intake.filters import Filter
from captiond.intake.folder import WatchedFolder
from captiond.intake.ground import narrowed
from captiond.intake.nearby import base_of
from captiond.rules.base import NO_MEDIA, RULES_FILE


@dataclass(slots=True)
class Batch:
    """What one batch of events comes to; paths are beneath the root.

    `stems` are those of sidecars that are named after a photo without its extension; `ruled` are
    folders whose own rules may have changed.
    """

    photos: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)
    ruled: set[str] = field(default_factory=set)


def sort_events(paths: Mapping[str, bool], watched: WatchedFolder) -> Batch:
    """Sort paths that had events, and whether each is a folder's; blocks on the disk.

    Whatever is there now counts, not what the event says: a folder that came, went, or may be read
    otherwise is walked. A sidecar stands for its photos, what the filter refuses is dropped, link
    files are looked at as photos are.
    """
    batch, ground = Batch(), _Ground(watched)
    for path, is_folder in paths.items():
        folder, _, name = path.rpartition("/")
        if name in (RULES_FILE, NO_MEDIA):
            batch.ruled.add(folder)
        here = ground.filter_in(folder)
        if here is None:
            continue
        if here.is_photo(folder, name) or here.is_link_file(folder, name):
            batch.photos.append(path)
        elif (base := base_of(name)) is not None:
            _add_sidecar(batch, folder, base, here)
        if is_folder and watched.recursive and here.enters(folder, name):
            batch.folders.add(path)
    return batch


def _add_sidecar(batch: Batch, folder: str, base: str, here: Filter) -> None:
    path = f"{folder}/{base}" if folder else base
    if here.is_photo(folder, base):
        batch.photos.append(path)
    else:
        batch.stems.add(path)


class _Ground:
    """Knows the filters of folders, None where they are left alone, for the time of one batch.

    Since it was armed a folder may have become a link's target, or been given other rules.
    """

    def __init__(self, watched: WatchedFolder) -> None:
        self._watched = watched
        self._known = {"": self._narrowed("", watched.filter)}

    def filter_in(self, folder: str) -> Filter | None:
        if folder in self._known:
            return self._known[folder]
        here, answer = "", self._known[""] if self._watched.recursive else None
        for name in folder.split("/"):
            parent, here = here, f"{here}/{name}" if here else name
            if here not in self._known:
                enters = answer is not None and answer.enters(parent, name)
                self._known[here] = self._narrowed(here, answer) if enters else None
            answer = self._known[here]
        return answer

    def _narrowed(self, folder: str, above: Filter | None) -> Filter | None:
        try:
            with folder_beneath(self._watched.root, folder) as fd:
                return None if above is None else narrowed(self._watched, folder, fd, above)
        except LinkOnTheWay:
            return None
        except OSError:
            return above  # gone, or unreadable: the look at the photo will tell
