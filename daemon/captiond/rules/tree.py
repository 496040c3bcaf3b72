"""Reads the rules in force in a folder, from the root down, and remembers what it read."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from captiond.disk import beneath
from captiond.errors import RulesBroken
from captiond.rules.base import NO_MEDIA, RULES_FILE, InForce, Rules, inherited
from captiond.rules.reading import LIMIT_BYTES, parse

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, mtime_ns, ctime_ns: another one is another file, or other words in it."""
Tell = Callable[[str, Sequence[str]], None]
"""Hears of a file that is broken, with its problems; without any when it is mended, or gone."""

REMEMBERED = 512
"""Files kept in memory, a few KB each."""
FRESH_SECONDS = 2.0
"""A file may be written to twice within one tick of its clock, and look the same: what was changed
that lately is read each time."""
UNFINISHED_SECONDS = 1.0
"""So long after a change a file counts as being written: an editor empties it first, and no rules
at all would hold then."""

_UNREADABLE = {errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ELOOP, errno.ENXIO}


def _ignore(_path: str, _problems: Sequence[str]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class RuleTree:
    """The rules of folders; every method blocks on the disk, and may be called from any thread.

    `tell` hears of each broken file once, and again when it changes.
    """

    tell: Tell = _ignore
    _read: dict[Stamp, Rules | tuple[str, ...]] = field(default_factory=dict, repr=False)
    _told: dict[str, Stamp] = field(default_factory=dict, repr=False)

    def at(self, root: str, folder: str, *, finished: bool = False) -> InForce:
        """Return what holds in a folder beneath a root; up to where one is gone, or unreadable.

        `finished` takes no file that was changed a moment ago. Raises RulesBroken, and OSError
        when the machine is short of something.
        """
        found = InForce()
        with closing(beneath.folders_to(root, folder)) as folders:
            for here, fd in folders:
                above, _, name = here.rpartition("/")
                if here and found.ignored.match(above, name):
                    found = replace(found, closed=True)
                path = f"{root.rstrip('/')}/{here}" if here else root
                found = self._below(found, here, (path, fd), finished=finished)
        return found

    def own(self, folder: str, fd: int) -> Rules:
        """Return the rules of the file in an open folder, whose full path is `folder`.

        Raises RulesBroken, OSError.
        """
        rules, _ = self._own(folder, fd, finished=False)
        return rules

    def _below(
        self, above: InForce, here: str, opened: tuple[str, int], *, finished: bool
    ) -> InForce:
        path, fd = opened
        own, stamp = self._own(path, fd, finished=finished)
        no_media = os.access(NO_MEDIA, os.F_OK, dir_fd=fd, follow_symlinks=False)
        closed = above.closed or no_media or own.ignore is True
        if stamp is None:
            return InForce(above.rules, above.ignored, closed, above.files)
        patterns = own.ignore if isinstance(own.ignore, tuple) else ()
        return InForce(
            inherited(above.rules, own),
            above.ignored.beneath(here, patterns),
            closed,
            (*above.files, (f"{path.rstrip('/')}/{RULES_FILE}", stamp)),
        )

    def _own(self, folder: str, fd: int, *, finished: bool) -> tuple[Rules, Stamp | None]:
        path = f"{folder.rstrip('/')}/{RULES_FILE}"
        try:
            status = os.stat(RULES_FILE, dir_fd=fd, follow_symlinks=False)
            stamp = _stamp(status)
            age_seconds = time.time() - status.st_ctime_ns / 1e9
            if finished and 0 <= age_seconds < UNFINISHED_SECONDS:
                raise RulesBroken(path, ["is being written"], again_seconds=UNFINISHED_SECONDS)
            read = self._read.get(stamp)
            if read is None:
                stamp, read = _parsed(fd, status)
                if not 0 <= age_seconds < FRESH_SECONDS:
                    self._remember(stamp, read)
        except FileNotFoundError:
            self._tell_mended(path)
            return Rules(), None
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
            stamp, read = _NO_STAMP, (f"cannot be read: {error.strerror}",)
        if isinstance(read, Rules):
            self._tell_mended(path)
            return read, stamp
        self._tell_broken(path, stamp, read)
        raise RulesBroken(path, read)

    def _remember(self, stamp: Stamp, read: Rules | tuple[str, ...]) -> None:
        if len(self._read) >= REMEMBERED:
            self._read.clear()
        self._read[stamp] = read

    def _tell_broken(self, path: str, stamp: Stamp, problems: Sequence[str]) -> None:
        if self._told.get(path) != stamp:
            if len(self._told) >= REMEMBERED:
                self._told.clear()
            self._told[path] = stamp
            self.tell(path, problems)

    def _tell_mended(self, path: str) -> None:
        if self._told.pop(path, None) is not None:
            self.tell(path, ())


_NO_STAMP: Stamp = (0, 0, 0, 0, 0)


def _parsed(fd: int, seen: os.stat_result) -> tuple[Stamp, Rules | tuple[str, ...]]:
    """Return what the file in an open folder says; looked at first, as opening a pipe does harm.

    Raises OSError.
    """
    if not stat.S_ISREG(seen.st_mode):
        return _stamp(seen), (f"is not a plain file but {beneath.kind(seen)}",)
    file = os.open(RULES_FILE, beneath.IN_FILE, dir_fd=fd)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return _stamp(status), (f"is not a plain file but {beneath.kind(status)}",)
        data = b""
        while len(data) <= LIMIT_BYTES and (part := os.read(file, LIMIT_BYTES + 1)):
            data += part
    finally:
        os.close(file)
    return _stamp(status), parse(data)


def _stamp(status: os.stat_result) -> Stamp:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
