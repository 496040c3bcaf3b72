"""`captiond sent`: what went out about a photo, as the ledger keeps it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from cli_helpers import House
from daemon_helpers import Home, gemini
from tags_helpers import bag, packet

from captiond.config import load
from captiond.testing.photo_maker import make_jpeg, retouched
from captiond.verbs.onepass import scan

PICTURE = make_jpeg(width=64, height=48)


def told(home: Home, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        home.run("sent", str(home.photos / name), "--json").stdout
    )
    return found


async def pass_over(home: Home) -> None:
    """Caption what is new, in this process: no program has to start."""
    await scan(load(home.path / "config.toml", environ={}), lambda _: None)


def texts_stored(home: Home) -> list[list[str | None]]:
    with sqlite3.connect(home.index) as index:
        rows = index.execute("SELECT sent FROM requests ORDER BY started_at").fetchall()
    index.close()
    return [json.loads(sent)["texts"] for (sent,) in rows]


async def test_the_last_request_is_shown_word_for_word(tmp_path: Path) -> None:
    """Every text as it went out, the image's size, settings, tokens, cost and what came of it."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, sidecars=())
        (home.photos / "Oslo").mkdir()
        (home.photos / "Oslo" / "a.jpg").write_bytes(PICTURE)
        (home.photos / "Oslo" / "a.xmp").write_bytes(packet(bag("dc:subject", "ferry\u202e")))
        await pass_over(home)
        found = told(home, "Oslo/a.jpg")
        shown = home.run("sent", str(home.photos / "Oslo" / "a.jpg")).stdout
    context, prompt = found["texts"]
    assert '{"folders": ["photos", "Oslo"], "keywords": ["ferry' in context
    assert prompt.startswith("Describe this photo")
    assert found["image"]["mime"] == "image/jpeg"
    assert (found["image"]["width"], found["image"]["height"]) == (64, 48)
    assert found["image"]["bytes"] > 100
    assert found["settings"]["model"] == "gemini-3.5-flash-lite"
    assert found["settings"]["context"] == "full"
    assert (found["tier"], found["outcome"]) == ("standard", "answered")
    assert found["input_tokens"] > 0
    assert found["cost_usd"] > 0
    assert prompt in shown
    assert "64 x 48 pixels" in shown


async def test_the_prompt_itself_is_stored_once(tmp_path: Path) -> None:
    """In the ledger a text that is the recipe's prompt takes no room, and is shown all the same."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, sidecars=())
        config = tmp_path / "config.toml"
        quiet = config.read_text().replace("[captioner]", "[captioner]\ncontext = false")
        config.write_text(quiet)
        for number in range(3):
            (home.photos / f"{number}.jpg").write_bytes(retouched(PICTURE, number))
        await pass_over(home)
        assert texts_stored(home) == [[None]] * 3
        (text,) = told(home, "1.jpg")["texts"]
        assert text.startswith("Describe this photo")
        config.write_text(quiet.replace("context = false", 'prompt = "Of {{folder}} {name}."'))
        (home.photos / "new.jpg").write_bytes(retouched(PICTURE, 9))
        await pass_over(home)
        assert told(home, "new.jpg")["texts"][1].startswith('Of {folder} "new.jpg".')


async def test_the_last_of_several_requests_is_shown(tmp_path: Path) -> None:
    """A photo that was asked about twice shows the second question."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, sidecars=())
        config = tmp_path / "config.toml"
        config.write_text(config.read_text().replace("[captioner]", '[captioner]\nlanguage = "de"'))
        (home.photos / "a.jpg").write_bytes(PICTURE)
        await pass_over(home)
        texts = told(home, "a.jpg")["texts"]
    assert texts[-1].endswith("in this language and in no other: de")
    first, second = texts_stored(home)
    assert len(first) + 1 == len(second)


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_photo_never_asked_about_says_so(tmp_path, arguments):
    """Exit code 1, a sentence on stderr and nothing on stdout."""
    house = House(tmp_path / "house")
    house.fill()
    code, out, err = house.run("sent", house.photos / "later.jpg", *arguments)
    assert (code, out) == (1, "")
    assert err == f"captiond: nothing was ever sent about {house.photos}/later.jpg\n"


def test_what_the_offline_captioner_did_was_not_sent(tmp_path):
    """Nothing leaves the machine without a model, and `sent` says so."""
    house = House(tmp_path / "house")
    (house.photos / "x.jpg").write_bytes(PICTURE)
    assert house.run("scan")[0] == 0
    assert house.run("sent", house.photos / "x.jpg")[0] == 1


def test_a_request_of_an_older_captiond_shows_its_prompt(tmp_path):
    """What was not kept then is not known: the recipe's prompt was the only text."""
    house = House(tmp_path / "house")
    house.fill()
    with sqlite3.connect(house.index) as index:
        index.execute("UPDATE requests SET sent = NULL")
    index.close()
    found = house.json("sent", house.photos / "boats/red.jpg")
    assert (found["texts"], found["image"]) == (["p"], None)
    assert found["cost_usd"] == 0.001
    assert "outcome" in house.run("sent", house.photos / "boats/red.jpg")[1]
