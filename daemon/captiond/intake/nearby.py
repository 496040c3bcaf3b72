"""Tells what lies beside a photo, as a digest, by the names that its sidecars may have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from stat import S_ISREG

from captiond.disk.plainfiles import look_at
from captiond.index.beside_base import CHANGED
from captiond.index.folders_base import KnownFile
from captiond.models import State
from captiond.sidecars.names import SUFFIXES, beside_digest, candidates, spellings

Entry = tuple[str, int, int]
"""A file's name, size and mtime_ns; both are 0 for what is no plain file."""

ENDINGS = tuple(ending for kind in SUFFIXES for ending in spellings("", kind))
"""How the names of sidecars end."""

COARSE_SECONDS = 2.0
"""FAT keeps times no finer."""

MANY_PHOTOS = 4
ENTRIES_A_PHOTO = 20
"""A folder of 100 photos is listed in 1 us a photo; to look for the ten names of each photo's
sidecars takes 20."""

_AT_REST = (State.CAPTIONED, State.FAILED, State.REFUSED, State.SKIPPED)


def base_of(name: str) -> str | None:
    """Return what a sidecar is named after, with or without its extension; None for no sidecar."""
    ending = next((one for one in ENDINGS if name.endswith(one)), "")
    return name.removesuffix(ending) or None if ending else None


def sidecars_in(within: int, *, photos: int) -> frozenset[str] | None:
    """Return the names of the sidecars in an open folder where so many photos are looked at.

    None in a large one of which few are: then their own names are looked for. Blocks on the disk.
    Raises OSError.
    """
    most = photos * ENTRIES_A_PHOTO
    if photos < MANY_PHOTOS:
        return None
    with os.scandir(within) as entries:
        names = [entry.name for entry in islice(entries, most + 1)]
    return (
        frozenset(name for name in names if name.endswith(ENDINGS)) if len(names) <= most else None
    )


def beside_at(within: int, photo_name: str, *, among: frozenset[str] | None = None) -> str | None:
    """Return a digest of what lies beside a photo in an open folder; blocks on the disk.

    `among` are the sidecars of the folder, if they are known. None where that cannot be known.
    """
    if among is not None and not among:
        return beside_digest(())
    names = candidates(photo_name)
    try:
        found = look_at(within, [one for one in names if among is None or one in among])
    except OSError:
        return None
    return beside_digest(
        (name, status.st_size, status.st_mtime_ns)
        for name, status in found.items()
        if S_ISREG(status.st_mode)
    )


class Neighbours:
    """The sidecars of one folder, by name."""

    def __init__(self, sidecars: Iterable[Entry]) -> None:
        self._sidecars: Mapping[str, Entry] = {entry[0]: entry for entry in sidecars}

    def changed(self, name: str, row: KnownFile) -> bool:
        """Tell whether something else lies beside a photo than when that was last read."""
        if row.beside is None:
            return self.unknown(name, row) == CHANGED
        return self._digest(name) != row.beside

    def unknown(self, name: str, row: KnownFile) -> str | None:
        """Return what lies beside a photo of which the index does not know that, else None.

        An older captiond has written it: what somebody edited since is CHANGED.
        """
        if row.beside is not None or row.state not in _AT_REST:
            return None
        edited_at = max((ns for *_, ns in self._beside(name)), default=0) / 1e9
        read_until = (row.captioned_at or 0.0) + COARSE_SECONDS
        return CHANGED if edited_at > read_until else self._digest(name)

    def _digest(self, name: str) -> str:
        return beside_digest(self._beside(name))

    def _beside(self, name: str) -> Iterator[Entry]:
        return (self._sidecars[one] for one in candidates(name) if one in self._sidecars)
