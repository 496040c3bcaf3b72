"""Says which filter holds in a folder, by the rules that lie in it and above."""

from __future__ import annotations

import os
from contextlib import closing

from captiond.disk.beneath import folders_to
from captiond.errors import RulesBroken
from captiond.intake.filters import Filter
from captiond.intake.folder import WatchedFolder
from captiond.rules.base import NO_MEDIA


def narrowed(watched: WatchedFolder, folder: str, fd: int, above: Filter) -> Filter | None:
    """Return the filter of an open folder, None where it is left alone; blocks on the disk.

    Where its rules are broken nothing is known of what to ignore: its photos wait in the queue.
    """
    if os.access(NO_MEDIA, os.F_OK, dir_fd=fd, follow_symlinks=False):
        return None
    try:
        own = watched.rules.own(watched.full(folder), fd)
    except RulesBroken:
        return above
    if isinstance(own.ignore, bool):
        return None if own.ignore else above
    return above.beneath(folder, own.ignore)


def filter_above(watched: WatchedFolder, folder: str) -> Filter | None:
    """Return the filter in force above a folder, None where no walk leads to it.

    Blocks on the disk. A folder on the way that is gone, or may not be entered, is passed over.
    """
    if not folder:
        return watched.filter
    above, names = folder.rpartition("/")[0], folder.split("/")
    found = watched.filter if watched.recursive else None
    with closing(folders_to(watched.root, above)) as folders:
        for name, (here, fd) in zip(names, folders, strict=False):
            found = None if found is None else narrowed(watched, here, fd, found)
            if found is None or not found.enters(here, name):
                return None
    return found
