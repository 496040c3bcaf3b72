"""The rules of one watched folder."""

from __future__ import annotations

from dataclasses import dataclass, field

from captiond.intake.filters import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    """One root and how it is looked after; `root` is absolute.

    `watching` False leaves everything to the scans.
    """

    root: str
    recursive: bool = True
    filter: Filter = field(default_factory=Filter)
    settle_seconds: float = 2.0
    scan_interval_seconds: float = 3600.0
    watching: bool = True

    def full(self, path: str) -> str:
        """Return the absolute path of `path` beneath the root; "" is the root itself."""
        return f"{self.root.rstrip('/')}/{path}" if path else self.root
