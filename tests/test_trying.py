"""A few photos are captioned at a cost that was told before, and no caption is kept."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from daemon_helpers import (
    PROGRAM,
    Home,
    clean_environment,
    counters,
    gemini,
)

from captiond.captioners.context import FULL, PRIVATE, fullest, gather
from captiond.captioners.prompts import compose
from captiond.config import load
from captiond.models import Facts, Photo, Recipe, Tags
from captiond.templates import VARIABLES
from captiond.verbs.trying import draw

THREE = ("rocket.jpg", "cat.png", "hopper.jpg")
NO_URL = "http://127.0.0.1:9"
KEPT = "select (select count(*) from captions), (select count(*) from photos)"


@pytest.fixture
def url():
    with gemini("--answer", "offline") as address:
        yield address


@pytest.fixture
def home(tmp_path, url):
    made = Home(tmp_path, url)
    made.drop(*THREE)
    return made


def tried(home: Home, *arguments: str, code: int = 0):
    done = home.run("try", "--yes", "--json", *map(str, arguments), check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_it_captions_says_the_price_and_keeps_nothing(home, url):
    """Requests stand in the ledger; no row, no caption, no sidecar is left behind."""
    before = sorted(home.photos.iterdir())
    told = tried(home, "2")
    assert counters(url)["requests"] == len(told["photos"]) == 2
    assert (told["of"], sorted(home.photos.iterdir())) == (3, before)
    assert home.rows(KEPT) == [(0, 0)]
    rows = home.rows("select state, owner, cost_usd from requests")
    assert [(state, owner.partition(": ")[2]) for state, owner, _ in rows] == [
        ("answered", "try")
    ] * 2
    assert told["usd"] == pytest.approx(sum(cost for _, _, cost in rows))
    assert 0 < told["usd"] < told["at_most_usd"]
    assert told["usd_per_1000"] == pytest.approx(told["usd"] * 500)
    for one in told["photos"]:
        assert one["caption"]
        assert one["keywords"]
        assert one["alt_text"]
        assert one["usd"] > 0
        assert one["input_tokens"] > 1000


def test_a_library_stays_as_it_is(home, url):
    """What is captioned already is asked about once more, beside a daemon, and nothing changes."""
    with home.daemon():
        home.wait_for(dict.fromkeys(THREE, "captioned"))
        kept = home.rows("select * from captions"), home.rows("select * from photos")
        told = tried(home, "3")
        assert home.states() == dict.fromkeys(THREE, "captioned")
    assert len(told["photos"]) == 3
    assert counters(url)["requests"] == 6
    assert (home.rows("select * from captions"), home.rows("select * from photos")) == kept


def test_for_people_it_prints_words_and_what_a_thousand_cost(home):
    """The most it may cost is told before anything else, on stderr."""
    done = home.run("try", "3", "--yes")
    assert "3 photos of 3, by gemini-3.5-flash-lite (standard): at most 0.0" in done.stderr
    *_, totals = done.stdout.splitlines()
    assert totals.startswith("3 captioned, 0 failed: 0.00")
    assert "USD per 1000 photos" in totals
    for name in THREE:
        assert f"path\t{home.photos / name}\n" in done.stdout
    assert done.stdout.count("\ncaption\t") == 3


def test_a_script_has_to_say_yes(home, url):
    """Without a terminal nobody can be asked: nothing is sent."""
    done = home.run("try", "3", check=False)
    assert done.returncode == 2
    assert "at most" in done.stderr
    assert "say --yes" in done.stderr
    assert counters(url)["requests"] == 0
    assert not home.index.exists()


@pytest.mark.parametrize(("answer", "requests", "code"), [(b"n\n", 0, 1), (b"y\n", 3, 0)])
def test_on_a_terminal_a_person_is_asked(home, url, answer, requests, code):
    """Yes is yes, and anything else sends nothing."""
    ours, its = pty.openpty()
    os.write(ours, answer)
    done = subprocess.run(
        [PROGRAM, "--config", home.path / "config.toml", "try", "3"],
        stdin=its,
        stdout=subprocess.PIPE,
        stderr=its,
        env=clean_environment(),
        check=False,
        timeout=60,
    )
    os.close(its)
    told = os.read(ours, 65536).decode()
    os.close(ours)
    assert "at most" in told
    assert "go on?" in told
    assert done.returncode == code
    assert counters(url)["requests"] == requests


@pytest.mark.parametrize(
    "cap", ["usd_per_day", pytest.param("usd_per_month", marks=pytest.mark.soak)]
)
def test_over_a_cap_nothing_is_sent(home, url, cap):
    """Not even a part of it: the most it may cost has to fit."""
    home.extra = f"[limits]\n{cap} = 0.02"
    home.write_config()
    done = home.run("try", "3", "--yes", check=False)
    assert (done.returncode, counters(url)["requests"]) == (1, 0)
    assert f"limits.{cap} = 0.02 leaves no room: $0.0000 spent" in done.stderr
    assert len(tried(home, "1")["photos"]) == 1


def test_an_unknown_price_is_told_and_no_cap_is_held_against_it(home, url):
    """Nobody knows what it costs: that is said, and beside a cap nothing is sent."""
    unknown = ("try", "1", "--yes", "--model", "gemini-99-marvel")
    assert "nobody knows how much" in home.run(*unknown, check=False).stderr
    home.extra = "[limits]\nusd_per_day = 100"
    home.write_config()
    before = counters(url)["requests"]
    done = home.run(*unknown, check=False)
    assert (done.returncode, counters(url)["requests"]) == (os.EX_CONFIG, before)
    assert "limits.usd_per_day: nobody knows what" in done.stderr


def test_photos_that_fail_are_told_with_the_reason(home):
    """The others are captioned; more than there are is all of them."""
    home.drop("bad/html.png", "bad/zero.jpg")
    told = tried(home, "100", code=1)
    errors = {Path(one["path"]).name: one["error"] for one in told["photos"] if "error" in one}
    assert errors == {"html.png": "not an image: the file starts like HTML text"}
    assert len(told["photos"]) == 4
    assert told["usd_per_1000"] == pytest.approx(told["usd"] * 1000 / 3)


def test_a_prompt_is_tried_in_place_of_every_other(home):
    """Also of a folder's own; the model and its thinking are those of the flags."""
    config = home.path / "config.toml"
    config.write_text(config.read_text() + 'prompt = "Of the folder."\n')
    prompt = home.path / "prompt.txt"
    prompt.write_text("To be tried: {name}.")
    flags = ("--prompt-file", prompt, "--model", "gemini-3.8-flash", "--thinking", "low")
    told = tried(home, "1", *flags)
    ((recipe,),) = home.rows("select document from recipes")
    asked = json.loads(recipe)
    assert (asked["model"], asked["thinking"]) == ("gemini-3.8-flash", "low")
    assert "To be tried: {name}." in asked["prompt"]
    assert "Of the folder." not in asked["prompt"]
    assert len(told["photos"]) == 1


def test_a_wrong_prompt_file_is_the_mistake_that_it_is_in_the_configuration(home, url):
    """The same sentences, exit code 78, nothing sent."""
    prompt = home.path / "prompt.txt"
    prompt.write_text("What is {nmae}?")
    for flag in ("prompt.txt", prompt):
        wrong = ("--prompt-file", str(home.path / flag))
        done = home.run("try", "1", "--yes", *wrong, check=False)
        assert done.returncode == os.EX_CONFIG
        assert "{nmae} is no variable; did you mean {name}?" in done.stderr
    gone = home.run("try", "1", "--yes", "--prompt-file", "gone.txt", check=False)
    assert gone.returncode == os.EX_CONFIG
    assert "does not exist" in gone.stderr
    assert counters(url)["requests"] == 0


def test_offline_it_is_free(tmp_path):
    """No question, no key, no price."""
    home = Home(tmp_path, NO_URL)
    home.drop(*THREE)
    home.write_config(backend="offline")
    done = home.run("try", "2")
    assert "which costs nothing" in done.stderr
    assert "2 captioned, 0 failed: 0.00 USD" in done.stdout


def test_by_a_link_a_folder_costs_what_it_costs(tmp_path):
    """Its own prompt is asked by whatever way it is reached, and is in the most that is told."""
    home = Home(tmp_path, NO_URL)
    home.drop("rocket.jpg")
    config = home.path / "config.toml"
    config.write_text(config.read_text() + f'prompt = "{"word " * 3000}"\n')
    (tmp_path / "link").symlink_to(home.photos)
    settings = load(config, environ={"HOME": str(tmp_path)})
    straight, linked = (draw(settings, [path], 1, 0) for path in (home.photos, tmp_path / "link"))
    assert (linked.about_usd, linked.most_usd) == (straight.about_usd, straight.most_usd)


def test_chance_is_fair_and_a_seed_repeats_it(tmp_path):
    """Each photo is drawn as often as any other, wherever it lies."""
    home = Home(tmp_path, NO_URL)
    for name in (f"{folder}{number}.jpg" for folder in ("", "a/", "a/b/") for number in range(4)):
        (home.photos / name).parent.mkdir(parents=True, exist_ok=True)
        (home.photos / name).write_bytes(b"photo")
    settings = load(home.path / "config.toml", environ={"HOME": str(tmp_path)})
    drawn = Counter[str]()
    for seed in range(600):
        drawn.update(photo.path for photo in draw(settings, [], 3, seed).photos)
    assert len(drawn) == 12
    assert all(110 < times < 190 for times in drawn.values())
    assert draw(settings, [], 3, 7) == draw(settings, [], 3, 7)
    assert len(draw(settings, [home.photos / "a"], 100, 1).photos) == 8


def test_no_photo_tells_more_of_itself_than_the_most_that_is_told():
    """A bound on the cost holds for the longest names, places and keywords a file may bear."""
    worst = "\U0001f4f7\u00e9x" * 200
    prompt = " ".join(f"{{{name}}}" for name in VARIABLES) * 3
    facts = Facts(
        digest="d",
        format="jpeg",
        width=1,
        height=1,
        taken_at="2026-06-21T12:00:00",
        camera=worst,
        place=worst,
    )
    tags = Tags(
        tuple(f"{number}{worst}" for number in range(99)),
        tuple(f'{number}"{worst}' for number in range(99)),
    )
    photo = Photo(f"/{worst}", "/".join([f"\\{worst}"] * 20))
    for level in (FULL, PRIVATE, ""):
        recipe = Recipe(origin="gemini", model="m", language="en", prompt=prompt, context=level)
        most, asked = (
            sum(len(text.encode()) for text in compose(recipe, context))
            for context in (fullest(level), gather(level, photo, facts, tags))
        )
        assert asked <= most
