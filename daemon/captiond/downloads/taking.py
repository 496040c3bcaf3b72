"""Takes link files that were dropped into a watched folder: what they name is queued."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

import structlog
from anyio import to_thread

from captiond.disk import files
from captiond.downloads.addresses import wanted
from captiond.downloads.links import LIMIT_BYTES, addresses_in
from captiond.errors import SidecarError
from captiond.index.downloads_base import Downloads, Wanted
from captiond.models import Photo

log = structlog.get_logger()


class LinkFiles:
    """Queues what link files name; `on_queued` is called when there is something new.

    `is_open` tells, in a thread, whether photos may come into a link file's folder now.
    """

    def __init__(
        self,
        store: Downloads,
        *,
        on_queued: Callable[[], None],
        is_open: Callable[[Photo], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._on_queued = on_queued
        self._is_open = is_open
        self._clock = clock
        self._told: set[Photo] = set()

    async def take(self, found: Sequence[Photo]) -> None:
        """Take link files that settled; one that was taken as it is costs nothing.

        The files stay as they are. Raises LibraryUnavailable.
        """
        for file in found:
            try:
                content = await to_thread.run_sync(self._read, file)
            except SidecarError as error:
                self._tell(file, str(error))
                continue
            if content is not None:
                await self._take(file, content)

    async def _take(self, file: Photo, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        if await self._store.knows_links(file, digest):
            return
        named = await to_thread.run_sync(_wanted, file, content)
        new = await self._store.take_links(file, digest, named, now=self._clock())
        log.info("links.taken", path=file.full, addresses=len(named), new=new)
        if new:
            self._on_queued()

    def _read(self, file: Photo) -> bytes | None:
        if not self._is_open(file):
            return None
        return files.read_beneath(file.root, file.folder, file.name, limit_bytes=LIMIT_BYTES)

    def _tell(self, file: Photo, reason: str) -> None:
        if file not in self._told:
            log.warning("links.unreadable", path=file.full, reason=reason)
        self._told.add(file)


def _wanted(file: Photo, content: bytes) -> list[Wanted]:
    return [wanted(text, file.root, file.folder) for text in addresses_in(file.name, content)]
