"""A damaged index, found and out of the way: what is one, what is none, and who says what."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from daemon_helpers import PHOTOS, Home
from damage_helpers import DAMAGES, Chance, overwrite
from index_helpers import RECIPE, add_captioned, caption, sighting
from structlog.testing import capture_logs

from captiond.errors import LibraryDamaged, LibraryUnavailable
from captiond.index import search
from captiond.index.lock import Known, known, owning
from captiond.index.mend import mend
from captiond.index.store import SqliteIndex

NOW = 1_795_379_400.0
ASIDE = "index.db.damaged-20261122T203000Z"


async def make(path: Path, *, photos: int = 300) -> None:
    """Make an index with photos and one caption."""
    index = await SqliteIndex.open(path)
    try:
        await index.offer([sighting(f"{number}.jpg") for number in range(photos)], now=1.0)
        await add_captioned(index, "boat.jpg", shows=caption("a red boat"))
    finally:
        await index.aclose()


def names(folder: Path) -> list[str]:
    """Return the names in a folder, without those that SQLite makes for each database."""
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(("-wal", "-shm")))


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await make(tmp_path / "index.db")
    return tmp_path / "index.db"


# --- what is damage


def test_what_cannot_even_be_read_is_told_in_a_sentence(tmp_path):
    """A folder at the index's path is no traceback."""
    (tmp_path / "index.db").mkdir()
    with pytest.raises(LibraryUnavailable, match=r"index\.db"):
        mend(tmp_path / "index.db", Known.NOTHING, now=NOW)


async def test_a_whole_index_stays_where_it_is(path):
    """Looking changes nothing, whatever is known of the file."""
    before = path.read_bytes()
    for each in Known:
        if each is not Known.DAMAGED:
            mend(path, each, now=NOW)
    assert names(path.parent) == ["index.db"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", sorted(DAMAGES.keys() - {"log"}))
async def test_a_damaged_index_is_moved_aside_with_its_date(path, kind):
    """Every byte is kept under a name with the date, the operator is told where it lies."""
    DAMAGES[kind](path, Chance(1))
    before = path.read_bytes()
    with capture_logs() as logs:
        mend(path, Known.INDEX, now=NOW)
    assert names(path.parent) == [ASIDE]
    assert path.with_name(ASIDE).read_bytes() == before
    assert [(log["event"], log["moved_to"]) for log in logs] == [
        ("index.damaged", str(path.with_name(ASIDE)))
    ]


async def test_its_log_goes_with_it(path):
    """What belongs to the file keeps its name before the ending, so that it can be looked at."""
    DAMAGES["first page"](path, Chance(1))
    for part in ("-wal", "-shm"):
        path.with_name(f"index.db{part}").write_bytes(b"part")
    mend(path, Known.INDEX, now=NOW)
    assert names(path.parent) == [ASIDE]
    assert path.with_name(f"{ASIDE}-wal").read_bytes() == b"part"
    assert not list(path.parent.glob("index.db-*"))


async def test_nothing_is_overwritten_by_moving_aside(path):
    """Two damages in one second lie side by side."""
    whole = path.read_bytes()
    for _ in range(3):
        path.write_bytes(whole[:5000])
        mend(path, Known.INDEX, now=NOW)
    dates = [f"index.db.damaged-20261122T20300{second}Z" for second in range(3)]
    assert names(path.parent) == dates


@pytest.mark.parametrize(
    "nonsense",
    [
        "UPDATE photos SET digest = 'other bytes' WHERE name = 'boat.jpg'",
        "DELETE FROM captions",
        "UPDATE photos SET state = 'quxued' WHERE name = '7.jpg'",
        "UPDATE photos SET written = '{\"xmp' WHERE name = '7.jpg'",
        "UPDATE captions SET keywords = '['",
        "DROP TABLE captions",
    ],
)
async def test_rows_that_nobody_writes_are_damage(path, nonsense):
    """Well-formed pages of another time are no index: no photo shows a caption of other bytes."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(nonsense)
        db.commit()
    mend(path, Known.INDEX, now=NOW)
    assert names(path.parent) == [ASIDE]


async def test_damaged_words_are_built_anew(path):
    """The words to search by are all in the tables: no reason to give up the index."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE photos_fts_data SET block = x'0123456789' WHERE id > 10")
        db.commit()
    with capture_logs() as logs:
        mend(path, Known.INDEX, now=NOW)
    assert [log["event"] for log in logs] == ["index.words_rebuilt"]
    assert names(path.parent) == ["index.db"]
    with search.Library(path) as library:
        assert [entry.name for entry in library.search("boat")] == ["boat.jpg"]


GARBLED = (
    b"CREATE VIRTUAL TABLE photos_fts",
    b"CREATE VIRTUAL TABLE \xed\xff\xfe\xed\xff\xfe_fts",
)


async def test_a_garbled_schema_is_damage(path):
    """Python cannot decode what SQLite says of it: every reader and the owner know all the same."""
    path.write_bytes(path.read_bytes().replace(*GARBLED))
    with owning(path) as ownership:
        ownership.learn(Known.INDEX)
    with pytest.raises(LibraryDamaged, match="garbled"), search.Library(path) as library:
        library.counts()
    with pytest.raises(LibraryDamaged, match="garbled"):
        await SqliteIndex.open(path)
    mend(path, Known.INDEX, now=NOW)
    assert names(path.parent) == sorted([ASIDE, "index.db.lock"])


@pytest.mark.parametrize("version", [3, 255])
async def test_a_header_that_forbids_to_write_is_damage(path, version):
    """A disk that cannot be written is waited for; such a file would be for ever."""
    overwrite(path, 18, bytes([version]))
    mend(path, Known.INDEX, now=NOW)
    assert names(path.parent) == [ASIDE]


# --- what is none


@pytest.mark.parametrize("content", [b"", (PHOTOS / "rocket.jpg").read_bytes(), b"to do: sleep\n"])
async def test_a_file_that_never_was_an_index_is_left_alone(tmp_path, content):
    """A configuration that names a photo or a text ends in a sentence, each time it is tried."""
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    for _ in range(3):
        with owning(path) as ownership:
            mend(path, ownership.known, now=NOW)
            assert ownership.known is Known.NOTHING
            if content:
                with pytest.raises(LibraryUnavailable, match="no index of captiond's"):
                    await SqliteIndex.open(path)
    assert path.read_bytes() == content
    assert names(tmp_path) == ["holiday.jpg", "holiday.jpg.lock"]


@pytest.mark.parametrize("what", [Known.NOTHING, Known.INDEX])
async def test_another_programs_database_is_never_moved(tmp_path, what):
    """A whole database that is not captiond's is somebody's, even where an index once lay."""
    path = tmp_path / "index.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (name)")
    mend(path, what, now=NOW)
    assert names(tmp_path) == ["index.db"]


async def test_an_index_of_a_newer_captiond_is_not_damaged(path):
    """It is left as it is, for the version that can read it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('captiond', '0099_future', '')"
        )
        db.execute("UPDATE photos SET state = 'dreaming'")
        db.commit()
    mend(path, Known.INDEX, now=NOW)
    assert names(path.parent) == ["index.db"]


async def test_an_index_that_can_be_read_is_known_for_one(path):
    """Without any memory of it, the tables of a damaged index still tell whose it is."""
    pages = path.stat().st_size // 4096
    overwrite(path, (pages - 3) * 4096, bytes(range(256)) * 48)
    mend(path, Known.NOTHING, now=NOW)
    assert names(path.parent) == [ASIDE]


# --- what is remembered


async def test_damage_that_was_met_is_remembered(path):
    """An owner that ends in damage leaves that behind, in a group of errors too."""
    with owning(path) as ownership:
        ownership.learn(Known.INDEX)
    assert known(path) is Known.INDEX
    with pytest.raises(ExceptionGroup), owning(path):
        raise ExceptionGroup("tasks", [LibraryDamaged("it is damaged")])
    assert known(path) is Known.DAMAGED


async def test_damage_that_no_check_finds_does_not_end_the_daemon_for_ever(path):
    """What SQLite met at run time is moved aside at the next start, whatever a check says."""
    mend(path, Known.DAMAGED, now=NOW)
    assert names(path.parent) == [ASIDE]


async def test_words_that_were_met_damaged_cost_no_index(path):
    """When a check finds the words damaged, they were what was met."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE photos_fts_data SET block = x'0123456789' WHERE id > 10")
        db.commit()
    mend(path, Known.DAMAGED, now=NOW)
    assert names(path.parent) == ["index.db"]


async def test_text_that_is_no_utf8_is_damage(path):
    """Python says so without a code of SQLite's; the next owner knows."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE captions SET digest = 'd1', caption = CAST(x'ff41' AS TEXT)")
        db.commit()
    with owning(path) as ownership:
        ownership.learn(Known.INDEX)
        index = await SqliteIndex.open(path)
        try:
            with pytest.raises(LibraryDamaged):
                await index.caption_of("d1", recipe=RECIPE)
        finally:
            await index.aclose()


# --- what the other verbs say


@pytest.mark.parametrize("verb", [("search", "boat"), ("status",), ("failed",), ("show", "x.jpg")])
def test_the_verbs_say_so_in_one_sentence(home, verb):
    """Exit code 1, what is wrong and who mends it, no traceback; the file is left alone."""
    before = home.index.read_bytes()
    done = home.run(*verb, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"captiond: the index {home.index} is damaged (")
    assert line.endswith("captiond rebuilds it at the daemon's next start")
    assert home.index.read_bytes() == before


def test_the_doctor_says_so(home):
    """One line of its table tells it."""
    done = home.run("doctor", "--offline", check=False)
    assert done.returncode == 1
    assert "rebuilds it at the daemon's next start" in done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with an index that captiond knows and nobody can read."""
    made = Home(tmp_path, "http://127.0.0.1:9")
    anyio.run(make, made.index)
    with owning(made.index) as ownership:
        ownership.learn(Known.INDEX)
    DAMAGES["first page"](made.index, Chance(1))
    return made


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="the sqlite3 program is not installed")
async def test_the_ledger_can_be_read_from_what_was_moved_aside(path):
    """The query of docs/operating.md tells what was spent, where those pages are whole."""
    pages = path.stat().st_size // 4096
    overwrite(path, (pages - 3) * 4096, bytes(range(256)) * 48)
    mend(path, Known.INDEX, now=NOW)
    done = await anyio.run_process(
        ["sqlite3", path.with_name(ASIDE), "select sum(cost_usd) from requests"]
    )
    assert done.stdout == b"0.25\n"
