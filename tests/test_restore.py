"""An index that is damaged or gone: the real daemon builds it anew from sidecars and a scan."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from daemon_helpers import PHOTOS, Home, gemini, wait_until
from damage_helpers import DAMAGES, Chance, Shelf, shelf
from sidecars_helpers import has_attributes

from captiond.testing.photo_maker import tiny_jpeg

SETS = [("xmp", "txt"), ("json",), ("txt",), ("xmp",)]
COUNT = 20
ENDINGS = (signal.SIGKILL, signal.SIGTERM)


def needs_attributes(folder: Path, sidecars: tuple[str, ...]) -> None:
    """Skip where files carry no attributes and the sidecars have no other marks."""
    if sidecars == ("txt",) and not has_attributes(folder):
        pytest.skip("NO EXTENDED ATTRIBUTES HERE: A LIBRARY WITH txt ALONE WAS NOT TESTED")


def damage_and_serve(library: Shelf, kind: str, seed: int) -> None:
    """Damage the index and see all stand again; every other time the daemon is killed at the end.

    A photo that is dropped meanwhile is the only one that is asked about.
    """
    rows, sidecars, asked = library.rows(), library.sidecars(), library.asked()
    DAMAGES[kind](library.home.index, Chance(seed))
    library.add(1)
    library.serve(ended_by=ENDINGS[seed % 2])
    assert library.asked() == asked + 1
    assert {name: library.rows()[name] for name in rows} == rows
    assert {name: library.sidecars()[name] for name in sidecars} == sidecars
    assert library.home.rows("pragma integrity_check") == [("ok",)]


@pytest.mark.parametrize(
    "seeds", [1, pytest.param(12, marks=pytest.mark.soak)], ids=["once", "often"]
)
@pytest.mark.parametrize(
    "sidecars",
    [*SETS[:-1], pytest.param(SETS[-1], marks=pytest.mark.soak)],
    ids=["+".join(kinds) for kinds in SETS],
)
def test_a_damaged_index_costs_no_request(tmp_path: Path, sidecars, seeds) -> None:
    """Whatever was done to the file: moved aside, each caption there again, no sidecar touched."""
    needs_attributes(tmp_path, sidecars)
    kinds = sorted(DAMAGES)
    first = SETS.index(sidecars)
    chosen = kinds * seeds if seeds > 1 else [kinds[first], kinds[first + 2]]
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url, sidecars=sidecars)
        with shelf(home, url, photos=COUNT) as library:
            for seed, kind in enumerate(chosen):
                damage_and_serve(library, kind, seed)
            found = home.run("search", "photo", "--limit", "1000", check=False)
            assert library.moved_aside()
    assert found.returncode == 0
    assert "Traceback" not in home.log.read_text()


@pytest.mark.parametrize(
    "seeds", [1, pytest.param(10, marks=pytest.mark.soak)], ids=["once", "often"]
)
def test_damage_while_the_daemon_runs_ends_it_and_is_mended(tmp_path: Path, seeds) -> None:
    """It never hangs, never goes on for ever, and writes no wrong word beside a photo."""
    kinds = sorted(DAMAGES) if seeds > 1 else ["pages"]
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url, sidecars=("xmp", "txt"))
        with shelf(home, url, photos=COUNT) as library:
            for seed, kind in enumerate(kinds * seeds):
                damage_and_live_on(library, kind, seed)
    assert "Traceback" not in home.log.read_text()


def damage_and_live_on(library: Shelf, kind: str, seed: int) -> None:
    """Damage the index under a daemon that works, and serve until all is well."""
    home = library.home
    rows, sidecars, asked = library.rows(), library.sidecars(), library.asked()
    told = home.log.stat().st_size
    with home.start() as daemon:
        wait_until(lambda: library.done(told))
        DAMAGES[kind](home.index, Chance(seed))
        library.add(3)
        last = home.photos / f"{library.photos - 1}.jpg.txt"
        wait_until(lambda: daemon.poll() is not None or last.exists(), seconds=30)
        daemon.terminate()
        assert daemon.wait(timeout=60) in {0, 1}
    library.serve()
    # a reply that came while the index could not keep it is asked for again
    assert asked + 3 <= library.asked() <= asked + 3 + home.concurrency
    assert {name: library.rows()[name] for name in rows} == rows
    assert {name: library.sidecars()[name] for name in sidecars} == sidecars


@pytest.mark.parametrize("sidecars", [("xmp",), pytest.param(("txt",), marks=pytest.mark.soak)])
def test_a_library_that_moves_is_known_at_once(tmp_path: Path, sidecars) -> None:
    """On another machine, in another folder, with its sidecars: no request, nothing rewritten."""
    needs_attributes(tmp_path, sidecars)
    with gemini("--answer", "offline") as url:
        old = Home(tmp_path / "old", url, sidecars=sidecars)
        with shelf(old, url, photos=COUNT) as library:
            rows, asked = library.rows(), library.asked()
        new = Home(tmp_path / "new", url, sidecars=sidecars)
        shutil.copytree(old.photos, new.photos, dirs_exist_ok=True)
        moved = Shelf(new, url, photos=COUNT)
        before = moved.sidecars()
        moved.serve()
        assert moved.asked() == asked
    assert moved.rows() == rows
    assert moved.sidecars() == before


def test_only_what_captiond_wrote_for_these_bytes_is_taken(tmp_path: Path) -> None:
    """A photo that changed is asked about; one whose sidecar was edited shows a person's words."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url, sidecars=("xmp",))
        with shelf(home, url, photos=3) as library:
            asked = library.asked()
        (home.photos / "0.jpg").write_bytes(tiny_jpeg(99))
        edited = home.photos / "1.jpg.xmp"
        ((caption,),) = home.rows("select caption from library where name = '1.jpg'")
        words = edited.read_bytes().replace(escape(caption).encode(), b"My own words")
        edited.write_bytes(words)
        DAMAGES["header"](home.index, Chance(1))
        library.serve()
        assert library.asked() == asked + 1
    assert b"My own words" in edited.read_bytes()
    assert escape(caption).encode() not in edited.read_bytes()
    shown = home.rows("select caption, origin, reason from library where name = '1.jpg'")
    assert shown == [("My own words", "human", None)]


def test_words_of_the_offline_captioner_are_not_taken_for_geminis(tmp_path: Path) -> None:
    """Who has a key from now on gets captions from Gemini."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url, sidecars=("xmp",))
        home.write_config(backend="offline")
        with shelf(home, url, photos=3) as library:
            assert library.asked() == 0
        home.write_config()
        DAMAGES["header"](home.index, Chance(1))
        library.serve()
        assert library.asked() == 3
    assert home.rows("select distinct origin from library") == [("gemini",)]


def test_one_pass_mends_too(tmp_path: Path) -> None:
    """`captiond scan` owns the index while it runs."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url, sidecars=("json",))
        with shelf(home, url, photos=5) as library:
            asked = library.asked()
        DAMAGES["cut off"](home.index, Chance(1))
        done = home.run("scan")
        assert library.asked() == asked
    assert done.stdout == "5 captioned, 0 set aside, 0 waiting\n"
    assert len(library.moved_aside()) == 1


def test_a_photo_in_the_indexs_place_is_never_touched(tmp_path: Path) -> None:
    """A configuration that names a photo ends in a sentence, the second time as the first."""
    home = Home(tmp_path, "http://127.0.0.1:9")
    home.index.parent.mkdir()
    shutil.copyfile(PHOTOS / "rocket.jpg", home.index)
    for _ in range(3):
        done = home.run("run", check=False)
        assert done.returncode == 1
        assert "no index of captiond's" in done.stderr
        assert "Traceback" not in done.stderr
    assert home.index.read_bytes() == (PHOTOS / "rocket.jpg").read_bytes()
    assert sorted(path.name for path in home.index.parent.iterdir()) == [
        "index.db",
        "index.db.lock",
    ]
