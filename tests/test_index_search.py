"""Asking an index: what is found, in which order, whatever a person types."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from index_helpers import OWNER, add_captioned, caption, claim, photo, sighting

import captiond
from captiond.errors import LibraryUnavailable
from captiond.index.base import Parked, Retry
from captiond.index.health_base import Health
from captiond.index.match import to_match
from captiond.index.names import from_stored, to_stored
from captiond.index.search import Entry
from captiond.index.store import SqliteIndex
from captiond.models import State


@pytest.fixture
async def index(tmp_path):
    index = await SqliteIndex.open(tmp_path / "odd ?#% name" / "index.db")
    yield index
    await index.aclose()


@pytest.fixture
def library(index):
    with captiond.open_index(index._path) as library:
        yield library


async def add(index, path, words, **more):
    await add_captioned(index, path, shows=caption(words, digest=path, **more))


def found(library, query, **how):
    return [entry.name for entry in library.search(query, **how)]


async def test_words_phrases_and_prefixes(index, library):
    """All words must match in any of their forms; phrases side by side; prefix* by beginning."""
    await add(index, "1.jpg", "A red boat in the harbour")
    await add(index, "2.jpg", "Boats, and a red house by the harbour wall")
    await add(index, "3.jpg", "Ein rotes Böötchen")
    assert set(found(library, "boat")) == {"1.jpg", "2.jpg"}
    assert set(found(library, "red harbour boats")) == {"1.jpg", "2.jpg"}
    assert found(library, '"red boat"') == ["1.jpg"]
    assert found(library, '"red boat') == ["1.jpg"]
    assert found(library, "bootch*") == ["3.jpg"]
    assert found(library, "boat NOT") == []
    assert found(library, "caption:boat") == []
    assert set(found(library, "-boat, ☂ !")) == {"1.jpg", "2.jpg"}
    assert found(library, "") == []
    assert found(library, "\N{BEACH WITH UMBRELLA}") == []


async def test_captions_weigh_more_than_names(index, library):
    """A photo that shows a boat comes before one that is called boat."""
    await add(index, "shown.jpg", "A boat")
    await add(index, "boat.jpg", "A dog")
    assert found(library, "boat") == ["shown.jpg", "boat.jpg"]


async def test_everything_told_about_a_photo_is_searched(index, library):
    """Title, alt text, keywords, text in the picture, name and folder are found too."""
    await add(
        index,
        "Norway 2023/IMG_0042.jpg",
        "A quay",
        title="Evening",
        alt_text="lanterns",
        keywords=("fishing",),
        text="NO PARKING",
    )
    for query in ("evenings", "lantern", "fish", '"no parking"', "IMG_0042.jpg", "norway"):
        assert found(library, query) == ["IMG_0042.jpg"], query


async def test_filters(index, library):
    """Only photos at or beneath a folder, only those seen since."""
    for path in ("x/1.jpg", "x/y/2.jpg", "xx/3.jpg"):
        await add(index, path, "A boat")
    assert set(found(library, "boat", folder="/photos/x")) == {"1.jpg", "2.jpg"}
    assert set(found(library, "boat", folder="/photos/x/")) == {"1.jpg", "2.jpg"}
    assert found(library, "boat", folder="/photos/x/y") == ["2.jpg"]
    assert len(found(library, "boat", folder="/photos")) == 3
    assert len(found(library, "boat", folder="/")) == 3
    assert found(library, "boat", folder="/photo") == []
    assert len(found(library, "boat", since=1.0)) == 3
    assert found(library, "boat", since=1.5) == []
    assert len(found(library, "boat", limit=2)) == 2


async def test_missing_photos_are_left_out(index, library):
    """A photo that is gone is not found, but still known."""
    await add(index, "1.jpg", "A boat")
    await index.gone([photo("1.jpg")], now=9.0)
    assert found(library, "boat") == []
    entry = library.get("/photos/1.jpg")
    assert entry is not None
    assert (entry.state, entry.caption) == ("missing", "A boat")
    assert "gone since 1970-01-01" in entry.reason


async def test_entry(index, library):
    """An entry has the columns of the library, keywords as a tuple, and the words found marked."""
    await add(index, "x/1.jpg", "A red boat", keywords=("boat", "Übersee"))
    (entry,) = library.search("boats")
    assert entry == Entry(
        path="/photos/x/1.jpg",
        folder="/photos/x",
        name="1.jpg",
        state="captioned",
        reason=None,
        caption="A red boat",
        title="",
        alt_text="",
        keywords=("boat", "Übersee"),
        text="",
        language="en",
        model="flash-001",
        origin="gemini",
        digest="x/1.jpg",
        format="JPEG",
        width=4,
        height=3,
        taken_at=None,
        camera="X100",
        latitude=None,
        longitude=None,
        place=None,
        seen_at="1970-01-01T00:00:01Z",
        captioned_at="1970-01-01T00:00:06Z",
        cost_usd=0.25,
        snippet="A red **boat**",
    )
    assert entry.to_dict()["keywords"] == ["boat", "Übersee"]
    assert "snippet" not in entry.to_dict()
    assert library.get("/photos/x/1.jpg").snippet is None


async def test_get_of_an_unknown_photo(library):
    """A path that was never seen has no entry."""
    for path in ("/photos/never.jpg", "never.jpg", "/", ""):
        assert library.get(path) is None


async def test_failed_counts_health(index, library):
    """What an operator asks: what failed and why, how many stand where, how the daemon is."""
    assert library.health() is None
    await index.offer([sighting("ok.jpg"), sighting("pipe.jpg", reason="a pipe")], now=1.0)
    await index.offer([sighting("bad.jpg"), sighting("later.jpg")], now=2.0)
    await claim(index)
    await index.park([Parked(photo("bad.jpg"), State.FAILED, "truncated")], owner=OWNER)
    await index.retry([Retry(photo("later.jpg"), 50.0, "overloaded")], owner=OWNER)
    await index.release([photo("ok.jpg")], owner=OWNER)
    assert {(entry.name, entry.reason) for entry in library.failed()} == {
        ("bad.jpg", "truncated"),
        ("later.jpg", "overloaded"),
        ("pipe.jpg", "a pipe"),
    }
    assert len(library.failed(limit=1)) == 1
    assert library.counts() == {State.QUEUED: 2, State.FAILED: 1, State.SKIPPED: 1}
    health = Health("box", 7, "1.0", 1.0, 2.0, "no quota", 60.0)
    await index.beat(health)
    assert library.health() == health


async def test_only_the_newest_matches_are_ranked(index, library):
    """With more matches than can be ranked in time, the newest of them compete."""
    await add(index, "old.jpg", "boat")
    with closing(sqlite3.connect(index._path)) as db:
        db.execute(
            """
            WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
            INSERT INTO photos (root, folder, name, size, state, lane, seen_at, digest)
            SELECT '/photos', '', n || '.jpg', 1, 'captioned', 0, 1, 'old.jpg' FROM n
            """
        )
        db.execute(
            "INSERT INTO captions SELECT 2, 'old.jpg', recipe, origin, language, model,"
            " 1, 'a boat by the quay with a dog', '', '', '[]', '', NULL, NULL, NULL, NULL"
            " FROM captions"
        )
        db.execute("UPDATE photos SET caption = 2 WHERE name <> 'old.jpg'")
        db.commit()
    names = found(library, "boat", limit=3)
    assert len(names) == 3
    assert "old.jpg" not in names


def test_there_is_no_index_yet(tmp_path):
    """A path without an index, and a file that is none, are told in a sentence."""
    with pytest.raises(LibraryUnavailable, match="no index"):
        captiond.open_index(tmp_path / "index.db")
    (tmp_path / "index.db").write_text("nothing" * 1000)
    library = captiond.open_index(str(tmp_path / "index.db"))
    with library, pytest.raises(LibraryUnavailable, match="damaged"):
        library.counts()


async def test_reading_changes_nothing(library):
    """A library cannot write."""
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        library._db.execute("DELETE FROM photos")


def test_searching_imports_nothing_heavy():
    """`captiond search` has 100 ms in all: the library face needs only the standard library."""
    code = (
        "import sys, captiond.index.search\n"
        "heavy = {'sqlite_utils', 'anyio', 'structlog', 'pydantic', 'asyncio', 'PIL', 'google'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@given(st.text(st.characters(codec=None)) | st.text('"*:-^+(){}ab \0'))
@example('"')
@example("a\0b")
@example("NEAR(a b, 3)")
@example("a AND OR NOT")
@example('a"b*"c')
@example("(" * 500 + "a")
@example("a " * 5000)
def test_nothing_a_person_types_is_a_syntax_error(query):
    """Every text becomes a query that FTS5 accepts, or none."""
    match = to_match(query)
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (a, tokenize = 'porter unicode61')")
        db.execute("INSERT INTO t VALUES ('a b ab')")
        if match:
            db.execute("SELECT * FROM t WHERE t MATCH ?", (match,)).fetchall()


@given(st.lists(st.sampled_from(["\\", "x", "5c", "ff", "\udcff", "\udc80", "é", "/", "a"])))
def test_every_file_name_survives_its_storing(parts):
    """A name comes back as it was, whatever its bytes, and is plain text meanwhile."""
    name = "".join(parts)
    stored = to_stored(name)
    stored.encode()
    assert from_stored(stored) == name
