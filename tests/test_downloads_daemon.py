"""Photos from the web with the real program: `add`, link files, restarts."""

from __future__ import annotations

import json
import plistlib
import threading

import pytest
from daemon_helpers import PHOTOS, Home, gemini, wait_until
from rules_helpers import write_rules
from web_helpers import photo, web

HARBOUR = (PHOTOS / "china.jpg").read_bytes()
FLOWER = (PHOTOS / "flower.jpg").read_bytes()
ALLOW = '[downloads]\nallow_private = ["127.0.0.1"]\n'


@pytest.fixture(scope="module")
def gemini_url():
    with gemini() as url:
        yield url


@pytest.fixture
def home(tmp_path, gemini_url):
    return Home(tmp_path, gemini_url, extra=ALLOW)


@pytest.fixture
def server():
    with web() as server:
        yield server


def added(home: Home, *arguments: str, code: int = 0) -> list[dict]:
    done = home.run("add", *arguments, "--to", str(home.photos), "--json", check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_add_fetches_at_once_where_no_daemon_runs(home, server):
    """It prints what became of each; nothing is asked of Gemini; `scan` captions what came."""
    urls = [server.put("/a/boat.jpg", HARBOUR), server.put("/gone.jpg", status=404)]
    told = added(home, *urls, "ftp://x/a.jpg", code=1)
    assert [one["state"] for one in told] == ["done", "failed", "failed"]
    assert told[0] == {
        "url": urls[0],
        "state": "done",
        "path": str(home.photos / "boat.jpg"),
        "reason": None,
    }
    assert told[1]["reason"] == "the server says 404 Not Found"
    assert (home.photos / "boat.jpg").read_bytes() == HARBOUR
    assert home.rows("select count(*) from requests") == [(0,)]
    failed = json.loads(home.run("failed", "--json").stdout)
    assert [(one["state"], one["path"]) for one in failed] == [("failed", urls[1])]
    assert json.loads(home.run("status", "--json").stdout)["downloads"]["failed"] == 1
    home.run("scan")
    assert home.states() == {"boat.jpg": "captioned"}
    assert home.rows("select url from sources") == [(urls[0],)]


def test_add_again_fetches_only_what_failed_or_is_gone(home, server):
    """A photo that is there is not asked for again."""
    urls = [server.put("/1.jpg", HARBOUR), server.put("/2.jpg", FLOWER), server.url("/3.jpg")]
    added(home, *urls, code=1)
    server.put("/3.jpg", photo())
    (home.photos / "1.jpg").unlink()
    assert [one["state"] for one in added(home, *urls)] == ["done"] * 3
    assert [len(server.asked(f"/{at}.jpg")) for at in (1, 2, 3)] == [2, 1, 2]
    assert (home.photos / "1.jpg").read_bytes() == HARBOUR


def test_add_takes_addresses_from_files(home, server, tmp_path):
    """Lists and link files; a pipe has a line each."""
    (tmp_path / "list").write_text(f"# two\n{server.put('/1.jpg', HARBOUR)}\n")
    (tmp_path / "x.webloc").write_bytes(plistlib.dumps({"URL": server.put("/2.jpg", FLOWER)}))
    lists = ("--from", str(tmp_path / "list"), "--from", str(tmp_path / "x.webloc"))
    done = home.run("add", *lists, "--to", str(home.photos))
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(state, path) for state, path, _ in lines] == [
        ("done", str(home.photos / "1.jpg")),
        ("done", str(home.photos / "2.jpg")),
    ]
    assert "no daemon runs" in done.stderr


@pytest.mark.parametrize("folder", ["elsewhere", "photos/none", "photos/.hidden"])
def test_add_wants_a_folder_that_is_watched(home, folder):
    """Else nobody would caption what comes: wrong usage."""
    (home.path / "elsewhere").mkdir()
    (home.photos / ".hidden").mkdir()
    done = home.run("add", "https://a.example/", "--to", str(home.path / folder), check=False)
    assert done.returncode == 2
    assert str(home.path / folder) in done.stderr
    assert not home.index.exists()


def test_with_a_daemon_photos_are_fetched_and_captioned_in_one_go(home, server):
    """`add` waits until the daemon has fetched them; the daemon captions them as they arrive."""
    url = server.put("/boat.jpg", HARBOUR, statuses=[(503, {"Retry-After": "1"})])
    with home.daemon():
        (told,) = added(home, url)
        assert told["path"] == str(home.photos / "boat.jpg")
        home.wait_for({"boat.jpg": "captioned"})
    assert len(server.asked("/boat.jpg")) == 2
    document = json.loads((home.photos / "boat.jpg.caption.json").read_text())
    assert document["source"] == url


def test_link_files_that_are_dropped_are_fetched_beside_them(home, server):
    """All three kinds, by event; they stay as they are, and a changed one adds what is new."""
    home.photos.joinpath("trip").mkdir()
    shortcut = f"[InternetShortcut]\r\nURL={server.put('/1.jpg', HARBOUR)}\r\n"
    webloc = plistlib.dumps({"URL": server.put("/2.jpg", FLOWER)})
    listed = server.put("/3.jpg", (PHOTOS / "rocket.jpg").read_bytes())
    files = {
        "a.url": shortcut.encode("utf-16"),
        "trip/b.webloc": webloc,
        "trip/c.urls.txt": f"{listed}\nnonsense\n".encode(),
    }
    with home.daemon():
        for name, content in files.items():
            (home.photos / name).write_bytes(content)
        names = ["1.jpg", "trip/2.jpg", "trip/3.jpg"]
        home.wait_for(dict.fromkeys(names, "captioned"))
        assert {name: (home.photos / name).read_bytes() for name in files} == files
        more = server.put("/4.jpg", (PHOTOS / "cat.png").read_bytes())
        (home.photos / "trip/c.urls.txt").write_text(f"{listed}\n{more}\n")
        home.wait_for(dict.fromkeys([*names, "trip/4.png"], "captioned"))
    assert len(server.asked("/3.jpg")) == 1
    assert home.rows("select url from downloads where state = 'failed'") == [("nonsense",)]


def test_nothing_is_fetched_into_a_folder_whose_rules_are_broken(home, server):
    """Its link files are taken when they are mended."""
    write_rules(home.photos / "trip", "langage = 3")
    urls = [server.put(f"/{at}.jpg", HARBOUR + bytes(at)) for at in range(2)]
    with home.daemon():
        (home.photos / "trip" / "a.urls.txt").write_text(urls[0])
        (home.photos / "b.urls.txt").write_text(urls[1])
        home.wait_for({"1.jpg": "captioned"})
        assert not server.asked("/0.jpg")
        write_rules(home.photos / "trip", "ignore = true")
        wait_until(lambda: "rules.mended" in home.log.read_text())
        write_rules(home.photos / "trip", "private = true")
        home.wait_for({"1.jpg": "captioned", "trip/0.jpg": "captioned"}, seconds=20)


def test_scan_takes_link_files_and_captions_what_they_bring(home, server):
    """In one pass; a second one asks for nothing."""
    names = {f"{at}.jpg": server.put(f"/{at}.jpg", HARBOUR + bytes(at)) for at in range(3)}
    (home.photos / "x.urls.txt").write_text("\n".join(names.values()))
    home.run("scan")
    assert home.states() == dict.fromkeys(names, "captioned")
    home.run("scan")
    assert len(server.requests) == 3


@pytest.mark.parametrize("kill", [True, False])
def test_a_download_goes_on_after_a_restart(home, server, kill):
    """Whether the daemon was killed or told to stop: only the rest is asked for."""
    gate, body = threading.Event(), photo(kilobytes=4096)
    url = server.put("/a.jpg", body, headers={"ETag": '"v1"'}, ranges=True, gate=gate)
    (home.photos / "x.urls.txt").write_text(url)
    with home.daemon() as process:
        wait_until(lambda: any(file.stat().st_size > 1 << 20 for file in partials(home)))
        if kill:
            process.kill()
            process.wait()
    assert partials(home)
    gate.set()
    with home.daemon():
        wait_until((home.photos / "a.jpg").exists)
    assert (home.photos / "a.jpg").read_bytes() == body
    (_, second) = server.asked("/a.jpg")
    assert int(second["Range"].removeprefix("bytes=").rstrip("-")) > 1 << 20
    assert not partials(home)


def partials(home: Home) -> list:
    return list(home.photos.glob(".captiond-*.part"))
