"""Takes hints in, looks until files settle, offers them to the index."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio
import structlog

from captiond.index.base import Index, Sighting
from captiond.intake.digests import Digests
from captiond.intake.filters import is_link_name
from captiond.intake.folder import WatchedFolder
from captiond.intake.look import look
from captiond.intake.settle import NotPlain, Seen, Settled, Settling
from captiond.intake.tidying import Tidier
from captiond.intake.witness import RootWitness
from captiond.models import Lane, Photo, Signature

log = structlog.get_logger()

BATCH = 1000
EMPTY = "empty file"
NOT_UTF8 = "the file name is not UTF-8; rename it to have it captioned"
KEPT = "the folder is missing, empty, or on another disk than its photos were"


TakeLinks = Callable[[Sequence[Photo]], Awaitable[None]]
"""Takes link files that settled."""


async def leave_links(_files: Sequence[Photo]) -> None:
    """Take no link files: for where nothing is fetched."""


@dataclass(slots=True)
class Tally:
    """What came of the hints so far, in photos; written by the settler alone."""

    found_by_event: int = 0
    found_by_scan: int = 0
    due: int = 0
    skipped: int = 0
    gone: int = 0

    def add(self, sightings: Sequence[Sighting], *, hinted: Lane, due: int) -> None:
        """Count photos that settled, hinted at by events or by a scan: what is known is no find."""
        skipped = sum(sighting.reason is not None for sighting in sightings)
        if hinted is Lane.ARRIVAL:
            self.found_by_event += due + skipped
        else:
            self.found_by_scan += due + skipped
        self.due += due
        self.skipped += skipped


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a photo; `at` is monotonic seconds."""

    photo: Photo
    lane: Lane
    seen: Seen | OSError
    beside: str | None
    at: float


class Settler:
    """The settle step of one root.

    `on_due` is called when photos became due, `on_links` with link files that settled.
    """

    def __init__(
        self,
        watched: WatchedFolder,
        *,
        index: Index,
        on_due: Callable[[], None],
        threads: anyio.CapacityLimiter,
        tally: Tally,
        on_links: TakeLinks = leave_links,
    ) -> None:
        self.witness = RootWitness(watched, index)
        self.digests = Digests(watched.root, index)
        self.tidier = Tidier(watched, index=index, witness=self.witness, threads=threads)
        self.tally = tally
        self._root = watched.root
        self._is_photo = watched.filter.is_photo
        self._index = index
        self._on_due = on_due
        self._on_links = on_links
        self._threads = threads
        self._settling = Settling(watched.settle_seconds)
        self._hints: dict[str, Lane] = {}
        self._stems: set[str] = set()
        self._began_at = time.time()
        self._closed = False
        self._kept_told = False
        self._wake = anyio.Event()
        self._progress = anyio.Event()

    @property
    def waiting(self) -> int:
        """How many photos are hinted at or settling."""
        return len(self._hints) + len(self._stems) + len(self._settling)

    def hint(self, paths: Iterable[str], lane: Lane) -> None:
        """Ask for a look at paths beneath the root; never waits, a path waits once."""
        for path in paths:
            self._hints[path] = min(lane, self._hints.get(path, lane))
        self._wake.set()

    def hint_stems(self, stems: Iterable[str]) -> None:
        """Ask for a look at all photos that bear these paths but for an extension."""
        self._stems.update(stems)
        self._wake.set()

    async def room(self, limit: int) -> None:
        """Wait until fewer than `limit` photos are hinted at or settling."""
        while self.waiting >= limit:
            await self._progress.wait()

    def close(self) -> None:
        """Take no more hints: `run` returns when the last photo has settled."""
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Look and offer until closed."""
        while self.waiting or not self._closed:
            await self._wait()
            await self._find_sharing()
            batch = self._next_batch()
            if batch:
                looks = await anyio.to_thread.run_sync(
                    _look_at_all, self._root, batch, limiter=self._threads
                )
                await self._conclude(await self._without_links(self._judge(looks)))
            self._progress.set()
            self._progress = anyio.Event()

    async def _wait(self) -> None:
        """Wait for hints or for the next deadline, whichever comes first."""
        if self._hints or self._stems or (self._closed and not self.waiting):
            return
        deadline = self._settling.next_deadline()
        self._wake = anyio.Event()
        with anyio.CancelScope(deadline=math.inf if deadline is None else deadline):
            await self._wake.wait()

    async def _find_sharing(self) -> None:
        """Turn stems into hints, by what the index knows: a folder may hold 100,000 photos."""
        stems, self._stems = self._stems, set()
        if stems:
            found = await self._index.beside.sharing(self._root, sorted(stems))
            photos = (Photo(self._root, path) for path in found)
            self.hint((p.path for p in photos if self._is_photo(p.folder, p.name)), Lane.ARRIVAL)

    def _next_batch(self) -> dict[Photo, Lane]:
        batch = dict(self._settling.due(time.monotonic(), limit=BATCH))
        for _ in range(min(BATCH, len(self._hints))):
            path, lane = self._hints.popitem()
            photo = Photo(self._root, path)
            batch[photo] = min(lane, batch.get(photo, lane))
        return batch

    def _judge(self, looks: Sequence[Look]) -> list[Settled]:
        settled = []
        for look_ in looks:
            if isinstance(look_.seen, OSError):
                log.warning("photo.unreadable", path=look_.photo.full, error=str(look_.seen))
                self._settling.forget(look_.photo)
            elif verdict := self._settling.look(
                look_.photo, look_.seen, lane=look_.lane, now=look_.at, beside=look_.beside
            ):
                settled.append(verdict)
        return settled

    async def _without_links(self, settled: Sequence[Settled]) -> list[Settled]:
        """Hand on the link files among what settled; return the rest."""
        photos, links = list[Settled](), list[Photo]()
        for one in settled:
            if not is_link_name(one.photo.name):
                photos.append(one)
            elif isinstance(one.seen, Signature):
                links.append(one.photo)
        if links:
            await self._on_links(links)
        return photos

    async def _conclude(self, settled: Sequence[Settled]) -> None:
        if not settled:
            return
        sightings = [to_sighting(one, one.seen) for one in settled if one.seen is not None]
        gone = await self._gone([one.photo for one in settled if one.seen is None])
        async with self.digests.changing({one.photo.folder for one in settled}):
            due = [await self._offer(sightings, hinted) for hinted in Lane]
            if gone:
                await self._index.gone(gone, now=time.time())
                self.tally.gone += len(gone)
                self.tidier.wake()
        if any(due):
            self._on_due()

    async def _offer(self, sightings: Sequence[Sighting], hinted: Lane) -> int:
        """Tell the index of those hinted at in this lane; return how many became due."""
        mine = [one for one in sightings if one.lane is hinted]
        if not mine:
            return 0
        offered = [in_lane(one, since=self._began_at) for one in mine]
        due = await self._index.offer(offered, now=time.time())
        self.tally.add(mine, hinted=hinted, due=due)
        return due

    async def _gone(self, absent: Sequence[Photo]) -> list[Photo]:
        """Return the photos that are gone; others are kept, which is told once until none is."""
        if not absent:
            return []
        paths = await anyio.to_thread.run_sync(
            self.witness.gone, [photo.path for photo in absent], limiter=self._threads
        )
        kept = len(absent) - len(paths)
        if kept and not self._kept_told:
            log.warning("photos.kept", root=self._root, count=kept, reason=KEPT)
        self._kept_told = kept > 0
        return [photo for photo in absent if photo.path in paths]


def to_sighting(settled: Settled, seen: Signature | NotPlain) -> Sighting:
    """Return what the index is told of a settled photo."""
    signature = Signature(0, 0, 0, seen.inode) if isinstance(seen, NotPlain) else seen
    reason = why_skipped(settled.photo, seen)
    return Sighting(settled.photo, signature, settled.lane, reason, settled.beside)


def why_skipped(photo: Photo, seen: Signature | NotPlain) -> str | None:
    """Return why a file is not even looked into, None if it is."""
    if not _is_utf8(photo.path):
        return NOT_UTF8
    if isinstance(seen, NotPlain):
        return seen.reason
    return None if seen.size else EMPTY


def in_lane(sighting: Sighting, *, since: float) -> Sighting:
    """Return the sighting in its lane: what came to its place after `since` is an arrival.

    `since` in unix seconds. On a mount without events a scan finds all, also what comes while
    captiond runs; its ctime tells that, up to what the clocks of two machines differ.
    """
    came = sighting.signature.ctime_ns > since * 1e9
    return replace(sighting, lane=Lane.ARRIVAL) if came else sighting


def _look_at_all(root: str, batch: Mapping[Photo, Lane]) -> list[Look]:
    by_folder: dict[str, list[Photo]] = {}
    for photo in batch:
        by_folder.setdefault(photo.folder, []).append(photo)
    return [
        Look(photo, batch[photo], *glance)
        for folder, photos in by_folder.items()
        for photo, glance in zip(
            photos, look(root, folder, [photo.name for photo in photos]), strict=True
        )
    ]


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
