"""Says whether a file that is not found is gone, or only its disk.

disk       the file system that lies at a folder of the root: at the root itself, or mounted within
identity   its name for good: type, number (else what was mounted), and the folder's path on it
trusted    the identity under which photos were last seen there; the index remembers it

Where another disk lies, or none, the photos of that folder are kept until half of those known are
found there: then it is the library on a new disk. Half, as a copy may leave some out, while a bare
mount point holds strays only.

The number comes from statvfs. ext4, btrfs and ZFS derive it from their UUID, tmpfs draws it at each
mount, which costs one look for half of the photos. XFS and FAT give the device's number, which is
another's tomorrow: the folder's birth stands for it, where it is kept. NFS and FUSE have none, so
what was mounted names them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import structlog

from captiond.disk.beneath import folder_beneath
from captiond.index.base import Index
from captiond.index.folders_base import FolderView
from captiond.intake.folder import WatchedFolder
from captiond.intake.mounts import Mount, places_of, read_mounts
from captiond.intake.statx import born_ns
from captiond.models import State

log = structlog.get_logger()

Identities = Mapping[str, str]
"""The identity of the disk at each folder of a root where one begins."""

OTHER_DISK = (
    "this is not the disk its photos were on, and fewer than half of them are here; none is taken "
    "as missing. Mount that disk again, or copy its photos here"
)


@dataclass(frozen=True, slots=True)
class RootState:
    """What a look at a root found.

    `empty` leaves out of account what a bare mount point may hold (dot-files, `lost+found`).
    """

    present: bool
    empty: bool


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the photos known at a place are here."""

    known: int
    here: int

    @property
    def is_the_library(self) -> bool:
        """Whether what lies here is what the index knows; so it is where it knows nothing."""
        return 2 * self.here >= self.known


@dataclass(slots=True)
class Recognition:
    """What became of the disks that changed: `adopted` (None: none lies there now) or `strange`."""

    trusted: dict[str, str] = field(default_factory=dict)
    adopted: dict[str, str | None] = field(default_factory=dict)
    strange: dict[str, tuple[str | None, Share]] = field(default_factory=dict)


class RootWitness:
    """Remembers the disks of one root."""

    def __init__(self, watched: WatchedFolder, index: Index) -> None:
        self._watched = watched
        self._index = index
        self._trusted: Identities = {}
        self._told: dict[str, str | None] = {}

    def look(self) -> RootState:
        """Look at the root; blocks on the disk."""
        return look_at_root(self._watched.root)

    async def recognise(self, threads: anyio.CapacityLimiter) -> None:
        """Compare the disks with those remembered; nothing is concluded gone before.

        Raises LibraryUnavailable.
        """
        found = await anyio.to_thread.run_sync(self._recognise, limiter=threads)
        if found.adopted:
            await self._index.save_disks(self._watched.root, found.adopted)
        self._trusted = found.trusted
        self._tell(found)

    def gone(self, paths: Collection[str]) -> set[str]:
        """Return which of the paths that are not found may be taken as gone; blocks on the disk."""
        state = self.look()
        if state.empty:
            return set()
        now = identities(self._watched)
        return {path for path in paths if may_conclude_gone(path, self._trusted, now)}

    def _recognise(self) -> Recognition:
        now = identities(self._watched)
        view = self._index.folder_view()
        try:
            trusted = view.disks(self._watched.root)
            found = Recognition(trusted)
            if self.look().empty:
                return found
            places = trusted.keys() | now.keys()
            changed = [place for place in places if trusted.get(place) != now.get(place)]
            shares = {place: share_at(place, places, self._watched, view) for place in changed}
        finally:
            view.close()
        still = identities(self._watched) if changed else now
        for place, share in shares.items():
            if share.is_the_library and now.get(place) == still.get(place):
                found.adopted[place] = now.get(place)
            else:
                found.strange[place] = now.get(place), share
        found.trusted = {
            place: identity
            for place, identity in (trusted | found.adopted).items()
            if identity is not None
        }
        return found

    def _tell(self, found: Recognition) -> None:
        """Tell of each strange disk once."""
        for place, (identity, share) in found.strange.items():
            if self._told.get(place, "") != identity:
                log.warning(
                    "root.other_disk",
                    path=self._watched.full(place),
                    known=share.known,
                    here=share.here,
                    reason=OTHER_DISK,
                )
        for place in found.adopted:
            log.info("root.disk_known", path=self._watched.full(place), disk=found.adopted[place])
        self._told = {place: identity for place, (identity, _) in found.strange.items()}


def look_at_root(root: str) -> RootState:
    """Look at a root; one that cannot be read counts as missing."""
    try:
        with os.scandir(root) as entries:
            return RootState(present=True, empty=not any(_counts(entry.name) for entry in entries))
    except OSError:
        return RootState(present=False, empty=True)


def may_conclude_gone(path: str, trusted: Identities, now: Identities) -> bool:
    """Tell whether a photo that is not found is gone: its disk is there, and the trusted one.

    A disk that was unmounted must not empty the library (immich#6192).
    """
    place = place_of(path, trusted.keys() | now.keys())
    return place in trusted and trusted[place] == now.get(place)


def place_of(path: str, places: Collection[str]) -> str:
    """Return the innermost of the places that a path beneath the root lies at, "" at least."""
    while path and path not in places:
        path = path.rpartition("/")[0]
    return path


def identities(watched: WatchedFolder) -> Identities:
    """Return the identity of every disk the root is made of now; blocks on the disk."""
    real_root = os.path.realpath(watched.root)
    found = {}
    for place, mount in places_of(watched, real_root, read_mounts()).items():
        path = f"{real_root.rstrip('/')}/{place}" if place else real_root
        try:
            found[place] = identity_of(path, mount, _number(path))
        except OSError:
            continue
    return found


def identity_of(path: str, mount: Mount, number: str) -> str:
    """Return the identity of the disk at a path; `number` names its file system, "" for none."""
    beneath = path[len(mount.point.rstrip("/")) :]
    on_disk = mount.subtree.rstrip("/") + beneath
    return f"{mount.fs_type} {number or mount.source} {on_disk or '/'}"


def share_at(
    place: str, places: Collection[str], watched: WatchedFolder, view: FolderView
) -> Share:
    """Return how many of the photos known at a place, and at none within it, lie there."""
    known = here = 0
    for folder in view.folders(watched.root, place):
        if place_of(folder, places) == place:
            rows = view.files(watched.root, folder).items()
            names = {name for name, row in rows if row.state is not State.MISSING}
            known += len(names)
            here += len(names.intersection(_names_in(watched.root, folder)))
    return Share(known, here)


def _number(path: str) -> str:
    fsid = os.statvfs(path).f_fsid
    if fsid == Path(path).stat().st_dev and (born := born_ns(path)) is not None:
        return f"born {born}"
    return f"{fsid:x}" if fsid else ""


def _names_in(root: str, folder: str) -> list[str]:
    try:
        with folder_beneath(root, folder) as fd, os.scandir(fd) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _counts(name: str) -> bool:
    return not name.startswith(".") and name != "lost+found"
