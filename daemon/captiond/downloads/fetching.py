"""Fetches one address: asks, follows, receives, puts in place."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import anyio
from anyio import to_thread
from yarl import URL

from captiond.disk.partials import Partial
from captiond.downloads import answers, naming
from captiond.downloads.addresses import follow, parse
from captiond.downloads.connecting import InsideAddress
from captiond.errors import DownloadDead, DownloadLater, PhotoError
from captiond.index.downloads_base import Download, Downloads
from captiond.models import HEAD_BYTES
from captiond.settings import DownloadsSettings

MOST_REDIRECTS = 5
RESUMABLE_BYTES = 1 << 20
"""What is smaller is fetched anew: to remember its version would cost a write each time."""

PULSE_SECONDS = 20.0
PULSE_BYTES = 20_000
"""Whoever sends less than so much in that time wants to keep the line busy."""


class Format(Protocol):
    """What the first bytes of an image tell."""

    @property
    def name(self) -> str:
        """Its name in the index."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A photo in its place: its name in the folder, the sha256 of its bytes in hex."""

    name: str
    digest: str


class Fetcher:
    """Fetches addresses through one session; `look` tells an image's format by its first bytes."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        store: Downloads,
        settings: DownloadsSettings,
        *,
        look: Callable[[bytes], Format],
    ) -> None:
        self._session = session
        self._store = store
        self._settings = settings
        self._look = look

    async def fetch(self, download: Download) -> Placed:
        """Fetch an address into its folder; what came before goes on where it ended.

        Raises DownloadDead, DownloadLater, DownloadUnwritable. What was received is kept, also
        when this is cancelled.
        """
        where = download.root, download.folder, download.address[:16]
        partial = await to_thread.run_sync(Partial, *where)
        try:
            if partial.size and not download.validator:
                await to_thread.run_sync(partial.restart)
            seconds = self._settings.timeout_seconds
            try:
                with anyio.fail_after(seconds):
                    await self._receive(download, partial)
            except TimeoutError as error:
                raise DownloadLater(f"it did not come within {seconds:g} s") from error
            except answers.PartGone:
                await to_thread.run_sync(partial.restart)
                raise
            kind = self._kind_of(await to_thread.run_sync(partial.head, HEAD_BYTES))
            names = naming.alternatives(naming.name_for(download.url, kind), download.url)
            return Placed(*await to_thread.run_sync(partial.place, names))
        finally:
            partial.__exit__()

    async def _receive(self, download: Download, partial: Partial) -> None:
        async with self._answer(download, partial.size) as answer:
            await self._begin(answer, download, partial)
            most, pulse = self._settings.max_megabytes, _Pulse()
            async for data in _chunks(answer):
                answers.check_size(partial.size + len(data), most_megabytes=most)
                began = partial.size
                await to_thread.run_sync(partial.append, data)
                if began < HEAD_BYTES <= partial.size:
                    self._kind_of(await to_thread.run_sync(partial.head, HEAD_BYTES))
                pulse.feel(len(data), now=time.monotonic())
            answers.check_whole(partial.size, answer.status, answer.headers)

    async def _begin(
        self, answer: aiohttp.ClientResponse, download: Download, partial: Partial
    ) -> None:
        """Make ready for what comes: the rest of the file, or all of it."""
        begins_at = answers.begins_at(answer.status, answer.headers)
        version = answers.validator_of(answer.headers)
        if begins_at not in {0, partial.size}:
            raise answers.PartGone("the server sent another part than it was asked for")
        if begins_at and version not in {"", download.validator}:
            raise answers.PartGone("the server sent the rest of another version")
        if begins_at != partial.size:
            await to_thread.run_sync(partial.restart)
        size = begins_at + (answer.content_length or 0)
        answers.check_size(size, most_megabytes=self._settings.max_megabytes)
        validator = version if size > RESUMABLE_BYTES else ""
        if not begins_at and validator != download.validator:
            await self._store.begun(download, validator)

    @asynccontextmanager
    async def _answer(self, download: Download, size: int) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, follow redirects, and give the answer that a photo comes with."""
        headers = {"Range": f"bytes={size}-", "If-Range": download.validator} if size else {}
        url = parse(download.url)
        for _ in range(MOST_REDIRECTS + 1):
            async with _asked(self._session, url, headers) as answer:
                location = answer.headers.get("Location", "")
                if answer.status in answers.REDIRECTS and location:
                    url = follow(url, location)
                    continue
                answers.check_status(answer.status, answer.headers, now=time.time())
                yield answer
                return
        raise DownloadDead(f"the server redirects more than {MOST_REDIRECTS} times")

    def _kind_of(self, head: bytes) -> str:
        try:
            return self._look(head).name
        except PhotoError as error:
            raise DownloadDead(str(error)) from error


class _Pulse:
    """Feels whether data keep coming; times in monotonic seconds."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._bytes = 0

    def feel(self, count: int, *, now: float) -> None:
        """Count bytes. Raises DownloadLater when they come too slowly."""
        self._bytes += count
        if now - self._since < PULSE_SECONDS:
            return
        if self._bytes < PULSE_BYTES:
            raise DownloadLater(f"it came too slowly: {self._bytes} bytes in {PULSE_SECONDS:g} s")
        self._since, self._bytes = now, 0


@asynccontextmanager
async def _asked(
    session: aiohttp.ClientSession, url: URL, headers: dict[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    with _network():
        answer = await session.get(url, headers=headers, allow_redirects=False)
    try:
        yield answer
    finally:
        answer.close()


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    while True:
        with _network():
            data = await answer.content.readany()
        if not data:
            return
        yield data


@contextmanager
def _network() -> Iterator[None]:
    """Map what the network and its library say."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, InsideAddress):
            raise DownloadDead(
                "it leads to an inside address: only those in [downloads] allow_private are fetched"
            ) from error
        raise DownloadLater(f"no connection: {error.os_error.strerror or error}") from error
    except aiohttp.InvalidURL as error:
        raise DownloadDead("this is no address that can be fetched") from error
    except aiohttp.ServerTimeoutError as error:
        raise DownloadLater("the server did not answer in time") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise DownloadLater(f"the connection failed: {type(error).__name__}") from error
