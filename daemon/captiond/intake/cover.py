"""Knows which folder of a root each of the kernel's watches stands for.

Every walk arms a folder through the descriptor that it then lists: what came before is in the
listing, what comes after gives an event, whatever was made, moved, mounted or forbidden meanwhile.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from captiond.intake import inotify
from captiond.intake.folder import WatchedFolder
from captiond.intake.inotify import Event, Inotify
from captiond.intake.listing import folders_in

MANY_EVENTS = 20_000
"""More than the kernel's queue holds: a writer that never pauses does not keep `hear` for ever."""


@dataclass(slots=True)
class Heard:
    """What the kernel told: paths beneath the root, and of each whether it is a folder.

    `lost` when there was more than it could keep; `altered` when the root itself may be read
    otherwise; `ended` when the root was deleted, moved or unmounted.
    """

    paths: dict[str, bool] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    lost: bool = False
    altered: bool = False
    ended: bool = False


class Cover:
    """The kernel's watches of one root; every method may be called from any thread."""

    def __init__(self, watched: WatchedFolder) -> None:
        self.bare = 0
        """How many folders that were asked for since `recount` got no watch."""
        self.refusal = ""
        """Why the last of them got none."""
        self._watched = watched
        self._lock = threading.Lock()
        self._inotify: Inotify | None = None
        self._folders: dict[int, str] = {}
        self._identity: tuple[int, int] | None = None

    @property
    def fd(self) -> int:
        """What becomes readable when there is something to hear; -1 while closed."""
        return self._inotify.fd if self._inotify else -1

    @property
    def whole(self) -> bool:
        """Whether every folder met is watched."""
        return self._inotify is not None and self.bare == 0

    @property
    def replaced(self) -> bool:
        """Whether the root is not the folder any more that was opened; blocks on the disk."""
        return _identity(self._watched.root) != self._identity

    def open(self) -> None:
        """Arm the root and all that is entered beneath it; blocks on the disk.

        Raises OSError where the root cannot be read or the kernel has no instance left.
        """
        with self._lock:
            self._inotify, self.bare = Inotify(), 0
        self._identity = _identity(self._watched.root)
        waiting = [("", self._watched.filter)]
        while waiting and self._inotify is not None:
            folder, above = waiting.pop()
            try:
                waiting += folders_in(self._watched, folder, self.arm, above)
            except OSError:  # the scan tells of it; once it can be read, its parent gives an event
                if not folder:
                    raise

    def close(self) -> None:
        """Give the kernel's watches back."""
        with self._lock:
            if self._inotify is not None:
                self._inotify.close()
            self._inotify, self._folders = None, {}

    def recount(self) -> None:
        """Begin to count folders without a watch anew: a scan is about to meet them all."""
        self.bare = 0

    def arm(self, folder: str, fd: int) -> None:
        """Watch a folder beneath the root through its descriptor; nothing while closed."""
        with self._lock:
            if self._inotify is None:
                return
            try:
                self._folders[self._inotify.add(fd)] = folder
            except OSError as error:
                self.bare += 1
                self.refusal = error.strerror or str(error)

    def hear(self) -> Heard:
        """Return what the kernel told since the last time; never waits. Raises OSError."""
        heard, count = Heard(), 0
        while count < MANY_EVENTS:
            with self._lock:
                events = self._inotify.read() if self._inotify else []
                for event in events:
                    self._note(event, heard)
            if not events:
                break
            count += len(events)
        if heard.moved:
            self._release(heard.moved)
        return heard

    def _note(self, event: Event, heard: Heard) -> None:
        folder = self._folders.get(event.watch)
        if event.mask & inotify.OVERFLOW:
            heard.lost = True
        elif folder is None:
            return
        elif event.mask & inotify.IGNORED:
            del self._folders[event.watch]
        elif event.name:
            path = f"{folder}/{event.name}" if folder else event.name
            is_folder = bool(event.mask & inotify.IS_FOLDER)
            heard.paths[path] = is_folder or heard.paths.get(path, False)
            if is_folder and event.mask & inotify.MOVED_FROM:
                heard.moved.add(path)
        elif folder:
            return  # the folder above tells the same, the mount table of an unmount
        elif event.mask & inotify.ATTRIB:
            heard.altered = True
        else:
            heard.ended = True

    def _release(self, moved: set[str]) -> None:
        """End the watches of folders that were moved: a walk arms them again where they are now."""
        with self._lock:
            for watch, folder in list(self._folders.items()):
                if self._inotify is not None and _lies_in(folder, moved):
                    self._inotify.remove(watch)
                    del self._folders[watch]


def _lies_in(folder: str, moved: set[str]) -> bool:
    while folder and folder not in moved:
        folder = folder.rpartition("/")[0]
    return bool(folder)


def _identity(root: str) -> tuple[int, int] | None:
    try:
        found = Path(root).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
