"""The Index in one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import anyio

from captiond.errors import LibraryUnavailable
from captiond.index import captions, ledger, offers, queue
from captiond.index.base import (
    Answer,
    Claim,
    Completed,
    Parked,
    Request,
    Retry,
    Sighting,
)
from captiond.index.beside import SqliteBeside
from captiond.index.connections import FAILURES, connect_reading, connect_writing, unavailable
from captiond.index.downloads import SqliteDownloads
from captiond.index.folders import SqliteFolderView
from captiond.index.folders_base import FolderDigest, FolderView
from captiond.index.health_base import Health
from captiond.index.history import SqliteHistory
from captiond.index.integrity import is_anothers
from captiond.index.jobs import SqliteJobs
from captiond.index.kin import SqliteKin
from captiond.index.ledger import SqliteLedger
from captiond.index.ledger_base import FREE, Bill
from captiond.index.limits import SqliteLimits
from captiond.index.migrations import migrate
from captiond.index.people import SqlitePeople
from captiond.index.runs import SqliteRuns
from captiond.index.waiting import SqliteWaiting
from captiond.index.withdrawals import SqliteWithdrawals
from captiond.index.writer import Writer
from captiond.models import Caption, Facts, Lane, Photo, Recipe, State

T = TypeVar("T")


class SqliteIndex:
    """An Index; reads go past the writer's thread, so that they never wait for a disk."""

    def __init__(self, path: Path, writer: Writer, reading: sqlite3.Connection) -> None:
        self._path = path
        self._writer = writer
        self._reading = reading
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="index reader")
        self.beside = SqliteBeside(writer.run, self._read)
        self.waiting = SqliteWaiting(writer.run, self._read)
        self.jobs = SqliteJobs(writer.run, self._read)
        self.history = SqliteHistory(writer.run, self._read)
        self.kin = SqliteKin(writer.run, self._read)
        self.ledger = SqliteLedger(writer.run, self._read)
        self.limits = SqliteLimits(writer.run, self._read)
        self.people = SqlitePeople(writer.run, self._read)
        self.runs = SqliteRuns(writer.run, self._read)
        self.withdrawals = SqliteWithdrawals(writer.run, self._read)
        self.downloads = SqliteDownloads(writer.run, self._read)

    @classmethod
    async def open(cls, path: Path) -> SqliteIndex:
        """Open the index, made or migrated when needed.

        Raises LibraryUnavailable: damaged, another program's, or of a newer captiond.
        """
        writing, reading = await anyio.to_thread.run_sync(_open, path)
        return cls(path, Writer(writing, path), reading)

    async def offer(self, sightings: Sequence[Sighting], *, now: float) -> int:
        """Take note of finished files; return how many became due."""
        return await self._writer.run(lambda db: offers.offer(db, sightings, now))

    async def gone(self, photos: Sequence[Photo], *, now: float) -> None:
        """Mark photos as `missing`; their captions stay."""
        await self._writer.run(lambda db: offers.gone(db, photos, now))

    async def save_folders(self, digests: Sequence[FolderDigest]) -> None:
        """Remember what folders digested to."""
        await self._writer.run(lambda db: offers.save_folders(db, digests))

    async def save_disks(self, root: str, disks: Mapping[str, str | None]) -> None:
        """Remember which file system lies at a folder of the root; None forgets the folder."""
        await self._writer.run(lambda db: offers.save_disks(db, root, disks))

    def folder_view(self) -> FolderView:
        """Open a reader for the scan, in the thread that will use it."""
        return SqliteFolderView(self._path)

    async def claim(
        self, *, owner: str, limit: int, now: float, lanes: Collection[Lane] = tuple(Lane)
    ) -> list[Claim]:
        """Take up to `limit` due photos of these lanes: arrivals first, the newest first."""
        return await self._writer.run(
            lambda db: queue.claim(db, owner, limit, now=now, lanes=lanes)
        )

    async def next_due(self, *, lanes: Collection[Lane] = tuple(Lane)) -> float | None:
        """Return when the next photo of these lanes is due, None when none waits."""
        return await self._read(lambda db: queue.next_due(db, lanes))

    async def begin(self, request: Request, *, owner: str) -> bool:
        """Commit the request as in flight, before it is made; False if the claim is void."""
        return await self._writer.run(lambda db: captions.begin(db, request, owner))

    async def note(self, request: Request, *, owner: str) -> None:
        """Commit a request as in flight for a photo that is not in the queue."""
        await self._writer.run(lambda db: captions.note(db, request, owner))

    async def answer(self, answer: Answer) -> None:
        """Commit a reply: caption, tokens, cost; the photo shows the caption from now on."""
        await self._writer.run(lambda db: captions.answer(db, answer))

    async def abandon(
        self,
        request: str,
        error: str,
        *,
        now: float,
        bill: Bill | None = FREE,
        limited: bool = False,
    ) -> None:
        """Close a request that brought no caption."""
        state = "limited" if limited else "failed"
        await self._writer.run(
            lambda db: ledger.close(db, request, bill, now=now, state=state, error=error)
        )

    async def caption_of(
        self, digest: str, *, recipe: Recipe, after: int | None = None
    ) -> Caption | None:
        """Return the newest caption that may be reused for this content, None if there is none."""
        return await self._read(lambda db: captions.caption_of(db, digest, recipe, after))

    async def restore(self, caption: Caption, facts: Facts) -> None:
        """Keep a caption that stands in a sidecar and is not known here."""
        await self._writer.run(lambda db: captions.restore(db, caption, facts))

    async def assign(self, photo: Photo, *, owner: str, caption: Caption) -> None:
        """Show an existing caption for a photo: this very one."""
        await self._writer.run(lambda db: captions.assign(db, photo, owner, caption))

    async def complete(self, done: Sequence[Completed], *, owner: str) -> None:
        """Close claims whose caption stands in index and sidecars."""
        await self._writer.run(lambda db: queue.complete(db, done, owner))

    async def retry(self, retries: Sequence[Retry], *, owner: str) -> None:
        """Put claimed photos back into the queue for later."""
        await self._writer.run(lambda db: queue.retry(db, retries, owner))

    async def park(self, parked: Sequence[Parked], *, owner: str) -> None:
        """Close claims that end without a caption."""
        await self._writer.run(lambda db: queue.park(db, parked, owner))

    async def release(self, photos: Sequence[Photo], *, owner: str) -> None:
        """Put claimed photos back as if they had never been claimed."""
        await self._writer.run(lambda db: queue.release(db, photos, owner))

    async def requeue(
        self, *, states: Sequence[State], now: float, photos: Sequence[Photo] | None = None
    ) -> int:
        """Queue every photo in these states anew, or only these photos; return how many."""
        return await self._writer.run(lambda db: queue.requeue(db, states, now, photos))

    async def recover(self, *, now: float) -> list[Photo]:
        """Take back what a crash left in flight; return the photos that were held."""
        return await self._writer.run(lambda db: queue.recover(db, now))

    async def counts(self) -> dict[State, int]:
        """Return how many photos stand in each state; a state without photos is absent."""
        return await self._read(queue.counts)

    async def beat(self, health: Health) -> None:
        """Publish the daemon's health for `captiond status`."""
        await self._writer.run(lambda db: captions.beat(db, health))

    async def aclose(self) -> None:
        """Commit all that was handed in and close the file."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._reader.shutdown)
            self._reading.close()
            await self._writer.aclose()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reader, work, self._reading)
        except FAILURES as error:
            raise unavailable(self._path, error) from error


def _open(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_anothers(path):
            raise LibraryUnavailable(f"{path} is a database of another program")
        writing = connect_writing(path)
    except OSError as error:
        raise LibraryUnavailable(f"no index can be made at {path}: {error}") from error
    except FAILURES as error:
        raise unavailable(path, error) from error
    try:
        migrate(writing, path)
        return writing, connect_reading(path, one_thread=False)
    except FAILURES as error:
        writing.close()
        raise unavailable(path, error) from error
    except LibraryUnavailable:
        writing.close()
        raise
