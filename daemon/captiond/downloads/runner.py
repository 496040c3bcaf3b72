"""Fetches what waits: a few at a time, of one server fewer, what failed for now later."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection
from ipaddress import ip_network

import anyio
import structlog
from aiohttp.abc import AbstractResolver
from anyio import to_thread
from anyio.abc import TaskGroup

from captiond.disk import partials
from captiond.downloads.addresses import told
from captiond.downloads.connecting import open_session
from captiond.downloads.fetching import Fetcher, Format
from captiond.errors import (
    DownloadError,
    DownloadLater,
    DownloadUnwritable,
    LibraryUnavailable,
)
from captiond.index.downloads_base import Download, Downloads
from captiond.settings import DownloadsSettings

log = structlog.get_logger()

PER_HOST = 2
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 3600.0
DISK_PAUSE_SECONDS = 60.0
IDLE_SECONDS = 2.0
"""What another process adds is noticed so soon: one look at the queue, which writes nothing."""

SOON_SECONDS = 30.0
"""A pass waits so long for what is to be tried again; later ones stay in the queue."""


class Runner:
    """The downloads of one index; `look` tells an image's format by its first bytes."""

    def __init__(
        self,
        store: Downloads,
        settings: DownloadsSettings,
        *,
        look: Callable[[bytes], Format],
        resolver: AbstractResolver | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.placed = 0
        self._store = store
        self._settings = settings
        self._look = look
        self._resolver = resolver
        self._clock = clock
        self._hosts: Counter[str] = Counter()
        self._unwritable: set[tuple[str, str]] = set()
        self._bell = anyio.Event()

    async def run(self) -> None:
        """Fetch what waits until cancelled; what is underway then goes on at the next start."""
        await self._run(None, within_seconds=math.inf)

    async def finish(
        self, among: Collection[int] | None = None, *, within_seconds: float = SOON_SECONDS
    ) -> int:
        """Fetch what is due within that time, or these rows of it; return how many came."""
        before = self.placed
        await self._run(among, within_seconds=within_seconds)
        return self.placed - before

    def ring(self) -> None:
        """Have a look at the queue at once."""
        self._bell.set()

    async def _run(self, among: Collection[int] | None, *, within_seconds: float) -> None:
        await self._store.recover()
        allowed = [ip_network(text) for text in self._settings.allow_private]
        async with open_session(allowed, self._resolver) as session:
            fetcher = Fetcher(session, self._store, self._settings, look=self._look)
            async with anyio.create_task_group() as tasks:
                while await self._feed(tasks, fetcher, among) <= within_seconds:
                    with anyio.move_on_after(IDLE_SECONDS):
                        await self._bell.wait()
                    self._bell = anyio.Event()

    async def _feed(
        self, tasks: TaskGroup, fetcher: Fetcher, among: Collection[int] | None
    ) -> float:
        """Begin what there is room for; return in how many seconds there is more to do."""
        while self._hosts.total() < self._settings.concurrency:
            besides = [host for host, count in self._hosts.items() if count >= PER_HOST]
            now = self._clock()
            due = await self._store.next_due(besides=besides, among=among)
            if due is None or due > now:
                break
            download = await self._store.claim(now=now, besides=besides, among=among)
            if download is not None:
                self._hosts[download.host] += 1
                tasks.start_soon(self._one, download, fetcher, name=f"download {download.id}")
        if self._hosts.total():
            return 0.0
        due = await self._store.next_due(among=among)
        return math.inf if due is None else due - self._clock()

    async def _one(self, download: Download, fetcher: Fetcher) -> None:
        try:
            placed = await fetcher.fetch(download)
            source, now = told(download.url), self._clock()
            await self._store.done(
                download, name=placed.name, digest=placed.digest, source=source, now=now
            )
        except LibraryUnavailable:
            raise  # no address's fault, and there is nowhere to record it
        except DownloadError as error:
            await self._record(download, error)
        except Exception as error:  # the worker's edge: one address fails, the daemon lives on
            log.error("download.crashed", url=told(download.url), exc_info=error)
            await self._give_up(download, f"unexpected: {type(error).__name__}")
        else:
            self.placed += 1
            self._tell_writable(download)
            log.info("photo.downloaded", url=source, root=download.root, name=placed.name)
        finally:
            self._leave(download.host)

    async def _record(self, download: Download, error: DownloadError) -> None:
        now, reason = self._clock(), str(error)
        if isinstance(error, DownloadUnwritable):
            self._tell_unwritable(download, reason)
            at, folder = now + DISK_PAUSE_SECONDS, None if error.disk else download.folder
            await self._store.postpone(download, reason, at=at, counted=False)
            await self._store.hold_back(download.root, folder, reason, at=at)
        elif isinstance(error, DownloadLater) and download.attempts < ATTEMPTS:
            at = now + (error.retry_after or pause_after(download.attempts))
            log.debug("download.postponed", url=told(download.url), reason=reason)
            await self._store.postpone(download, reason, at=at)
        else:
            await self._give_up(download, reason)

    async def _give_up(self, download: Download, reason: str) -> None:
        log.warning("download.failed", url=told(download.url), reason=reason)
        where = download.root, download.folder, download.address[:16]
        try:
            await to_thread.run_sync(partials.drop, *where)
        except DownloadUnwritable as error:  # it is swept in a week
            log.debug("download.left", url=told(download.url), error=str(error))
        await self._store.failed(download, reason, now=self._clock())

    def _tell_unwritable(self, download: Download, reason: str) -> None:
        where = download.root, download.folder
        if where not in self._unwritable:
            log.warning("downloads.paused", root=where[0], folder=where[1], reason=reason)
        self._unwritable.add(where)

    def _tell_writable(self, download: Download) -> None:
        where = download.root, download.folder
        if where in self._unwritable:
            log.info("downloads.resumed", root=where[0], folder=where[1])
        self._unwritable.discard(where)

    def _leave(self, host: str) -> None:
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        self.ring()


def pause_after(attempts: int) -> float:
    """Return the seconds until the next try after so many."""
    return min(FIRST_PAUSE_SECONDS * 4.0 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
