"""`captiond recaption`, `revert` and `show --history`, where no daemon runs."""

from __future__ import annotations

import re
import subprocess

import pytest
from cli_helpers import CAPTIONS, House

MODEL = "gemini-3.5-flash-lite"


@pytest.fixture
def house(tmp_path):
    with subprocess.Popen(["true"]) as gone:
        pass
    house = House(tmp_path / "house")
    house.fill(pid=gone.pid)
    house.config.write_text(
        house.config.read_text().replace('"offline"', '"gemini"') + f'[gemini]\nmodel = "{MODEL}"\n'
    )
    return house


def queued(house):
    return house.json("status")["photos"]["queued"]


def test_without_a_filter_it_says_what_to_give(house):
    """A whole library costs money: nobody queues it by accident."""
    code, out, err = house.run("recaption")
    assert (code, out) == (2, "")
    assert "captiond recaption --since 1970" in err
    assert queued(house) == 1


def test_a_dry_run_says_how_many_and_what_it_costs(house):
    """Photos, price and tier; nothing is queued."""
    code, out, err = house.run("recaption", "--stale", "--dry-run")
    assert (code, err) == (0, "")
    assert out.startswith("4 photos: about 0.00")
    assert out.endswith(" USD (standard tier)\n")
    told = house.json("recaption", "--stale", "--dry-run")
    assert (told["photos"], told["contents"], told["queued"]) == (4, 4, 0)
    assert 0 < told["usd"] < 0.02
    assert queued(house) == 1


def test_the_price_is_that_of_the_backlog(house):
    """By batch half of it."""
    full = house.json("recaption", "--stale", "--dry-run")["usd"]
    house.config.write_text(house.config.read_text() + 'backlog = "batch"\n')
    told = house.json("recaption", "--stale", "--dry-run")
    assert told["tier"] == "batch"
    assert told["usd"] == pytest.approx(full / 2)


def test_an_unknown_price_is_said_to_be_unknown(house):
    """Nobody is told a guess."""
    house.config.write_text(house.config.read_text().replace(MODEL, "gemini-99-marvel"))
    _, out, _ = house.run("recaption", "--stale", "--dry-run")
    assert out == "4 photos: an unknown price (standard tier)\n"
    assert house.json("recaption", "--stale", "--dry-run")["usd"] is None


def test_it_queues_and_says_when_no_daemon_runs(house):
    """The photos wait, found by their old captions all the time."""
    code, out, err = house.run("recaption", house.photos / "boats")
    assert code == 0
    assert out.endswith("2 photos queued to be captioned anew\n")
    assert err == "no daemon runs; captiond run, or captiond scan, takes them up\n"
    assert queued(house) == 3
    assert len(house.json("search", "boat")) == 3
    shown = house.json("show", house.photos / "boats/red.jpg")
    assert (shown["state"], shown["reason"]) == ("queued", None)
    assert shown["caption"] == CAPTIONS["boats/red.jpg"].caption


def test_what_shows_no_caption_is_told(house):
    """A failed photo is for `retry`."""
    code, out, err = house.run("recaption", house.photos / "bad/empty.jpg")
    assert (code, out) == (0, "0 photos\n")
    assert "captiond retry" in err


def test_a_folder_above_the_roots_means_them(house):
    """Whoever names /srv means what is watched in it."""
    assert house.json("recaption", house.path, "--dry-run")["photos"] == 4
    code, _, err = house.run("recaption", "/elsewhere")
    assert code == 2
    assert "/elsewhere lies in no watched folder" in err


def test_the_offline_captioner_replaces_nothing_of_geminis(house):
    """With that backend only its own captions can be ordered anew."""
    house.config.write_text(house.config.read_text().replace('"gemini"', '"offline"', 1))
    for arguments in (["--stale"], ["--origin", "gemini"], [house.photos]):
        code, _, err = house.run("recaption", *arguments)
        assert code == 2
        assert "captioner.backend is offline" in err
    assert house.json("recaption", "--origin", "offline") == {
        "photos": 0,
        "contents": 0,
        "tier": "standard",
        "usd": 0,
        "queued": 0,
    }


def test_history_is_listed(house):
    """In a pipe a line a caption, with a star for the one shown; JSON in full."""
    file = house.photos / "boats/red.jpg"
    _, out, _ = house.run("show", "--history", file)
    (line,) = out.splitlines()
    star, number, _, model, _, language, origin, _, usd, words = line.split("\t")
    assert (star, number, model, language, origin) == ("*", "1", "m-1", "en", "gemini")
    assert (usd, words) == ("0.001000", "A red boat in the harbour")
    shown = re.sub("\x1b\\[[0-9;]*m", "", house.on_terminal("show", "--history", file, columns=24))
    assert re.search(r"^\*  1  .*  m-1  .* USD", shown)
    assert "\n  A red boat in the" in shown.replace("\r", "")
    (past,) = house.json("show", "--history", file)
    assert (past["number"], past["shown"], past["reverts"]) == (1, True, None)
    assert (past["title"], past["keywords"]) == ("Red boat", ["boat", "red"])
    code, out, err = house.run("show", "--history", house.photos / "bad/empty.jpg")
    assert (code, out, err) == (0, "", "it has had no caption yet\n")


@pytest.mark.parametrize("name", ["boats/red.jpg", "x.jpg"])
def test_a_file_that_is_not_there_is_not_reverted(house, name):
    """A sentence, exit code 1."""
    code, out, err = house.run("revert", house.photos / name)
    assert (code, out) == (1, "")
    assert err == f"captiond: {house.photos / name}: the file is not there\n"


def test_a_file_that_the_index_does_not_know_is_not_reverted(house):
    """A sentence, exit code 1; outside of all folders it is wrong usage."""
    file = house.photos / "new.jpg"
    file.write_bytes(b"new")
    code, _, err = house.run("revert", file)
    assert (code, err) == (1, f"captiond: {file}: it is not in the index\n")
    assert house.run("revert", "/elsewhere.jpg")[0] == 2
