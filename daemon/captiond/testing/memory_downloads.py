"""The downloads of an in-memory index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from captiond.index.downloads_base import Download, Stage, Wanted
from captiond.models import Photo

_ENDED = {Stage.DONE, Stage.FAILED}


class MemoryDownloads:
    """The addresses to be fetched, and where contents came from."""

    def __init__(self) -> None:
        self._rows: dict[int, Download] = {}
        self._links: dict[Photo, str] = {}
        self._sources: dict[str, str] = {}

    async def add(self, wanted: Sequence[Wanted], *, now: float) -> list[int]:  # noqa: ARG002 as in Downloads
        """Queue addresses that are not known for their folders; return the row of each."""
        return [self._add(one) for one in wanted]

    async def anew(self, wanted: Sequence[Wanted], *, now: float) -> None:  # noqa: ARG002 as in Downloads
        """Queue addresses again that have ended, attempts 0."""
        for one in wanted:
            row = self._find(one)
            if row is not None and row.state in _ENDED:
                self._rows[row.id] = _fresh(row, one.url)

    async def knows_links(self, file: Photo, digest: str) -> bool:
        """Tell whether a link file with these bytes was taken before."""
        return self._links.get(file) == digest

    async def take_links(
        self, file: Photo, digest: str, wanted: Sequence[Wanted], *, now: float
    ) -> int:
        """Queue what a link file names and remember it as taken; return how many were new."""
        before = len(self._rows)
        await self.add(wanted, now=now)
        self._links[file] = digest
        return len(self._rows) - before

    async def claim(
        self,
        *,
        now: float,
        besides: Collection[str] = (),
        among: Collection[int] | None = None,
    ) -> Download | None:
        """Take what is due the longest, not of the hosts `besides`; None if there is none."""
        waiting = self._waiting(besides, among)
        row = min(waiting, key=lambda row: (row.retry_at or 0.0, row.id), default=None)
        if row is None or (row.retry_at or 0.0) > now:
            return None
        self._set(row, state=Stage.UNDERWAY, attempts=row.attempts + 1)
        return self._rows[row.id]

    async def next_due(
        self, *, besides: Collection[str] = (), among: Collection[int] | None = None
    ) -> float | None:
        """Return when the next one is due (0 for at once), None when none waits."""
        due = (row.retry_at or 0.0 for row in self._waiting(besides, among))
        return min(due, default=None)

    async def begun(self, download: Download, validator: str) -> None:
        """Remember what the server calls the version whose first bytes are kept."""
        self._set(download, validator=validator)

    async def done(
        self,
        download: Download,
        *,
        name: str,
        digest: str,
        source: str,
        now: float,  # noqa: ARG002 as in Downloads
    ) -> None:
        """Close a download that lies in its place; `source` is kept with its content."""
        self._set(download, state=Stage.DONE, reason=None, retry_at=None, name=name, url=source)
        self._sources.setdefault(digest, source)

    async def failed(self, download: Download, reason: str, *, now: float) -> None:  # noqa: ARG002 as in Downloads
        """Close a download that will not come."""
        self._set(download, state=Stage.FAILED, reason=reason, retry_at=None)

    async def postpone(
        self, download: Download, reason: str, *, at: float, counted: bool = True
    ) -> None:
        """Put a download back until `at`; `counted` False gives the attempt back."""
        attempts = self._rows[download.id].attempts - (not counted)
        changes = {"reason": reason, "retry_at": at, "attempts": attempts}
        self._set(download, state=Stage.QUEUED, **changes)

    async def hold_back(self, root: str, folder: str | None, reason: str, *, at: float) -> None:
        """Let everything that waits for a folder, or for a whole root, wait until `at` at least."""
        for row in self._waiting((), None):
            meant = row.root == root and folder in {None, row.folder}
            if meant and (row.retry_at or 0) < at:
                self._set(row, retry_at=at, reason=reason)

    async def recover(self) -> None:
        """Put back what was underway when its process ended."""
        for row in list(self._rows.values()):
            if row.state is Stage.UNDERWAY:
                self._set(row, state=Stage.QUEUED, attempts=row.attempts - 1)

    async def retry_failed(self, *, now: float) -> int:  # noqa: ARG002 as in Downloads
        """Queue all that failed again, attempts 0; return how many."""
        failed = [row for row in self._rows.values() if row.state is Stage.FAILED]
        self._rows.update({row.id: _fresh(row, row.url) for row in failed})
        return len(failed)

    async def rows(self, ids: Sequence[int]) -> list[Download]:
        """Return these rows, in this order."""
        return [self._rows[number] for number in ids]

    async def counts(self) -> Mapping[Stage, int]:
        """Return how many stand where; what has none is absent."""
        return Counter(row.state for row in self._rows.values())

    async def source_of(self, digest: str) -> str:
        """Return where a content was downloaded from, "" for one that was not."""
        return self._sources.get(digest, "")

    def _add(self, wanted: Wanted) -> int:
        known = self._find(wanted)
        if known is not None:
            return known.id
        number = len(self._rows) + 1
        self._rows[number] = Download(
            id=number,
            address=wanted.address,
            url=wanted.url,
            host=wanted.host,
            root=wanted.root,
            folder=wanted.folder,
            state=Stage.QUEUED if wanted.refused is None else Stage.FAILED,
            reason=wanted.refused,
            attempts=0,
            retry_at=None,
            validator="",
            name=None,
        )
        return number

    def _find(self, wanted: Wanted) -> Download | None:
        key = (wanted.address, wanted.root, wanted.folder)
        rows = self._rows.values()
        return next((row for row in rows if (row.address, row.root, row.folder) == key), None)

    def _waiting(self, besides: Collection[str], among: Collection[int] | None) -> list[Download]:
        return [
            row
            for row in self._rows.values()
            if row.state is Stage.QUEUED
            and row.host not in besides
            and (among is None or row.id in among)
        ]

    def _set(self, download: Download, **changes: object) -> None:
        self._rows[download.id] = replace(self._rows[download.id], **changes)  # type: ignore[arg-type]


def _fresh(row: Download, url: str) -> Download:
    fields = {"reason": None, "retry_at": None, "name": None, "validator": "", "attempts": 0}
    return replace(row, state=Stage.QUEUED, url=url, **fields)  # type: ignore[arg-type]
