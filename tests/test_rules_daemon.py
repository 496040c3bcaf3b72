"""The real daemon and the rules of folders: from a file's edit to what is sent and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from daemon_helpers import Home, counters, gemini, wait_until
from rules_helpers import write_rules


@pytest.fixture(scope="module")
def server():
    with gemini() as url:
        yield url


def asked(server: str) -> int:
    return counters(server)["answered"]


def sent(home: Home, name: str) -> str:
    """Return every text that was sent about a photo."""
    return "\n".join(
        json.loads(home.run("sent", str(home.photos / name), "--json").stdout)["texts"]
    )


def logged(home: Home, event: str) -> list[dict]:
    lines = (json.loads(line) for line in home.log.read_text().splitlines() if line[:1] == "{")
    return [line for line in lines if line["event"] == event]


def test_each_folder_is_captioned_by_its_rules_from_the_next_photo_on(tmp_path: Path, server):
    """An edit needs no reload; what is private below a folder that is not stays private."""
    home = Home(tmp_path, server, sidecars=("txt",))
    write_rules(home.photos / "boats", 'prompt = "Name the rigging."\nsidecars = ["json"]')
    write_rules(home.photos / "boats" / "ours", "private = true")
    with home.daemon():
        home.drop("rocket.jpg")
        (home.photos / "boats" / "a.jpg").write_bytes((home.photos / "rocket.jpg").read_bytes())
        home.drop("gps.jpg")
        (home.photos / "gps.jpg").rename(home.photos / "boats" / "ours" / "gps.jpg")
        home.drop("coffee.webp")
        (home.photos / "coffee.webp").rename(home.photos / "boats" / "coffee.webp")
        names = ("rocket.jpg", "boats/a.jpg", "boats/coffee.webp", "boats/ours/gps.jpg")
        home.wait_for(dict.fromkeys(names, "captioned"))
        write_rules(home.photos / "boats", 'prompt = "Name the sails."')
        home.drop("flower.jpg")
        (home.photos / "flower.jpg").rename(home.photos / "boats" / "flower.jpg")
        home.wait_for(dict.fromkeys((*names, "boats/flower.jpg"), "captioned"))
    assert "Name the rigging." in sent(home, "boats/coffee.webp")
    assert "Name the sails." in sent(home, "boats/flower.jpg")
    private = sent(home, "boats/ours/gps.jpg")
    assert "Name the rigging." in private
    assert '"taken"' in private
    assert '"place"' not in private  # which the photo has
    assert '"folders"' not in private
    beside = {str(one.relative_to(home.photos)) for one in home.photos.rglob("*.*.*")}
    assert {"rocket.jpg.txt", "boats/coffee.webp.caption.json", "boats/flower.jpg.txt"} <= beside
    assert not beside & {"boats/coffee.webp.txt", "boats/flower.jpg.caption.json"}


def test_a_broken_file_holds_its_folder_until_it_is_mended(tmp_path: Path, server):
    """No request, no sidecar, no attempt; elsewhere all goes on, and mended it goes on at once."""
    home = Home(tmp_path, server, sidecars=("txt",))
    file = write_rules(home.photos / "a", 'langage = "de"\nprivate = 3')
    reason = f"{file}: langage: no such key; did you mean language? (and 1 more)"
    before = asked(server)
    with home.daemon():
        home.drop("rocket.jpg", "gray16.png")
        (home.photos / "a" / "b").mkdir()
        (home.photos / "gray16.png").rename(home.photos / "a" / "b" / "gray16.png")
        home.wait_for({"rocket.jpg": "captioned", "a/b/gray16.png": "queued"})
        query = "select reason, attempts from photos where name = 'gray16.png'"
        wait_until(lambda: home.rows(query) == [(reason, 0)])
        assert asked(server) == before + 1
        assert sorted(one.name for one in (home.photos / "a").rglob("*.*")) == [
            ".captiond.toml",
            "gray16.png",
        ]
        assert [line["path"] for line in logged(home, "rules.broken")] == [str(file)]
        assert f"queued\t{reason}" in home.run("failed").stdout
        assert f"{reason} (1 photo)" in home.run("status").stdout
        doctor = home.run("doctor", "--offline", check=False)
        assert reason in doctor.stdout
        assert doctor.returncode == 1
        write_rules(home.photos / "a", 'language = "d"')
        wait_until(lambda: len(logged(home, "rules.broken")) == 2)
        write_rules(home.photos / "a", 'prompt = "Grey, in German."')
        home.wait_for({"rocket.jpg": "captioned", "a/b/gray16.png": "captioned"}, seconds=20)
    assert "Grey, in German." in sent(home, "a/b/gray16.png")
    assert asked(server) == before + 2
    assert [line["path"] for line in logged(home, "rules.mended")] == [str(file)]


def test_what_is_ignored_is_left_alone_and_found_when_it_is_not_any_more(tmp_path: Path, server):
    """By events, without a wait for the hourly scan; what was captioned before keeps its row."""
    home = Home(tmp_path, server, sidecars=())
    write_rules(home.photos / "a", 'ignore = ["*.png", "drafts"]')
    with home.daemon():
        for name, at in {
            "rocket.jpg": "a/rocket.jpg",
            "gray16.png": "a/gray16.png",
            "small.bmp": "a/drafts/small.bmp",
        }.items():
            home.drop(name)
            (home.photos / at).parent.mkdir(parents=True, exist_ok=True)
            (home.photos / name).rename(home.photos / at)
        home.wait_for({"a/rocket.jpg": "captioned"})
        write_rules(home.photos / "a", "ignore = true")
        home.drop("coffee.webp")
        (home.photos / "coffee.webp").rename(home.photos / "a" / "coffee.webp")
        home.drop("cat.png")
        home.wait_for({"a/rocket.jpg": "captioned", "cat.png": "captioned"})
        write_rules(home.photos / "a", 'ignore = ["*.png"]')
        there = ("a/rocket.jpg", "cat.png", "a/coffee.webp", "a/drafts/small.bmp")
        home.wait_for(dict.fromkeys(there, "captioned"))
        (home.photos / "a" / ".captiond.toml").unlink()
        home.wait_for(dict.fromkeys((*there, "a/gray16.png"), "captioned"))


def test_what_was_mended_or_closed_while_captiond_was_down_is_noticed_by_the_scan(
    tmp_path: Path, server
):
    """No photo waits for its hour; none is paid for in a folder that was closed meanwhile."""
    home = Home(tmp_path, server, sidecars=())
    before, query = asked(server), "select reason from photos where folder = 'closed'"
    for folder, name in {"mended": "rocket.jpg", "closed": "gray16.png"}.items():
        write_rules(home.photos / folder, "nonsense")
        home.drop(name)
        (home.photos / name).rename(home.photos / folder / name)
    home.run("scan", check=False)
    assert set(home.states().values()) == {"queued"}
    (home.photos / "mended" / ".captiond.toml").unlink()
    write_rules(home.photos / "closed", "ignore = true")
    home.run("scan", check=False)
    assert home.states() == {"mended/rocket.jpg": "captioned", "closed/gray16.png": "missing"}
    assert home.rows(query)[0][0].startswith("left alone: ")
    assert asked(server) == before + 1
    write_rules(home.photos / "closed", "")
    home.run("scan")
    assert set(home.states().values()) == {"captioned"}


def test_every_verb_goes_by_the_rules(tmp_path: Path, server):
    """caption, plan, recaption, revert and config show: by the folder of each photo."""
    home = Home(tmp_path, server, sidecars=("txt",))
    home.drop("rocket.jpg", "small.bmp", "gray16.png")
    for name in ("small.bmp", "gray16.png"):
        (home.photos / name[0]).mkdir()
        (home.photos / name).rename(home.photos / name[0] / name)
    home.run("scan", check=False)
    write_rules(home.photos / "s", 'prompt = "Pixels."\nsidecars = ["json"]\nignore = ["x"]')
    shown = json.loads(home.run("config", "show", str(home.photos / "s"), "--json").stdout)
    assert shown["files"] == [f"{home.photos}/s/.captiond.toml"]
    assert (shown["prompt"], shown["sidecars"], shown["ignore"]) == ("Pixels.", ["json"], ["x"])
    assert "# from" not in home.run("config", "show", str(home.photos)).stdout
    outlook = json.loads(home.run("recaption", "--stale", "--dry-run", "--json").stdout)
    assert outlook["photos"] == 1
    write_rules(home.photos / "g", "nonsense")
    broken = home.run("caption", str(home.photos / "g" / "gray16.png"), check=False)
    assert f"{home.photos}/g/.captiond.toml: " in broken.stderr
    home.drop("coffee.webp", "cat.png")
    (home.photos / "coffee.webp").rename(home.photos / "s" / "coffee.webp")
    (home.photos / "cat.png").rename(home.photos / "g" / "cat.png")
    told = json.loads(home.run("plan", "--json").stdout)
    assert told["to_caption"] == 1
    assert f"{home.photos}/g/.captiond.toml: " in json.dumps(told)
    home.run("recaption", "--stale")
    (home.photos / "g" / ".captiond.toml").unlink()
    home.run("scan", check=False)
    assert "Pixels." in sent(home, "s/small.bmp")
    home.run("revert", str(home.photos / "s" / "small.bmp"))
    assert (home.photos / "s" / "small.bmp.caption.json").exists()
