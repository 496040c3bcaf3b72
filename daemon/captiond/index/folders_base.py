"""What the index knows of folders and the files in them, for a scan to compare with the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from captiond.models import State


@dataclass(frozen=True, slots=True)
class FolderDigest:
    """What a folder's listing digested to when the index last agreed with it."""

    root: str
    folder: str
    digest: str


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the index holds of one file in a folder.

    `beside` is a digest of what lies beside it, None where that is not known; `captioned_at` is in
    unix seconds.
    """

    size: int
    mtime_ns: int
    state: State
    beside: str | None = None
    captioned_at: float | None = None


class FolderView(Protocol):
    """Reads what the index knows of folders; synchronous, for the scan's own thread.

    Opened, used and closed in one thread. Raises LibraryUnavailable.
    """

    def digest(self, root: str, folder: str) -> str | None:
        """Return the folder's digest as last saved, None if there is none."""

    def files(self, root: str, folder: str) -> dict[str, KnownFile]:
        """Return what is known of the files straight in `folder`, by name, `missing` ones too."""

    def folders(self, root: str, beneath: str) -> list[str]:
        """Return the folders at or beneath `beneath` ("" = all) with a row that is not missing."""

    def disks(self, root: str) -> dict[str, str]:
        """Return which file system lay at which folder of the root, as last saved."""

    def close(self) -> None:
        """Let go of the file."""
