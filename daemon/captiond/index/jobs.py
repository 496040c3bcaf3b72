"""Keeps batch jobs: which photos they hold, which of their questions are answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from captiond.errors import OverBudget
from captiond.index import captions, ledger, queue
from captiond.index.base import Parked, Request, Retry
from captiond.index.jobs_base import MAYBE_BILLED, Asked, Billed, Job, Made, Settled, owner_of
from captiond.index.ledger_base import Bill
from captiond.index.names import plain
from captiond.index.rows import CLAIM_COLUMNS, photo_key, to_claim
from captiond.index.search import OPEN_JOBS
from captiond.models import Photo, Tier, Usage

T = TypeVar("T")

_HELD = "root = ? AND folder = ? AND name = ? AND owner = ? AND state = 'inflight'"
_MINE = f"SELECT 1 FROM photos WHERE {_HELD}"  # noqa: S608 a constant condition
_TAKE = f"UPDATE photos SET owner = ? WHERE {_HELD}"  # noqa: S608 a constant condition
_ASKED = f"""
    SELECT requests.id AS request, requests.digest AS asked_digest, recipe, origin, language,
        recipes.model AS model,
        {", ".join(f"photos.{column.strip()}" for column in CLAIM_COLUMNS.split(","))}
    FROM requests
    JOIN photos USING (root, folder, name) JOIN recipes ON recipes.key = requests.recipe
    WHERE job = ? AND requests.state = 'inflight'
"""  # noqa: S608 constant columns
_FAILED = "job IS NOT NULL AND (state = 'failed' OR (state = 'lost' AND cost_usd IS NULL))"
_BILLED = """
    SELECT input_tokens, output_tokens, thinking_tokens, cost_usd, started_at, ended_at
    FROM photos JOIN captions ON captions.id = photos.caption
    JOIN requests ON requests.id = captions.request
    WHERE photos.root = ? AND photos.folder = ? AND photos.name = ? AND job IS NOT NULL
    AND (requests.root, requests.folder, requests.name) = (photos.root, photos.folder, photos.name)
    AND reverts IS NULL AND ended_at >= coalesce(captioned_at, 0)
"""
_BACK = """
    UPDATE photos SET state = 'queued', owner = NULL, attempts = max(attempts - 1, 0)
    WHERE owner = ? AND state = 'inflight'
"""


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteJobs:
    """The jobs of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def make(self, job: Job, requests: Sequence[Request], *, owner: str) -> Made:
        """Hand claimed photos over to a new job; return what is in it."""
        return await self._write(lambda db: _make(db, job, requests, owner))

    async def sending(self, job: str, *, now: float) -> None:
        """Note that from now on the service may have a job."""
        sent = "UPDATE jobs SET sent_at = ? WHERE id = ?"
        await self._write(lambda db: _execute(db, sent, (now, job)))

    async def name(self, job: str, name: str) -> None:
        """Keep the name that the service gave a job."""
        named = "UPDATE jobs SET name = ?, state = 'running' WHERE id = ?"
        await self._write(lambda db: _execute(db, named, (plain(name), job)))

    async def open_jobs(self) -> list[Job]:
        """Return the jobs that have not ended, the oldest first."""
        return await self._read(_open_jobs)

    async def asked(self, job: str) -> list[Asked]:
        """Return the questions of a job that have no answer yet."""
        return await self._read(lambda db: _asked(db, job))

    async def settle(self, settled: Sequence[Settled], *, job: str, now: float) -> None:
        """Commit what came of questions of a job, and give their photos back."""
        await self._write(lambda db: _settle(db, settled, owner_of(job), now))

    async def end(self, job: str, state: str, error: str, *, now: float) -> None:
        """Close a job; what it still holds goes back into the queue."""
        await self._write(lambda db: _end(db, job, (state, plain(error)), now))

    async def underway(self, digest: str) -> bool:
        """Tell whether an open job asks about this content."""
        open_one = "WHERE digest = ? AND job IS NOT NULL AND state = 'inflight'"
        return bool(await self._read(lambda db: _count(db, open_one, (digest,))))

    async def billed(self, photo: Photo) -> Billed | None:
        """Return what the caption took that a job brought since the photo was last captioned."""
        return await self._read(lambda db: _billed(db, photo))

    async def failures(self, digest: str, recipe: str) -> int:
        """Return how many jobs brought no caption for this content."""
        failed = f"WHERE digest = ? AND recipe = ? AND {_FAILED}"
        return await self._read(lambda db: _count(db, failed, (digest, recipe)))


def _open_jobs(db: sqlite3.Connection) -> list[Job]:
    names = ("id", "model", "requests", "created_at", "sent_at", "name")
    return [Job(**dict(zip(names, row, strict=True))) for row in db.execute(OPEN_JOBS)]


def _make(db: sqlite3.Connection, job: Job, requests: Sequence[Request], owner: str) -> Made:
    kept: list[str] = []
    over: OverBudget | None = None
    db.execute(
        "INSERT INTO jobs (id, model, state, requests, created_at) VALUES (?, ?, 'making', 0, ?)",
        (job.id, job.model, job.created_at),
    )
    for one in requests:
        if over is None:
            over = _enter(db, one, job.id, owner=owner, kept=kept)
        if over is not None:
            queue.release(db, [one.photo], owner)
    db.execute("UPDATE jobs SET requests = ? WHERE id = ?", (len(kept), job.id))
    db.execute("DELETE FROM jobs WHERE id = ? AND requests = 0", (job.id,))
    return Made(frozenset(kept), over)


def _enter(
    db: sqlite3.Connection, request: Request, job: str, *, owner: str, kept: list[str]
) -> OverBudget | None:
    """Enter a request of a job and take its photo over; return what keeps it out, if a cap does."""
    if not _is_mine(db, request, owner):
        return None
    try:
        captions.note(db, request, owner_of(job))
    except OverBudget as error:
        return error
    db.execute("UPDATE requests SET job = ? WHERE id = ?", (job, request.id))
    db.execute(_TAKE, (owner_of(job), *photo_key(request.photo), owner))
    kept.append(request.id)
    return None


def _is_mine(db: sqlite3.Connection, request: Request, owner: str) -> bool:
    """Tell whether the claim is valid; a void one is closed."""
    key = photo_key(request.photo)
    if db.execute(_MINE, (*key, owner)).fetchall():
        return True
    queue.let_go(db, key, owner)
    return False


def _asked(db: sqlite3.Connection, job: str) -> list[Asked]:
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return [
        Asked(
            request=row["request"],
            claim=to_claim(row),
            digest=row["asked_digest"],
            recipe=row["recipe"],
            origin=row["origin"],
            language=row["language"],
            model=row["model"],
        )
        for row in cursor.execute(_ASKED, (job,))
    ]


def _billed(db: sqlite3.Connection, photo: Photo) -> Billed | None:
    row = db.execute(_BILLED, photo_key(photo)).fetchone()
    if row is None:
        return None
    *tokens, cost_usd, started_at, ended_at = row
    bill = Bill(Usage(*tokens), cost_usd, Tier.BATCH)
    return Billed(bill=bill, asked_at=started_at, seconds=ended_at - started_at)


def _settle(db: sqlite3.Connection, settled: Sequence[Settled], owner: str, now: float) -> None:
    for one in settled:
        if one.answer is not None:
            captions.answer(db, one.answer)
        else:
            ledger.close(db, one.asked.request, one.bill, now=now, state="failed", error=one.error)
        match one.fate:
            case Retry():
                queue.retry(db, [one.fate], owner)
            case Parked():
                queue.park(db, [one.fate], owner)
            case None:
                queue.release(db, [one.asked.claim.photo], owner)


def _end(db: sqlite3.Connection, job: str, how: tuple[str, str], now: float) -> None:
    state, error = how
    unanswered = "WHERE job = ? AND state = 'inflight'"
    request_state = "lost" if state in {"dissolved", *MAYBE_BILLED} else "failed"
    cost = None if state in MAYBE_BILLED else 0.0
    db.execute(
        f"UPDATE requests SET state = ?, cost_usd = ?, ended_at = ?, error = ? {unanswered}",  # noqa: S608 constant parts
        (request_state, cost, now, error, job),
    )
    db.execute(_BACK, (owner_of(job),))
    ended = "UPDATE jobs SET state = ?, error = ?, ended_at = ? WHERE id = ?"
    db.execute(ended, (state, error or None, now, job))


def _execute(db: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> None:
    db.execute(sql, values)


def _count(db: sqlite3.Connection, condition: str, values: tuple[Any, ...]) -> int:
    count = f"SELECT count(*) FROM requests {condition}"  # noqa: S608 constant conditions
    ((found,),) = db.execute(count, values).fetchall()
    return int(found)
