"""Reads the mount table: which file system lies where, and whether it sends events."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from captiond.intake.folder import WatchedFolder
from captiond.settings import Polling

MOUNTINFO = Path("/proc/self/mountinfo")

NO_EVENTS = frozenset(
    (
        "9p",
        "afs",
        "ceph",
        "cifs",
        "fuse",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "prl_fs",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    )
)
"""File systems where others' changes give no inotify event, besides every `fuse.*`."""

Places = Mapping[str, "Mount"]
"""The mounts a root is made of, by folder: the one it lies on as "", then those within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of the mount table: `subtree` of a file system is shown at `point`.

    `source` is what was mounted: a device, a server's export, or any word.
    """

    id: int
    parent: int
    subtree: str
    point: str
    fs_type: str
    source: str

    @property
    def sends_events(self) -> bool:
        """Whether every change beneath gives an event."""
        return self.fs_type not in NO_EVENTS and not self.fs_type.startswith("fuse.")


class MountTable:
    """The mounts as a tree: one that is hidden beneath another is not found."""

    def __init__(self, mounts: Sequence[Mount]) -> None:
        self._mounts = mounts
        self._upon: dict[int | None, list[Mount]] = defaultdict(list)
        ids = {mount.id for mount in mounts}
        for mount in mounts:
            is_top = mount.parent == mount.id or mount.parent not in ids
            self._upon[None if is_top else mount.parent].append(mount)

    def holding(self, path: str) -> Mount | None:
        """Return the mount that an absolute path lies on, as the kernel finds it.

        The order of the table tells nothing: mounts that were moved at boot stand anywhere.
        """
        found, upon = None, self._upon.get(None, [])
        while over := [mount for mount in upon if _lies_in(path, mount.point)]:
            found = min(over, key=lambda mount: len(mount.point))
            upon = self._upon.get(found.id, [])
        return found

    def within(self, path: str) -> Iterator[Mount]:
        """Yield the mounts that can be reached beneath an absolute path."""
        for mount in self._mounts:
            beneath = mount.point != path and _lies_in(mount.point, path)
            if beneath and self.holding(mount.point) is mount:
                yield mount


@dataclass(frozen=True, slots=True)
class InotifyRoom:
    """The kernel's limits for this user; None where /proc/sys is hidden (ProcSubset=pid)."""

    max_user_watches: int | None
    max_user_instances: int | None


UNKNOWN = Mount(id=0, parent=0, subtree="/", point="/", fs_type="unknown", source="unknown")


def parse_mountinfo(text: str) -> list[Mount]:
    """Return the mounts of a `/proc/self/mountinfo`, in its order; see proc_pid_mountinfo(5)."""
    mounts = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        if separator:
            number, parent, _, subtree, point = before.split(" ")[:5]
            fs_type, source = after.split(" ")[:2]
            mounts.append(
                Mount(
                    id=int(number),
                    parent=int(parent),
                    subtree=_unescape(subtree),
                    point=_unescape(point),
                    fs_type=fs_type,
                    source=_unescape(source),
                )
            )
    return mounts


def read_mounts() -> MountTable:
    """Return the mount table; where it cannot be read all lies on one unknown file system."""
    try:
        return MountTable(parse_mountinfo(os.fsdecode(MOUNTINFO.read_bytes())))
    except OSError:
        return MountTable([UNKNOWN])


def find_mount(path: str) -> Mount | None:
    """Return the mount beneath `path`."""
    return read_mounts().holding(os.path.realpath(path))


def places_of(watched: WatchedFolder, real_root: str, table: MountTable) -> Places:
    """Return the mounts a root is made of; `real_root` is its path without symbolic links."""
    holding = table.holding(real_root)
    places = {} if holding is None else {"": holding}
    if watched.recursive:
        for mount in table.within(real_root):
            folder = mount.point[len(real_root.rstrip("/")) + 1 :]
            if watched.enters(folder):
                places[folder] = mount
    return places


def places_now(watched: WatchedFolder) -> Places:
    """Return the mounts a root is made of at this moment."""
    return places_of(watched, os.path.realpath(watched.root), read_mounts())


def silent_mount(places: Places) -> Mount | None:
    """Return a mount of the root that sends no events, None if all do."""
    return next((mount for mount in places.values() if not mount.sends_events), None)


def is_polled(polling: Polling, silent: Mount | None) -> bool:
    """Tell whether a root is scanned each minute; `silent` is a mount of it without events."""
    return polling == "always" or (polling == "auto" and silent is not None)


def inotify_room(directory: Path = Path("/proc/sys/fs/inotify")) -> InotifyRoom:
    """Return how many watches and instances the kernel allows this user."""
    return InotifyRoom(
        _read_number(directory / "max_user_watches"),
        _read_number(directory / "max_user_instances"),
    )


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
