"""Captions made anew and brought back by the real program beside the real daemon."""

from __future__ import annotations

import functools
import json
import random
import signal
import subprocess
from pathlib import Path

import anyio
import pytest
from daemon_helpers import PROGRAM, Home, clean_environment, counters, gemini, wait_until
from history_helpers import Rounds, all_captioned, assert_agreement, rounds_shown, settled, shown
from kill_helpers import Toll, kill_at_random, make_photo
from lxml import etree

from captiond.sidecars.base import NOT_OURS
from captiond.testing.gemini_server import GeminiServer

DC = "http://purl.org/dc/elements/1.1/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

PHOTOS = 100
CRASHES = 4
CONCURRENCY = 8


def drop(home: Home, photos: int) -> None:
    for number in range(photos):
        (home.photos / f"{number}.jpg").write_bytes(make_photo(number))


async def test_kills_while_photos_are_captioned_anew(tmp_path: Path, record_property) -> None:
    """Nothing is lost, no answer that came is paid for twice, index and sidecars agree."""
    rounds = Rounds()
    async with GeminiServer(answer=rounds.answer, latency_seconds=0.05) as server:
        home = Home(tmp_path, server.base_url, concurrency=CONCURRENCY)
        work = functools.partial(recaption_and_kill, home, rounds)
        await anyio.to_thread.run_sync(work)
        extra = server.counters.requests - 2 * PHOTOS
    record_property("more requests", extra)
    assert extra <= CRASHES * CONCURRENCY


def recaption_and_kill(home: Home, rounds: Rounds) -> None:
    drop(home, PHOTOS)
    with settled(home):
        assert rounds_shown(home) == {"1"}
    rounds.number = 2
    assert home.run("recaption", "--since", "1970").stdout.endswith("anew\n")
    assert rounds_shown(home) == {"1"}
    toll, rng = Toll(), random.Random(7)  # noqa: S311 moments, no secrets
    while toll.kills < CRASHES:
        kill_at_random(home, rng, toll)
        assert len(shown(home)) == PHOTOS
    with settled(home):
        assert rounds_shown(home) == {"2"}
    assert_agreement(home, photos=PHOTOS)
    per_content = home.rows("select distinct count(*) from captions group by digest")
    assert per_content == [(2,)]


async def test_a_revert_that_is_killed_is_finished_by_the_daemon(tmp_path: Path) -> None:
    """Wherever the verb is killed: the photo shows one of its captions everywhere, for free."""
    rounds = Rounds()
    async with GeminiServer(answer=rounds.answer) as server:
        home = Home(tmp_path, server.base_url)
        await anyio.to_thread.run_sync(functools.partial(revert_and_kill, home, rounds))
        assert server.counters.requests == 4


def revert_and_kill(home: Home, rounds: Rounds) -> None:
    drop(home, 2)
    with settled(home):
        rounds.number = 2
        home.run("recaption", str(home.photos))
        wait_until(lambda: rounds_shown(home) == {"2"} and all_captioned(home))
        for number in range(2):
            kill_amid_revert(home, home.photos / f"{number}.jpg")
        assert rounds_shown(home) == {"1"}
        wait_until(lambda: all_captioned(home), what="the daemon finishes what was killed")
    assert_agreement(home, photos=2)


def kill_amid_revert(home: Home, photo: Path) -> None:
    """Kill the verb once the caption is back in the index, before its sidecars are written."""
    (before,) = home.rows("select count(*) from captions")
    with subprocess.Popen(
        [PROGRAM, "--config", home.path / "config.toml", "revert", photo],
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
    ) as verb:
        while home.rows("select count(*) from captions") == [before]:
            assert verb.poll() is None
        verb.send_signal(signal.SIGKILL)


async def test_a_caption_made_anew_and_brought_back(tmp_path: Path) -> None:
    """The old one is found until the new one is there; a reversal stands everywhere at once."""
    rounds = Rounds()
    async with GeminiServer(answer=rounds.answer, latency_seconds=0.5) as server:
        home = Home(tmp_path, server.base_url)
        await anyio.to_thread.run_sync(functools.partial(there_and_back, home, rounds))
        assert server.counters.requests == 2


def there_and_back(home: Home, rounds: Rounds) -> None:
    drop(home, 1)
    photo = str(home.photos / "0.jpg")
    with settled(home):
        rounds.number = 2
        assert home.run("recaption", photo).stderr == ""
        assert json.loads(home.run("search", "round 1", "--json").stdout)[0]["path"] == photo
        refused = home.run("revert", photo, check=False)
        assert refused.returncode == 1
        assert "captioned" in refused.stderr
        wait_until(lambda: rounds_shown(home) == {"2"} and all_captioned(home))
        assert_agreement(home, photos=1)
        brought = home.run("revert", photo)
        assert brought.stdout.startswith(f"{photo}\tColours of round 1")
        assert_agreement(home, photos=1)
        assert told_by_xmp(photo) == shown(home)["0.jpg"]
        assert home.run("revert", photo, check=False).stderr.endswith("none before that\n")
        home.run("revert", "--to", "2", photo)
        assert rounds_shown(home) == {"2"}
    assert_agreement(home, photos=1)
    lines = home.run("show", "--history", photo).stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["*", "4"],
        ["", "3"],
        ["", "2"],
        ["", "1"],
    ]
    again = home.run("recaption", "--stale", "--dry-run", photo)
    assert again.stdout == "0 photos\n"


def told_by_xmp(photo: str) -> str:
    """Return the caption that stands in the XMP sidecar."""
    path = f".//{{{DC}}}description/{{{RDF}}}Alt/{{{RDF}}}li"
    return etree.parse(f"{photo}.xmp").findtext(path) or ""


def test_a_sidecar_of_a_person_is_left_alone(tmp_path: Path) -> None:
    """It is what the photo shows; one that is brought back does not touch it, and says so."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url)
        drop(home, 1)
        mine = home.photos / "0.jpg.txt"
        with settled(home):
            mine.write_text("my own words\n")
            wait_until(lambda: home.rows("select origin from library") == [("human",)])
            assert home.run("recaption", "--origin", "gemini").returncode == 0
            noted = f"0.jpg.txt was left alone: {NOT_OURS}"
            assert home.run("revert", str(home.photos / "0.jpg")).stderr == f"{noted}\n"
        assert mine.read_text() == "my own words\n"
        assert counters(url)["requests"] == 1
    assert home.rows("select state, reason from library") == [("captioned", noted)]


def test_copies_that_are_captioned_anew_together_are_paid_for_once(tmp_path: Path) -> None:
    """Ten files of one content: one request for all of them, each time."""
    with gemini("--answer", "offline", "--latency", "0.2") as url:
        home = Home(tmp_path, url, concurrency=10)
        for number in range(10):
            (home.photos / f"copy {number}.jpg").write_bytes(make_photo(1))
        with settled(home):
            assert counters(url)["requests"] == 1
            told = home.run("recaption", "--since", "1970").stdout
            assert told.startswith("10 photos of 1 content: about ")
            wait_until(lambda: counters(url)["requests"] > 1 and all_captioned(home))
            assert counters(url)["requests"] == 2
    assert home.rows("select count(distinct caption), count(*) from photos") == [(1, 10)]


def test_what_the_offline_captioner_said_is_replaced_once_there_is_a_key(tmp_path: Path) -> None:
    """`--origin offline` finds it; what it said stays in the history."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url)
        home.write_config(backend="offline")
        drop(home, 3)
        with settled(home):
            pass
        home.write_config()
        with home.daemon():
            home.run("recaption", "--origin", "offline")
            wait_until(lambda: all_captioned(home))
        assert counters(url)["requests"] == 3
    assert home.rows("select distinct origin from library") == [("gemini",)]
    past = json.loads(home.run("show", "--history", "--json", str(home.photos / "0.jpg")).stdout)
    assert [one["origin"] for one in past] == ["gemini", "offline"]


@pytest.mark.parametrize("fate", ["moved", "changed"])
def test_a_file_that_is_not_what_it_was_when_its_turn_comes(tmp_path: Path, fate: str) -> None:
    """A moved photo keeps its caption for free; a changed one is a new photo."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url)
        drop(home, 1)
        photo = home.photos / "0.jpg"
        with settled(home):
            pass
        home.run("recaption", str(photo))
        if fate == "moved":
            photo.rename(home.photos / "moved.jpg")
            expected = {"0.jpg": "missing", "moved.jpg": "captioned"}
        else:
            photo.write_bytes(make_photo(2))
            expected = {"0.jpg": "captioned"}
        with home.daemon():
            home.wait_for(expected)
        assert counters(url)["requests"] == (1 if fate == "moved" else 2)
