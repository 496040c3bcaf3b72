"""The thread that commits: together, durably, and patiently."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager, closing

import pytest
import structlog

from captiond.errors import LibraryUnavailable
from captiond.index.connections import connect_writing
from captiond.index.writer import Writer


@asynccontextmanager
async def writing(path):
    db = connect_writing(path)
    db.execute("CREATE TABLE IF NOT EXISTS notes (note UNIQUE)")
    writer = Writer(db, path)
    try:
        yield writer
    finally:
        await writer.aclose()


def note(text):
    return lambda db: db.execute("INSERT INTO notes VALUES (?)", (text,)).rowcount


def notes(path):
    with closing(sqlite3.connect(path)) as db:
        return [text for (text,) in db.execute("SELECT note FROM notes ORDER BY rowid")]


@asynccontextmanager
async def held_up(writer):
    """Keep the writer busy, so that what is handed in meanwhile forms one group."""
    begun, go = threading.Event(), threading.Event()

    def wait(_db):
        begun.set()
        go.wait(10)

    busy = asyncio.create_task(writer.run(wait))
    await asyncio.to_thread(begun.wait, 10)
    try:
        yield
    finally:
        go.set()
        await busy


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 the condition is a list of log lines
            await asyncio.sleep(0.005)


async def test_results_come_back(tmp_path):
    """A job's result goes to whoever handed it in, once it can be read by others."""
    path = tmp_path / "x.db"
    async with writing(path) as writer:
        assert await writer.run(note("a")) == 1
        assert notes(path) == ["a"]


async def test_what_waits_is_committed_together(tmp_path):
    """Jobs that come in while the disk is busy share one transaction, in order."""
    path = tmp_path / "x.db"
    async with writing(path) as writer:
        before = await writer.run(lambda db: db.total_changes)
        async with held_up(writer):
            jobs = [asyncio.create_task(writer.run(note(n))) for n in range(100)]
            await asyncio.sleep(0)
            assert notes(path) == []
        await asyncio.gather(*jobs)
        assert notes(path) == list(range(100))
        assert before is not None


async def test_a_failing_job_spoils_no_other(tmp_path):
    """Of a group only the job that failed is rolled back, whole, and only its caller told."""
    path = tmp_path / "x.db"

    def half(db):
        db.execute("INSERT INTO notes VALUES ('half')")
        db.execute("INSERT INTO notes VALUES ('a')")

    def broken(_db):
        raise ZeroDivisionError

    async with writing(path) as writer:
        async with held_up(writer):
            work = [note("a"), half, broken, note("b")]
            jobs = [asyncio.create_task(writer.run(job)) for job in work]
            await asyncio.sleep(0)
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(result) for result in results] == [
            int,
            sqlite3.IntegrityError,
            ZeroDivisionError,
            int,
        ]
        assert notes(path) == ["a", "b"]


async def test_cancelling_the_caller_does_not_lose_the_write(tmp_path):
    """A write that was handed in is committed though nobody waits for it any more."""
    path = tmp_path / "x.db"
    async with writing(path) as writer:
        async with held_up(writer):
            job = asyncio.create_task(writer.run(note("kept")))
            await asyncio.sleep(0)
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
        await writer.run(note("next"))
        assert notes(path) == ["kept", "next"]


async def test_closing_commits_what_was_handed_in(tmp_path):
    """Closing waits for everything handed in, leaves one whole file, and takes nothing more."""
    path = tmp_path / "x.db"
    async with writing(path) as writer:
        async with held_up(writer):
            jobs = [asyncio.create_task(writer.run(note(n))) for n in range(3)]
            await asyncio.sleep(0)
            closing_task = asyncio.create_task(writer.aclose())
        await closing_task
        await asyncio.gather(*jobs)
        with pytest.raises(LibraryUnavailable):
            await writer.run(note("late"))
    assert notes(path) == [0, 1, 2]
    assert not path.with_name("x.db-wal").exists()


async def test_a_full_disk_is_waited_for(tmp_path):
    """A write the disk has no room for waits, is told once, and succeeds when there is room."""
    path = tmp_path / "x.db"
    with structlog.testing.capture_logs() as logs:
        async with writing(path) as writer:
            pages = await writer.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
            await writer.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
            big = asyncio.create_task(writer.run(note("x" * 100_000)))
            small = asyncio.create_task(writer.run(note("small")))
            await until(lambda: logs)
            assert not big.done()
            writer._db.execute("PRAGMA max_page_count = 1000000")
            assert await big == 1
            assert await small == 1
    assert [line["event"] for line in logs] == ["index.write_failed", "index.write_recovered"]
    assert "full" in logs[0]["error"]
    assert notes(path) == ["x" * 100_000, "small"]


async def test_closing_gives_up_on_a_full_disk(tmp_path):
    """A write that still cannot be made at the close fails in the caller's hands."""
    path = tmp_path / "x.db"
    with structlog.testing.capture_logs() as logs:
        async with writing(path) as writer:
            pages = await writer.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
            await writer.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
            big = asyncio.create_task(writer.run(note("x" * 100_000)))
            await until(lambda: logs)
            await writer.aclose()
            with pytest.raises(LibraryUnavailable, match="full"):
                await big
    assert notes(path) == []


async def test_another_process_that_writes_is_waited_for(tmp_path):
    """A lock held by another connection delays a write and loses nothing."""
    path = tmp_path / "x.db"
    async with writing(path) as writer:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO notes VALUES ('other')")
            mine = asyncio.create_task(writer.run(note("mine")))
            done, _ = await asyncio.wait([mine], timeout=0.05)
            assert not done
            other.execute("COMMIT")
            await mine
    assert notes(path) == ["other", "mine"]
