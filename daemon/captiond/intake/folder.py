"""The rules of one watched folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from captiond.intake.filters import Filter
from captiond.rules.tree import RuleTree
from captiond.settings import FolderSettings, Polling, WatchSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    """One root and how it is looked after; `root` is absolute.

    `polling` "always" leaves everything to a scan each minute, "never" trusts the kernel's events;
    "auto" scans each minute, beside the watch, where a file system sends no events. `filter` holds
    everywhere, what `rules` finds in a folder there and below.
    """

    root: str
    recursive: bool = True
    filter: Filter = field(default_factory=Filter)
    settle_seconds: float = 2.0
    scan_interval_seconds: float = 3600.0
    polling: Polling = "auto"
    rules: RuleTree = field(default_factory=RuleTree, compare=False)

    @classmethod
    def of(
        cls, folder: FolderSettings, watch: WatchSettings, rules: RuleTree | None = None
    ) -> Self:
        """Return the rules of a folder of the configuration."""
        return cls(
            root=folder.path,
            recursive=folder.recursive,
            filter=Filter(tuple(watch.ignore)),
            settle_seconds=watch.settle_seconds,
            scan_interval_seconds=watch.scan_interval_minutes * 60,
            polling=folder.polling or watch.polling,
            rules=rules or RuleTree(),
        )

    def full(self, path: str) -> str:
        """Return the absolute path of `path` beneath the root; "" is the root itself."""
        return f"{self.root.rstrip('/')}/{path}" if path else self.root

    def enters(self, folder: str) -> bool:
        """Tell whether a folder beneath the root, and all above it, are looked into."""
        above, _, name = folder.rpartition("/")
        return self.filter.enters(above, name) and (not above or self.enters(above))
