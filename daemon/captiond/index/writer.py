"""Commits whatever waits, together, on a thread of its own.

job     a function of the connection; it may run again when the disk could not take it
group   the jobs of one transaction, each in its own savepoint: one that fails spoils no other
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import structlog

from captiond.errors import LibraryUnavailable
from captiond.index.connections import (
    FAILURES,
    Failure,
    cannot_write_now,
    is_damaged,
    unavailable,
)

log = structlog.get_logger()

GROUP_JOBS = 500
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    value: Any = None
    error: Exception | None = None


class Writer:
    """The only connection that writes; begun within the event loop that will use it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="index writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction; return its result once that is on the disk.

        The write happens even if the caller is cancelled meanwhile. While the disk cannot take
        it, it waits. Raises what `work` raised; LibraryUnavailable when the index is closed
        before the disk could take it, or is damaged.
        """
        if self._closing.is_set():
            raise LibraryUnavailable("the index is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return await future

    async def aclose(self) -> None:
        """Commit all that was handed in, then close the file."""
        if not self._closing.is_set():
            self._closing.set()
            self._jobs.put(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join)

    def _work(self) -> None:
        open_for_more = True
        while open_for_more:
            group, open_for_more = self._next_group()
            if group:
                self._settle(self._commit_patiently(group))
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except FAILURES as error:
            log.warning("index.checkpoint_failed", path=str(self._path), error=str(error))
        self._db.close()

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for a job; return it with all that wait behind it, and whether more may come."""
        group: list[_Job] = []
        while len(group) < GROUP_JOBS:
            try:
                job = self._jobs.get(block=not group)
            except queue.Empty:
                break
            if job is None:
                return group, False
            group.append(job)
        return group, True

    def _commit_patiently(self, group: list[_Job]) -> list[_Outcome]:
        pause, last_try = FIRST_PAUSE_SECONDS, False
        while True:
            try:
                outcomes = self._commit(group)
            except FAILURES as error:
                self._roll_back()
                if last_try or not cannot_write_now(error):
                    log.error("index.writes_lost", path=str(self._path), writes=len(group))
                    return [_Outcome(job, error=error) for job in group]
                if pause == FIRST_PAUSE_SECONDS and not self._closing.is_set():
                    log.error("index.write_failed", path=str(self._path), error=str(error))
                last_try = self._closing.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                if pause > FIRST_PAUSE_SECONDS:
                    log.info("index.write_recovered", path=str(self._path))
                return outcomes

    def _commit(self, group: list[_Job]) -> list[_Outcome]:
        self._db.execute("BEGIN IMMEDIATE")
        outcomes = [self._run_one(job) for job in group]
        self._db.execute("COMMIT")
        return outcomes

    def _run_one(self, job: _Job) -> _Outcome:
        self._db.execute("SAVEPOINT job")
        try:
            outcome = _Outcome(job, value=job.work(self._db))
        except Exception as error:
            if isinstance(error, FAILURES) and self._concerns_all(error):
                raise
            self._db.execute("ROLLBACK TO job")
            outcome = _Outcome(job, error=error)
        self._db.execute("RELEASE job")
        return outcome

    def _concerns_all(self, error: Failure) -> bool:
        return cannot_write_now(error) or is_damaged(error) or not self._db.in_transaction

    def _roll_back(self) -> None:
        # a full disk has often rolled the transaction back already
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _settle(self, outcomes: list[_Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._resolve, outcomes)
        except RuntimeError:
            log.warning("index.caller_gone", writes=len(outcomes))

    def _resolve(self, outcomes: list[_Outcome]) -> None:
        for outcome in outcomes:
            future, error = outcome.job.future, outcome.error
            if future.done():
                continue
            if error is None:
                future.set_result(outcome.value)
            elif isinstance(error, FAILURES) and (cannot_write_now(error) or is_damaged(error)):
                unusable = unavailable(self._path, error)
                unusable.__cause__ = error
                future.set_exception(unusable)
            else:
                future.set_exception(error)
