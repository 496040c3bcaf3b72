"""What captiond wrote is taken back, beside the real daemon and without it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest
from daemon_helpers import PROGRAM, Home, clean_environment, counters, gemini, wait_until
from kill_helpers import make_photo
from people_helpers import alt, at_rest, captioned, exiftool, found, shown, tree, xmp

EDITED = "Grandmother in Marseille"


@pytest.fixture
def home(tmp_path: Path):
    with gemini() as url:
        home = Home(tmp_path, url)
        home.drop("hopper.jpg", "china.jpg")
        yield home


def undo(home: Home, *arguments: str) -> dict[str, int]:
    return json.loads(home.run("undo", *arguments, "--json").stdout)


def index_rows(home: Home) -> list[list[tuple]]:
    tables = ("photos", "captions", "requests", "runs", "directories")
    return [home.rows(f"select * from {table}") for table in tables]


def test_taking_back_what_was_written(home: Home) -> None:
    """Its own sidecars go, the rest is as it was before; nobody asks again until told to."""
    human = home.photos / "china.jpg.xmp"
    human.write_text(xmp(alt("title", "Temple")))
    before = tree(home.photos)
    with captioned(home, photos=2):
        assert undo(home, str(home.photos), "--yes")["undone"] == 2
        after = tree(home.photos)
        assert set(after) == set(before)
        assert "Temple" in human.read_text()
        assert home.rows("select distinct state, caption from library") == [("skipped", None)]
        ((reason,),) = home.rows("select distinct reason from photos")
        assert reason.startswith("taken back on 20")
        os.utime(home.photos / "china.jpg.xmp")
    home.run("scan")
    assert home.run("retry").stdout == "0 photos queued again\n"
    assert tree(home.photos) == after
    assert counters(home.url)["requests"] == 2
    history = home.run("show", "--history", str(home.photos / "hopper.jpg")).stdout
    assert history.strip()
    home.run("retry", str(home.photos / "hopper.jpg"))
    home.run("scan")
    assert shown(home, "hopper.jpg")[3] == "gemini"
    assert (home.photos / "hopper.jpg.txt").exists()
    assert not (home.photos / "china.jpg.txt").exists()
    assert counters(home.url)["requests"] == 2


def test_a_dry_run_writes_nothing(home: Home) -> None:
    """It tells how many, and leaves the tree and the index as they are."""
    with captioned(home, photos=2):
        pass
    before = tree(home.photos), index_rows(home)
    assert undo(home, "--since", "1970", "--dry-run")["photos"] == 2
    assert "hopper.jpg" in home.run("undo", "--run", "last", "--dry-run").stdout
    refused = home.run("undo", "--since", "1970", check=False)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert (tree(home.photos), index_rows(home)) == before


def test_what_people_wrote_stays(home: Home) -> None:
    """An edited sidecar, an adopted caption and the index's word of them are left."""
    home.drop("gps.jpg")
    (home.photos / "gps.jpg.xmp").write_text(xmp(alt("description", "Our garden")))
    with captioned(home, photos=3):
        exiftool(home.photos / "hopper.jpg.xmp", f"-XMP-dc:Description={EDITED}")
        wait_until(lambda: found(home, "Marseille") == ["hopper.jpg"], what="the XMP is read")
        wait_until(lambda: at_rest(home, 3), what="its other sidecars follow")
        told = undo(home, str(home.photos), "--yes")
        assert (told["undone"], told["by_people"]) == (3, 2)
        assert shown(home, "hopper.jpg") == (EDITED, "", "[]", "human")
        assert shown(home, "gps.jpg")[0] == "Our garden"
        assert shown(home, "china.jpg")[0] is None
    home.run("scan")
    names = [name for name in tree(home.photos) if not name.endswith(".jpg")]
    assert sorted(names) == ["gps.jpg.xmp", "hopper.jpg.xmp"]
    assert EDITED in (home.photos / "hopper.jpg.xmp").read_text()
    assert found(home, "Marseille") == ["hopper.jpg"]
    assert counters(home.url)["requests"] == 2


def test_one_run(home: Home) -> None:
    """`--run` takes back what one life of the daemon or one scan wrote."""
    with captioned(home, photos=2):
        pass
    home.drop("gps.jpg")
    home.run("scan")
    runs = json.loads(home.run("undo", "--runs", "--json").stdout)
    assert [(run["id"], run["verb"]) for run in runs] == [(2, "scan"), (1, "run")]
    assert all(run["started_at"] < run["ended_at"] for run in runs)
    assert undo(home, "--run", "last", "--yes")["undone"] == 1
    assert shown(home, "gps.jpg")[0] is None
    assert undo(home, "--run", "1", "--yes")["undone"] == 2
    assert home.run("undo", "--run", "7", "--yes", check=False).returncode == 1


def test_a_renamed_photo_stays_withdrawn(home: Home) -> None:
    """Under a new name a photo whose caption was taken back is not captioned either."""
    with captioned(home, photos=2):
        undo(home, str(home.photos), "--yes")
        (home.photos / "hopper.jpg").rename(home.photos / "grace.jpg")
        wait_until(lambda: home.states().get("grace.jpg") == "skipped", what="it is set aside")
        home.run("retry", str(home.photos / "grace.jpg"))
        wait_until(lambda: home.states().get("grace.jpg") == "captioned", what="it is captioned")
    assert counters(home.url)["requests"] == 2


def test_an_undo_that_is_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    """Wherever it is killed: a second undo leaves nothing of captiond's behind."""
    photos, rng = 60, random.Random(5)  # noqa: S311 moments, no secrets
    with gemini() as url:
        home = Home(tmp_path, url)
        for number in range(photos):
            (home.photos / f"{number}.jpg").write_bytes(make_photo(number))
        with captioned(home, photos=photos):
            pass
        arguments = ("undo", "--since", "1970", "--yes")
        command = [PROGRAM, "--config", home.path / "config.toml", *arguments]
        with subprocess.Popen(
            command, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            enough = rng.randrange(3, photos)
            wait_until(
                lambda: process.poll() is not None or len(list(home.photos.glob("*.txt"))) < enough,
                every_seconds=0.001,
            )
            process.send_signal(signal.SIGKILL)
        home.run("scan")
        undo(home, "--since", "1970", "--yes")
        assert len(tree(home.photos)) == photos
        assert home.rows("select distinct state, withdrawn from photos") == [("skipped", 2)]
        home.run("scan")
        assert len(tree(home.photos)) == photos
        assert counters(url)["requests"] == photos
