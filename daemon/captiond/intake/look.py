"""Looks at photos beneath a root, without following links."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from typing import TypeAlias

from captiond.disk.beneath import folder_beneath, kind
from captiond.disk.photofile import signature_of
from captiond.intake.nearby import beside_at, sidecars_in
from captiond.intake.settle import NotPlain, Seen
from captiond.models import Signature

Glance: TypeAlias = tuple[Seen | OSError, str | None, float]
"""What was seen, a digest of what lies beside it, and when that was, in monotonic seconds.

An error stands where it cannot be known.
"""


def look(root: str, folder: str, names: Sequence[str]) -> list[Glance]:
    """Look at names in a folder beneath a root, in their order; blocks on the disk."""
    try:
        with folder_beneath(root, folder) as within:
            sidecars = sidecars_in(within, photos=len(names))
            return [_look_at(name, within, sidecars) for name in names]
    except (FileNotFoundError, NotADirectoryError):
        seen: Seen | OSError = None
    except OSError as error:
        seen = error
    return [(seen, None, time.monotonic())] * len(names)


def describe(found: os.stat_result) -> Signature | NotPlain:
    """Return what a `stat` result shows: a plain file's signature, or why it is none."""
    if stat.S_ISREG(found.st_mode):
        return signature_of(found)
    return NotPlain(f"not a plain file but {kind(found)}", found.st_ino)


def is_folder(root: str, folder: str) -> bool:
    """Tell whether a folder lies there beneath a root, with no link on the way; blocks on the disk.

    Raises OSError where that cannot be known.
    """
    try:
        with folder_beneath(root, folder):
            return True
    except (FileNotFoundError, NotADirectoryError):
        return False


def _look_at(name: str, within: int, sidecars: frozenset[str] | None) -> Glance:
    try:
        found = os.stat(name, dir_fd=within, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None, None, time.monotonic()
    except OSError as error:
        return error, None, time.monotonic()
    return describe(found), beside_at(within, name, among=sidecars), time.monotonic()
