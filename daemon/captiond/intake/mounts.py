"""Says what lies under a root: which file system, whether it is there, what may be concluded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table: where, and the file system's type."""

    point: str
    fs_type: str

    @property
    def sends_events(self) -> bool:
        """Whether every change beneath gives an event."""
        return self.fs_type not in NO_EVENTS and not self.fs_type.startswith("fuse.")


@dataclass(frozen=True, slots=True)
class RootState:
    """What a look at a root found; device and inode are None while it is missing.

    `empty` leaves out of account what a bare mount point may hold (dot-files, `lost+found`).
    """

    device: int | None
    inode: int | None
    empty: bool

    @property
    def present(self) -> bool:
        """Whether there is a folder."""
        return self.device is not None


@dataclass(frozen=True, slots=True)
class InotifyRoom:
    """The kernel's limits for this user; None where /proc/sys is hidden (ProcSubset=pid)."""

    max_user_watches: int | None
    max_user_instances: int | None


def parse_mountinfo(text: str) -> list[Mount]:
    """Return the mounts of a `/proc/self/mountinfo`, in its order; see proc_pid_mountinfo(5)."""
    mounts = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if separator and len(fields) > 4:  # noqa: PLR2004 the mount point is the fifth field
            mounts.append(Mount(_unescape(fields[4]), after.split(" ")[0]))
    return mounts


def mount_of(path: str, mounts: Iterable[Mount]) -> Mount | None:
    """Return the mount that an absolute path lies on, the last one where several lie stacked."""
    best: Mount | None = None
    for mount in mounts:
        within = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if within and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def find_mount(path: str) -> Mount | None:
    """Return the mount beneath `path`, None where the mount table cannot be read."""
    try:
        table = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return None
    return mount_of(os.path.realpath(path), parse_mountinfo(os.fsdecode(table)))


def look_at_root(root: str) -> RootState:
    """Look at a root; one that cannot be read counts as missing."""
    try:
        found = Path(root).stat()
        with os.scandir(root) as entries:
            empty = not any(_counts(entry.name) for entry in entries)
    except OSError:
        return RootState(None, None, empty=True)
    return RootState(found.st_dev, found.st_ino, empty)


def may_conclude_gone(start: RootState | None, now: RootState) -> bool:
    """Tell whether a file that is not found may be taken as gone.

    Never while the root is missing, empty, or on another device than at the start: a disk that
    was unmounted must not empty the library (immich#6192).
    """
    return start is not None and now.present and not now.empty and now.device == start.device


class RootWitness:
    """Remembers the device a root was on when it was first seen with something in it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._start: RootState | None = None

    def look(self) -> RootState:
        """Look at the root; blocks on the disk."""
        state = look_at_root(self._root)
        if self._start is None and not state.empty:
            self._start = state
        return state

    def may_conclude_gone(self) -> bool:
        """Look at the root, then tell whether files may be taken as gone; blocks on the disk."""
        now = self.look()
        return may_conclude_gone(self._start, now)


def inotify_room(directory: Path = Path("/proc/sys/fs/inotify")) -> InotifyRoom:
    """Return how many watches and instances the kernel allows this user."""
    return InotifyRoom(
        _read_number(directory / "max_user_watches"),
        _read_number(directory / "max_user_instances"),
    )


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _counts(name: str) -> bool:
    return not name.startswith(".") and name != "lost+found"


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
