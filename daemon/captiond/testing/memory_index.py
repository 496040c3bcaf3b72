"""An Index that lives as long as its process: the twin of `index.store`, held by one contract.

Its verbs never wait, so each is one step for every other task. `folder_view` reads the same rows
and may be used from another thread.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile

from captiond.index.base import (
    Answer,
    Claim,
    Completed,
    Parked,
    Request,
    Retry,
    Sighting,
)
from captiond.index.folders_base import FolderDigest, FolderView
from captiond.index.health_base import Health
from captiond.index.ledger_base import FREE, Bill
from captiond.index.suspects import claimable
from captiond.models import Caption, Facts, Lane, Photo, Recipe, State
from captiond.testing.memory_beside import MemoryBeside
from captiond.testing.memory_downloads import MemoryDownloads
from captiond.testing.memory_history import MemoryHistory
from captiond.testing.memory_jobs import MemoryJobs
from captiond.testing.memory_kin import MemoryKin
from captiond.testing.memory_ledger import MemoryLedger
from captiond.testing.memory_limits import MemoryLimits
from captiond.testing.memory_people import MemoryPeople
from captiond.testing.memory_rows import MemoryFolderView, Row
from captiond.testing.memory_waiting import MemoryWaiting
from captiond.testing.memory_withdrawals import MemoryRuns, MemoryWithdrawals


class MemoryIndex:
    """An Index in memory; `rows`, `captions`, `requests`, `facts`, `health` are for reading."""

    def __init__(self) -> None:
        self.rows: dict[Photo, Row] = {}
        self.captions: list[Caption] = []
        self.requests: dict[str, tuple[Request, str]] = {}
        self.answers: dict[str, Answer] = {}
        self.facts: dict[str, Facts] = {}
        self.recipes: dict[str, Recipe] = {}
        self.health: Health | None = None
        self.beside = MemoryBeside(self)
        self.waiting = MemoryWaiting(self)
        self.jobs = MemoryJobs(self)
        self.history = MemoryHistory(self)
        self.kin = MemoryKin(self)
        self.ledger = MemoryLedger(lambda request: self.requests.pop(request, None))
        self.limits = MemoryLimits(self)
        self.people = MemoryPeople(self)
        self.runs = MemoryRuns()
        self.withdrawals = MemoryWithdrawals(self)
        self.downloads = MemoryDownloads()
        self._folders: dict[tuple[str, str], str] = {}
        self._disks: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    async def offer(self, sightings: Sequence[Sighting], *, now: float) -> int:
        """Take note of finished files; return how many became due."""
        with self._lock:
            return sum(self._offer(sighting, now) for sighting in sightings)

    async def gone(self, photos: Sequence[Photo], *, now: float) -> None:
        """Mark photos as `missing`; their captions stay."""
        for photo in photos:
            row = self.rows.get(photo)
            in_job = row is not None and self.jobs.holds(row.owner)
            if row is not None and (in_job or row.may_go):
                row.state, row.retry_at, row.unasked = State.MISSING, None, None
                row.gone_at = now
                row.owner = None if in_job else row.owner
                row.reason = f"the file is gone since {now}"

    async def save_folders(self, digests: Sequence[FolderDigest]) -> None:
        """Remember what folders digested to."""
        self._folders.update({(d.root, d.folder): d.digest for d in digests})

    async def save_disks(self, root: str, disks: Mapping[str, str | None]) -> None:
        """Remember which file system lies at a folder of the root; None forgets the folder."""
        for folder, identity in disks.items():
            if identity is None:
                self._disks.pop((root, folder), None)
            else:
                self._disks[root, folder] = identity

    def folder_view(self) -> FolderView:
        """Open a reader for the scan."""
        return MemoryFolderView(self._snapshot, self._folders, self._disks)

    async def claim(
        self, *, owner: str, limit: int, now: float, lanes: Collection[Lane] = tuple(Lane)
    ) -> list[Claim]:
        """Take up to `limit` due photos of these lanes: arrivals first, the newest first."""
        due = self._due(limit, now, lanes)
        held = [row.crashes > 0 for row in self.rows.values() if row.owner == owner]
        taken = due[: claimable([row.crashes > 0 for row in due], held=held)]
        for row in taken:
            row.state, row.owner, row.retry_at = State.INFLIGHT, owner, None
            row.attempts += 1
        return [row.claim() for row in taken]

    async def next_due(self, *, lanes: Collection[Lane] = tuple(Lane)) -> float | None:
        """Return when the next photo of these lanes is due, None when none waits."""
        waiting = [row for row in self.rows.values() if row.waits and row.lane in lanes]
        return min((row.retry_at or row.seen_at for row in waiting), default=None)

    async def begin(self, request: Request, *, owner: str) -> bool:
        """Note the request as in flight; False if the claim is void."""
        row = self.held(request.photo, owner)
        if row is None:
            return False
        await self.note(request, owner=owner)
        row.caption = row.caption if row.digest == request.digest else None
        row.digest = request.digest
        return True

    async def note(self, request: Request, *, owner: str) -> None:
        """Note a request as in flight for a photo that is not in the queue."""
        self.ledger.enter(request)
        self.facts[request.digest] = request.facts
        self.recipes[request.recipe.key] = request.recipe
        self.requests[request.id] = (request, owner)

    async def answer(self, answer: Answer) -> None:
        """Keep a reply; the photo shows it unless its claim became void."""
        self.captions.append(answer.caption)
        self.answers[answer.request] = answer
        bill = Bill(answer.usage, answer.cost_usd, answer.tier)
        self.ledger.close(answer.request, bill, state="answered")
        _, owner = self.requests.pop(answer.request, (None, None))
        row = self.rows.get(answer.photo)
        if row is None or row.state is not State.INFLIGHT or owner is None or row.owner != owner:
            return
        if row.digest in (None, answer.caption.digest):
            row.digest, row.caption = answer.caption.digest, answer.caption
            row.crashes, row.heeded, row.withdrawn = 0, False, 0

    async def abandon(
        self,
        request: str,
        error: str,  # noqa: ARG002 the Protocol's words
        *,
        now: float,  # noqa: ARG002 the Protocol's words
        bill: Bill | None = FREE,
        limited: bool = False,
    ) -> None:
        """Close a request that brought no caption."""
        self.requests.pop(request, None)
        self.ledger.close(request, bill, state="limited" if limited else "failed")

    async def caption_of(
        self, digest: str, *, recipe: Recipe, after: int | None = None
    ) -> Caption | None:
        """Return the newest caption that may be reused for this content, None if there is none."""
        return self.history.reusable(digest, recipe, after)

    async def restore(self, caption: Caption, facts: Facts) -> None:
        """Keep a caption that stands in a sidecar and is not known here."""
        self.facts[facts.digest] = facts
        self.captions.append(caption)

    async def assign(self, photo: Photo, *, owner: str, caption: Caption) -> None:
        """Show an existing caption for a photo: this very one."""
        row = self.rows.get(photo)
        if row is not None and row.state is State.INFLIGHT and row.owner == owner:
            found = [one for one in self.captions if one == caption]
            shown = row.caption if row.digest == caption.digest else None
            row.digest, row.caption = caption.digest, found[-1] if found else shown

    async def complete(self, done: Sequence[Completed], *, owner: str) -> None:
        """Close claims whose caption stands in index and sidecars."""
        for one in done:
            row = self.close(one.photo, owner)
            if row is not None:
                row.state, row.reason, row.anew_after = State.CAPTIONED, one.reason, None
                row.written, row.captioned_at = dict(one.written), one.captioned_at
                row.beside = row.beside if one.beside is None else one.beside
                row.unasked = None
                self._show(row, one.digest, one.recipe)

    async def retry(self, retries: Sequence[Retry], *, owner: str) -> None:
        """Put claimed photos back into the queue for later."""
        for one in retries:
            row = self.close(one.photo, owner)
            if row is not None:
                row.state, row.retry_at = State.QUEUED, one.at
                row.reason = one.reason if row.unasked is None else row.reason
                row.attempts -= 0 if one.counted else 1

    async def park(self, parked: Sequence[Parked], *, owner: str) -> None:
        """Close claims that end without a caption."""
        for one in parked:
            row = self.close(one.photo, owner)
            if row is not None:
                row.set_aside(one.state, one.reason)

    async def release(self, photos: Sequence[Photo], *, owner: str) -> None:
        """Put claimed photos back as if they had never been claimed."""
        for photo in photos:
            row = self.close(photo, owner)
            if row is not None:
                row.state, row.attempts = State.QUEUED, row.attempts - 1

    async def requeue(
        self, *, states: Sequence[State], now: float, photos: Sequence[Photo] | None = None
    ) -> int:
        """Queue every photo in these states anew, attempts and crashes 0; return how many."""
        chosen = [row for row in self.rows.values() if row.is_among(photos, states)]
        for row in chosen:
            row.state, row.reason, row.retry_at = State.QUEUED, None, now
            row.attempts, row.crashes, row.unasked, row.withdrawn = 0, 0, None, 0
        return len(chosen)

    async def recover(self, *, now: float) -> list[Photo]:
        """Take back what a crash left in flight; return the photos that were held."""
        left = {n: one for n, one in self.requests.items() if not self.jobs.holds(one[1])}
        for number in left:
            self.ledger.close(number, None, state="lost")
        asked = {self.requests.pop(number)[0].photo for number in left}
        held = [
            photo
            for photo, row in self.rows.items()
            if row.owner is not None and not self.jobs.holds(row.owner)
        ]
        for photo in held:
            self.rows[photo].owner = None
            self.rows[photo].take_back(asked=photo in asked, now=now)
        return held

    async def counts(self) -> dict[State, int]:
        """Return how many photos stand in each state; a state without photos is absent."""
        return dict(Counter(row.state for row in self.rows.values()))

    async def beat(self, health: Health) -> None:
        """Publish the daemon's health."""
        self.health = health

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def _offer(self, sighting: Sighting, now: float) -> bool:
        known = self.rows.get(sighting.photo)
        same = known is not None and known.signature == sighting.signature
        alone = same and known is not None and known.state is not State.MISSING
        if alone and known is not None and not known.is_changed_beside(sighting.beside):
            return False
        row = Row(sighting.photo, sighting.signature, sighting.lane, now, len(self.rows))
        row.beside = sighting.beside
        if known is not None:
            row.take_over(known)
            row.owner = None if self.jobs.holds(known.owner) else known.owner
        if sighting.reason is not None:
            row.state, row.reason, row.unasked = State.SKIPPED, sighting.reason, None
        self.rows[sighting.photo] = row
        return row.state is State.QUEUED

    def _due(self, limit: int, now: float, lanes: Collection[Lane]) -> list[Row]:
        """Return what may be claimed; no suspect after one that is due in an earlier lane."""
        at_hand = [row for row in self.rows.values() if (row.retry_at or 0.0) <= now]
        due = [row for row in at_hand if row.waits and row.lane in lanes]
        due.sort(key=lambda row: (row.lane, -row.seen_at, -row.order))
        first = min((row.lane for row in at_hand if row.is_suspect), default=Lane.BACKLOG)
        return list(takewhile(lambda row: row.crashes == 0 or row.lane <= first, due[:limit]))

    def held(self, photo: Photo, owner: str) -> Row | None:
        """Return the row of a valid claim; a void one is closed: the photo may be claimed again."""
        row = self.rows.get(photo)
        if row is None or row.owner != owner:
            return None
        if row.state is State.INFLIGHT:
            return row
        row.owner = None
        return None

    def close(self, photo: Photo, owner: str) -> Row | None:
        """Close a claim; return its row, None for a void one."""
        row = self.held(photo, owner)
        if row is not None:
            row.owner = None
        return row

    def _show(self, row: Row, digest: str, recipe: str) -> None:
        """Show the content's caption: the one shown now, else by a recipe; never another's."""
        found = [c for c in self.captions if (c.digest, c.recipe) == (digest, recipe)]
        shown = row.caption if row.digest == digest else None
        row.digest, row.caption = digest, shown or (found[-1] if found else None)

    def _snapshot(self) -> list[Row]:
        with self._lock:
            return list(self.rows.values())
