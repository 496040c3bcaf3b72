"""Has addresses fetched: the verb `add`.

They become rows of the index. Where a daemon owns it, the daemon fetches them; else this does.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio

from captiond import app
from captiond.downloads.addresses import told, wanted
from captiond.downloads.runner import SOON_SECONDS
from captiond.errors import AlreadyRunning
from captiond.index.base import Index
from captiond.index.downloads_base import Download, Downloads, Stage, Wanted
from captiond.models import Photo
from captiond.opening import open_index
from captiond.settings import Settings

LOOK_SECONDS = 0.2
LOOK_SHARE = 20
OWNER_SECONDS = 0.5
"""A daemon that ends, or a scan, leaves what it did not fetch: it is looked after so often."""

_ENDED = {Stage.DONE, Stage.FAILED}
OnProgress = Callable[[Sequence[Download]], None]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an address: `done` with the path, `failed` or `queued` with the reason."""

    url: str
    state: str
    path: str | None = None
    reason: str | None = None


async def add(
    settings: Settings, texts: Sequence[str], place: Photo, on_progress: OnProgress
) -> list[Added]:
    """Fetch addresses into the folder `place`; return what became of each, in order.

    Ends when each came, failed, or waits for more than SOON_SECONDS. Raises LibraryUnavailable.
    """
    asked = [wanted(text, place.root, place.path) for text in dict.fromkeys(texts)]
    fetched = [one for one in asked if one.refused is None]
    async with AsyncExitStack() as stack:
        index = await open_index(settings, stack)
        ids = await _enter(index.downloads, fetched)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_fetch, settings, index, ids)
            rows = await _follow(index.downloads, ids, on_progress)
            tasks.cancel_scope.cancel()
    became = dict(zip(fetched, rows, strict=True))
    return [_added(one, became.get(one)) for one in asked]


async def _enter(store: Downloads, asked: Sequence[Wanted]) -> list[int]:
    """Queue addresses, also those that failed before, or whose photo is not there any more."""
    now = time.time()
    ids = await store.add(asked, now=now)
    rows = await store.rows(ids)
    vain = await anyio.to_thread.run_sync(lambda: [_in_vain(row) for row in rows])
    await store.anew([one for one, again in zip(asked, vain, strict=True) if again], now=now)
    return ids


def _in_vain(row: Download) -> bool:
    photo = row.photo
    return photo is None or not Path(photo.full).exists()


async def _fetch(settings: Settings, index: Index, ids: Sequence[int]) -> None:
    """Fetch here as soon as nobody else owns the index."""
    from captiond.index.lock import Known, owning

    while True:
        try:
            with owning(Path(settings.index.path)) as ownership:
                ownership.learn(Known.INDEX)
                await app.downloads(settings, index).finish(ids)
                return
        except AlreadyRunning:
            await anyio.sleep(OWNER_SECONDS)


async def _follow(store: Downloads, ids: Sequence[int], on_progress: OnProgress) -> list[Download]:
    while True:
        began = anyio.current_time()
        rows = await store.rows(ids)
        on_progress(rows)
        soon = time.time() + SOON_SECONDS
        if not any(map(functools.partial(_is_awaited, soon=soon), rows)):
            return rows
        took = anyio.current_time() - began
        await anyio.sleep(max(LOOK_SECONDS, took * LOOK_SHARE))


def _is_awaited(row: Download, *, soon: float) -> bool:
    return row.state not in _ENDED and (row.retry_at or 0) <= soon


def _added(asked: Wanted, row: Download | None) -> Added:
    if row is None:
        return Added(told(asked.url), Stage.FAILED, reason=asked.refused)
    path = row.photo.full if row.photo else None
    return Added(told(asked.url), row.state, path, row.reason)
