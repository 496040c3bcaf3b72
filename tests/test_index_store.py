"""What only the file can promise: migrations, durability, damage, speed, other programs."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager, closing

import pytest
from index_helpers import (
    OWNER,
    add_captioned,
    caption,
    claim,
    claimed_paths,
    photo,
    request,
    sighting,
)

from captiond.errors import AlreadyRunning, LibraryUnavailable
from captiond.index import search
from captiond.index.base import Retry, Sighting
from captiond.index.lock import owning
from captiond.index.migrations import STEPS
from captiond.index.store import SqliteIndex
from captiond.models import Lane, Photo, State

LIBRARY = (
    "path, folder, name, state, reason, caption, title, alt_text, keywords, text, language, model, "
    "origin, digest, format, width, height, taken_at, camera, latitude, longitude, place, seen_at, "
    "captioned_at, cost_usd"
)


@asynccontextmanager
async def opened(path):
    index = await SqliteIndex.open(path)
    try:
        yield index
    finally:
        await index.aclose()


def read(path, sql, *values):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql, values).fetchall()


async def test_made_from_nothing_in_a_private_directory(tmp_path):
    """The first start makes the directory, for its owner alone, and the file."""
    path = tmp_path / "state" / "index.db"
    async with opened(path):
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert read(path, "PRAGMA journal_mode") == [("wal",)]
    assert read(path, "SELECT name FROM _sqlite_migrations") == [(step,) for step in STEPS]


async def test_library_has_exactly_the_columns_of_the_contract(tmp_path):
    """The view that people build on has these columns in this order."""
    path = tmp_path / "index.db"
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        cursor = db.execute("SELECT * FROM library")
        assert ", ".join(column[0] for column in cursor.description) == LIBRARY


async def test_library_shows_a_captioned_photo(tmp_path):
    """A row tells path, words, times in UTC, and what its caption cost."""
    path = tmp_path / "index.db"
    async with opened(path) as index:
        shown = caption("a boat", keywords=("boat", "Übersee"))
        await add_captioned(index, "2024/a.jpg", shows=shown)
    wanted = "path, folder, name, state, caption, keywords, seen_at, captioned_at, cost_usd"
    assert read(path, f"SELECT {wanted} FROM library") == [
        (
            "/photos/2024/a.jpg",
            "/photos/2024",
            "a.jpg",
            "captioned",
            "a boat",
            '["boat", "Übersee"]',
            "1970-01-01T00:00:01Z",
            "1970-01-01T00:00:06Z",
            0.25,
        )
    ]


async def test_paths_of_the_root_folder(tmp_path):
    """A photo straight in a root, and a root that is the whole disk, read as paths do."""
    path = tmp_path / "index.db"
    places = [Photo("/", "a.jpg"), Photo("/", "x/b.jpg"), Photo("/photos", "c.jpg")]
    async with opened(path) as index:
        await index.offer([Sighting(p, sighting().signature, Lane.ARRIVAL) for p in places], now=1)
    assert read(path, "SELECT path, folder FROM library") == [
        ("/a.jpg", "/"),
        ("/x/b.jpg", "/x"),
        ("/photos/c.jpg", "/photos"),
    ]


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="the sqlite3 program is not installed")
async def test_opens_in_the_sqlite3_program(tmp_path):
    """The query told in the documentation works in any client, even while captiond runs."""
    path = tmp_path / "index.db"
    async with opened(path) as index:
        await add_captioned(index)
        _, _, told = search.__doc__.partition("SELECT path")
        sql = "SELECT path" + told.partition("\n\n")[0]
        done = await asyncio.to_thread(
            subprocess.run, ["sqlite3", path, sql], capture_output=True, text=True, check=True
        )
    assert done.stdout == "/photos/a.jpg|a red boat\n"


async def test_the_queue_survives_a_restart(tmp_path):
    """What was queued, claimed and waiting is there after a new start."""
    path = tmp_path / "index.db"
    async with opened(path) as index:
        await index.offer([sighting("a.jpg"), sighting("b.jpg"), sighting("c.jpg")], now=1.0)
        (taken,) = await claim(index, limit=1)
        await index.retry([Retry(taken.photo, 50.0, "busy")], owner=OWNER)
        await claim(index, limit=1, now=2.0)
    async with opened(path) as index:
        assert len(await index.recover(now=2.0)) == 1
        assert await claimed_paths(index, now=3.0) == ["b.jpg", "a.jpg"]
        assert await index.next_due() == 50.0


async def test_committed_when_the_process_is_killed(tmp_path):
    """What a verb returned for is on the disk, even if the process dies in that moment."""
    path = tmp_path / "index.db"
    code = f"""
import asyncio, os, pathlib
from captiond.index.base import Sighting
from captiond.index.store import SqliteIndex
from captiond.models import Lane, Photo, Signature
async def main():
    index = await SqliteIndex.open(pathlib.Path({str(path)!r}))
    seen = Sighting(Photo("/photos", "a.jpg"), Signature(1, 1, 1, 1), Lane.ARRIVAL)
    await index.offer([seen], now=1.0)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    async with opened(path) as index:
        assert await claimed_paths(index) == ["a.jpg"]


async def test_captions_are_history(tmp_path):
    """A new caption names the one it replaced, also when the file changed in between."""
    path = tmp_path / "index.db"
    async with opened(path) as index:
        await add_captioned(index, number="r1")
        await index.offer([sighting(version=2)], now=9.0)
        await add_captioned(index, shows=caption("a blue boat", digest="d2"), number="r2")
    assert read(path, "SELECT id, replaces FROM captions") == [(1, None), (2, 1)]
    assert read(path, "SELECT caption FROM library") == [("a blue boat",)]


async def test_the_ledger_keeps_every_request(tmp_path):
    """Answered, failed and lost requests stay with their tokens, cost and error."""
    path = tmp_path / "index.db"
    async with opened(path) as index:
        await add_captioned(index, "paid.jpg", number="r1")
        for name, number in (("failed.jpg", "r2"), ("lost.jpg", "r3")):
            await index.offer([sighting(name)], now=1.0)
            await claim(index)
            await index.begin(request(name, number=number), owner=OWNER)
        await index.abandon("r2", "overloaded", now=8.0)
        await index.recover(now=9.0)
    wanted = "id, state, input_tokens, output_tokens, thinking_tokens, cost_usd, error, ended_at"
    assert read(path, f"SELECT {wanted} FROM requests ORDER BY id") == [
        ("r1", "answered", 100, 20, 5, 0.25, None, 5.0),
        ("r2", "failed", None, None, None, 0.0, "overloaded", 8.0),
        ("r3", "lost", None, None, None, None, None, 9.0),
    ]
    assert read(path, "SELECT count(*) FROM recipes") == [(1,)]


async def test_full_text_stays_in_step(tmp_path):
    """After captions came, changed, and photos were deleted by hand, the words are as shown."""
    path = tmp_path / "index.db"
    async with opened(path) as index:
        for number in range(30):
            shows = caption(f"boat number {number}", digest=f"d{number}")
            await add_captioned(index, f"{number}.jpg", shows=shows)
        await index.offer([sighting(f"{n}.jpg", version=2) for n in range(10)], now=9.0)
        await index.gone([photo("11.jpg")], now=9.0)
        await index.requeue(states=[State.CAPTIONED], now=10.0)
        await claim(index)
        await index.release([photo(f"{n}.jpg") for n in range(30)], owner=OWNER)
        shows = caption("another boat", digest="d20", created_at=50.0)
        await add_captioned(index, "20.jpg", shows=shows, number="again")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM photos WHERE name = '25.jpg'")
        db.execute("UPDATE photos SET name = 'renamed.jpg' WHERE name = '26.jpg'")
        db.execute("INSERT INTO photos_fts (photos_fts, rank) VALUES ('integrity-check', 1)")
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        found = "SELECT count(*) FROM photos_fts WHERE photos_fts MATCH ?"
        assert db.execute(found, ("boat",)).fetchone() == (19,)
        assert db.execute(found, ("another",)).fetchone() == (1,)
        assert db.execute(found, ("renamed",)).fetchone() == (1,)


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look at" * 100, b"SQLite format 3\0" * 256]
)
async def test_a_damaged_file_says_so(tmp_path, content):
    """A file that is no database is reported and left as it is."""
    path = tmp_path / "index.db"
    path.write_bytes(content)
    with pytest.raises(LibraryUnavailable, match=r"index\.db"):
        await SqliteIndex.open(path)
    assert path.read_bytes() == content


async def test_a_truncated_index_says_so(tmp_path):
    """An index that lost its second half is reported at the first use that meets the damage."""
    path = tmp_path / "index.db"
    async with opened(path) as index:
        await index.offer([sighting(f"{n}.jpg") for n in range(2000)], now=1.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 8])
    with pytest.raises(LibraryUnavailable, match="damaged"):
        async with opened(path) as index:
            await index.offer([sighting(f"{n}.jpg") for n in range(2000)], now=2.0)


async def test_another_programs_database_is_left_alone(tmp_path):
    """Not a byte of a database that is not captiond's is changed."""
    path = tmp_path / "index.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (name)")
    before = path.read_bytes()
    with pytest.raises(LibraryUnavailable, match="another program"):
        await SqliteIndex.open(path)
    assert path.read_bytes() == before


async def test_a_newer_index_is_left_alone(tmp_path):
    """An older captiond does not work on a schema it does not know."""
    path = tmp_path / "index.db"
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('captiond', '0099_future', '')"
        )
        db.commit()
    with pytest.raises(LibraryUnavailable, match="newer captiond"):
        await SqliteIndex.open(path)


async def test_where_no_directory_can_be_made(tmp_path):
    """A path below a plain file is refused in a sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryUnavailable, match="no index can be made"):
        await SqliteIndex.open(tmp_path / "file" / "index.db")
    with pytest.raises(LibraryUnavailable), owning(tmp_path / "file" / "index.db"):
        pass


def test_one_index_one_owner(tmp_path):
    """A second captiond on the same index is told which process has it; then it is free again."""
    path = tmp_path / "state" / "index.db"
    code = f"""
import sys, pathlib
from captiond.index.lock import owning
with owning(pathlib.Path({str(path)!r})):
    print("mine", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"mine\n"
        with pytest.raises(AlreadyRunning, match=str(other.pid)), owning(path):
            pass
        other.kill()
        other.wait()
        with owning(path):
            pass
