"""Which addresses are to be fetched, and where each stands.

wanted      an address that somebody asked for, and the folder it goes to
download    its row: `queued`, `underway`, `done` or `failed`; the same address for the same folder
            is one row for good, so that nothing is fetched twice
link file   a file that names addresses: `.url`, `.webloc`, `*.urls.txt`
source      where a content came from, by its digest: copies and moves keep it
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from captiond.models import Photo


class Stage(StrEnum):
    """Where a download stands."""

    QUEUED = "queued"
    UNDERWAY = "underway"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address to be fetched into a folder beneath a root; with `refused` it never will be.

    `host` names the server; of one only a few are fetched at once.
    """

    url: str
    host: str
    root: str
    folder: str
    refused: str | None = None

    @property
    def address(self) -> str:
        """A digest of the address as it was given."""
        return hashlib.sha256(self.url.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One row; `validator` is what the server calls the version that was begun, "" for nothing."""

    id: int
    address: str
    url: str
    host: str
    root: str
    folder: str
    state: Stage
    reason: str | None
    attempts: int
    retry_at: float | None
    validator: str
    name: str | None

    @property
    def photo(self) -> Photo | None:
        """The photo it became, None before."""
        if self.name is None:
            return None
        return Photo(self.root, f"{self.folder}/{self.name}" if self.folder else self.name)


class Downloads(Protocol):
    """The downloads of an index; times are unix seconds."""

    async def add(self, wanted: Sequence[Wanted], *, now: float) -> list[int]:
        """Queue addresses that are not known for their folders; return the row of each, in order.

        What is refused becomes a row that has failed.
        """

    async def anew(self, wanted: Sequence[Wanted], *, now: float) -> None:
        """Queue addresses again that have ended, attempts 0."""

    async def knows_links(self, file: Photo, digest: str) -> bool:
        """Tell whether a link file with these bytes was taken before."""

    async def take_links(
        self, file: Photo, digest: str, wanted: Sequence[Wanted], *, now: float
    ) -> int:
        """Queue what a link file names and remember it as taken; return how many were new."""

    async def claim(
        self,
        *,
        now: float,
        besides: Collection[str] = (),
        among: Collection[int] | None = None,
    ) -> Download | None:
        """Take what is due the longest, not of the hosts `besides`; None if there is none.

        Counts the attempt. With `among`, only one of these rows.
        """

    async def next_due(
        self, *, besides: Collection[str] = (), among: Collection[int] | None = None
    ) -> float | None:
        """Return when the next one is due (0 for at once), None when none waits."""

    async def begun(self, download: Download, validator: str) -> None:
        """Remember what the server calls the version whose first bytes are kept."""

    async def done(
        self, download: Download, *, name: str, digest: str, source: str, now: float
    ) -> None:
        """Close a download that lies in its place; `source` is kept with its content."""

    async def failed(self, download: Download, reason: str, *, now: float) -> None:
        """Close a download that will not come."""

    async def postpone(
        self, download: Download, reason: str, *, at: float, counted: bool = True
    ) -> None:
        """Put a download back until `at`; `counted` False gives the attempt back."""

    async def hold_back(self, root: str, folder: str | None, reason: str, *, at: float) -> None:
        """Let everything that waits for a folder, or for a whole root, wait until `at` at least."""

    async def recover(self) -> None:
        """Put back what was underway when its process ended; for the sole owner of the index."""

    async def retry_failed(self, *, now: float) -> int:
        """Queue all that failed again, attempts 0; return how many."""

    async def rows(self, ids: Sequence[int]) -> list[Download]:
        """Return these rows, in this order."""

    async def counts(self) -> Mapping[Stage, int]:
        """Return how many stand where; what has none is absent."""

    async def source_of(self, digest: str) -> str:
        """Return where a content was downloaded from, "" for one that was not."""
