"""The main job, by the real program on real photos."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path

import pytest
from daemon_helpers import KEY, PHOTOS, Home, counters, gemini, wait_until
from lxml import etree

BAD = {
    "bad/html.png": "skipped",
    "bad/truncated.jpg": "failed",
    "bad/zero.jpg": "skipped",
}
NO_PHOTOS = {".mov", ".xmp"}


def collection() -> dict[str, str]:
    """Return every photo of the test collection with the state it should end in."""
    names = (
        path.relative_to(PHOTOS).as_posix()
        for path in PHOTOS.rglob("*")
        if path.is_file() and path.name != "LICENSES" and path.suffix.lower() not in NO_PHOTOS
    )
    return {name: BAD.get(name, "captioned") for name in names}


def assert_whole(sidecar: Path) -> None:
    """A sidecar is complete: it parses, or ends in a newline."""
    content = sidecar.read_bytes()
    if sidecar.suffix == ".json":
        json.loads(content)
    elif sidecar.suffix == ".xmp":
        etree.fromstring(content)
    else:
        assert content.endswith(b"\n")


def test_every_photo_is_captioned_exactly_once_across_a_kill(tmp_path: Path) -> None:
    """The daemon is killed in the middle and started again: nothing lost, torn or paid twice."""
    expected = collection()
    with gemini("--answer", "offline", "--latency", "0.2") as url:
        home = Home(tmp_path, url)
        with home.daemon() as daemon:
            home.drop(*expected, "sidecars/human.jpg.xmp", "sidecars/A.jpg.xmp")
            wait_until(lambda: counters(url)["requests"] >= 6)
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        asked_before = counters(url)["requests"]
        with home.daemon():
            home.wait_for(expected)
        asked = counters(url)["requests"]

    digests = {
        hashlib.sha256((PHOTOS / name).read_bytes()).hexdigest()
        for name, state in expected.items()
        if state == "captioned"
    }
    captions = home.rows("select digest, count(*) from captions group by digest")
    assert dict(captions) == dict.fromkeys(digests, 1)
    ((paid,),) = home.rows("select count(*) from captions where request is not null")
    assert paid <= asked <= paid + home.concurrency, (asked_before, asked)
    free = "select count(*) from captions where origin = 'human' or taken_from is not null"
    assert home.rows(free) == [(len(digests) - paid,)]
    assert home.rows("pragma integrity_check") == [("ok",)]
    for sidecar in home.photos.rglob("*.*"):
        assert not sidecar.name.startswith(".captiond-"), "a stray temporary file"
        if sidecar.suffix in {".xmp", ".txt", ".json"}:
            assert_whole(sidecar)
    written = list(home.photos.rglob("*.txt"))
    assert len(written) == list(expected.values()).count("captioned")
    assert KEY not in home.log.read_text()


def test_what_another_program_wrote_stays_as_it_is(tmp_path: Path) -> None:
    """A person's caption is left alone byte by byte; captiond's go beside what stood in another."""
    names = ("sidecars/human.jpg", "sidecars/A.jpg")
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        home.drop(*names, *(f"{name}.xmp" for name in names))
        with home.daemon():
            home.wait_for(dict.fromkeys(names, "captioned"))
    theirs, merged = ((home.photos / f"{name}.xmp").read_bytes() for name in names)
    assert theirs == (PHOTOS / f"{names[0]}.xmp").read_bytes()
    assert set((PHOTOS / f"{names[1]}.xmp").read_text().split()) <= set(merged.decode().split())
    assert all((home.photos / f"{name}.txt").exists() for name in names)
    origins = home.rows("select name, origin from library order by name")
    assert origins == [("A.jpg", "gemini"), ("human.jpg", "human")]


def test_a_copy_is_never_asked_about_again(tmp_path: Path) -> None:
    """The same content under another name, in another folder, after a restart: free."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        home.drop("rocket.jpg")
        with home.daemon():
            home.wait_for({"rocket.jpg": "captioned"})
            (home.photos / "sub").mkdir()
            (home.photos / "sub" / "copy.jpg").write_bytes((PHOTOS / "rocket.jpg").read_bytes())
            home.wait_for({"rocket.jpg": "captioned", "sub/copy.jpg": "captioned"})
        (home.photos / "rocket.jpg").rename(home.photos / "moved.jpg")
        with home.daemon():
            home.wait_for(
                {"rocket.jpg": "missing", "moved.jpg": "captioned", "sub/copy.jpg": "captioned"}
            )
        assert counters(url)["requests"] == 1
    assert (home.photos / "moved.jpg.txt").read_text() == (
        home.photos / "sub" / "copy.jpg.txt"
    ).read_text()


def test_copies_that_arrive_together_are_paid_for_once(tmp_path: Path) -> None:
    """Ten files of one content, all at the same moment: one request."""
    names = [f"copy{n}.jpg" for n in range(10)]
    with gemini("--answer", "fixed", "--latency", "0.3") as url:
        home = Home(tmp_path, url, concurrency=10)
        with home.daemon():
            for name in names:
                (home.photos / name).write_bytes((PHOTOS / "rocket.jpg").read_bytes())
            home.wait_for(dict.fromkeys(names, "captioned"))
        assert counters(url)["requests"] == 1


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_the_photos_in_flight(tmp_path: Path, order: signal.Signals) -> None:
    """What was asked for when the signal came is captioned when the daemon has ended."""
    with gemini("--answer", "fixed", "--latency", "1.0") as url:
        home = Home(tmp_path, url, concurrency=2)
        with home.daemon() as daemon:
            home.drop("coffee.webp")
            home.wait_for({"coffee.webp": "captioned"})
            home.drop("rocket.jpg", "hopper.jpg", "china.jpg", "flower.jpg")
            wait_until(lambda: counters(url)["requests"] == 3)
            daemon.send_signal(order)
            assert daemon.wait(timeout=30) == 0
        assert counters(url)["requests"] == 3
    assert sorted(home.states().values()) == ["captioned"] * 3 + ["queued"] * 2
    assert home.rows("select count(*) from requests where state = 'inflight'") == [(0,)]


def test_a_wrong_key_stops_the_asking_until_the_configuration_changes(tmp_path: Path) -> None:
    """One clear message, no attempt burnt; after SIGHUP with a better key all goes on."""
    with gemini("--answer", "fixed", "--api-key", "the-right-key") as url:
        home = Home(tmp_path, url)
        (tmp_path / "good-key").write_text("the-right-key")
        with home.daemon() as daemon:
            home.drop("rocket.jpg", "hopper.jpg")
            wait_until(lambda: "captioner.stopped" in home.log.read_text())
            status = home.run("status").stdout
            assert "key" in status
            home.write_config(api_key_file="good-key")
            daemon.send_signal(signal.SIGHUP)
            home.wait_for({"rocket.jpg": "captioned", "hopper.jpg": "captioned"})
    assert home.log.read_text().count('"captioner.stopped"') == 1
    assert "the-right-key" not in home.log.read_text()


def test_a_wrong_configuration_at_reload_is_told_and_the_old_one_kept(tmp_path: Path) -> None:
    """A typing error never takes a running daemon down."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        with home.daemon() as daemon:
            (tmp_path / "config.toml").write_text("[gemini]\nmodle = 'x'\n")
            daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: "config.rejected" in home.log.read_text())
            home.drop("rocket.jpg")
            home.wait_for({"rocket.jpg": "captioned"})
    assert "did you mean model" in home.log.read_text()


def test_scan_captions_what_is_there_and_ends(tmp_path: Path) -> None:
    """One pass without a daemon; its exit code tells whether something was set aside."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        home.drop("rocket.jpg", "hopper.jpg")
        assert home.run("scan").returncode == 0
        assert home.states() == {"rocket.jpg": "captioned", "hopper.jpg": "captioned"}
        home.drop("bad/truncated.jpg")
        ended = home.run("scan", "--json", check=False)
        assert ended.returncode == 1
        told = {"captioned": 0, "set_aside": 1, "waiting": 0, "in_jobs": 0}
        assert json.loads(ended.stdout) == told
        (home.photos / "bad" / "truncated.jpg").unlink()
        (home.photos / "hopper.jpg").unlink()
        (home.photos / "rocket.jpg").rename(home.photos / "moved.jpg")
        assert home.run("scan").stdout == "1 captioned, 0 set aside, 0 waiting\n"


def test_caption_prints_and_asks_once(tmp_path: Path) -> None:
    """Single files, to stdout, beside a running daemon or without; a second time is free."""
    photo = PHOTOS / "rocket.jpg"
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        first = home.run("caption", str(photo))
        again = home.run("caption", "--json", str(photo))
        home.drop("rocket.jpg")
        with home.daemon():
            home.wait_for({"rocket.jpg": "captioned"})
        assert counters(url)["requests"] == 1
        wrong = home.run("caption", str(PHOTOS / "bad/zero.jpg"), str(photo), check=False)
    (told,) = json.loads(again.stdout)
    assert first.stdout.strip() == told["caption"]
    assert home.rows("select cost_usd > 0 from library") == [(1,)]
    assert wrong.returncode == 1
    assert "zero.jpg" in wrong.stderr
    assert wrong.stdout == f"{photo}\t{told['caption']}\n"


def test_copies_among_the_files_to_caption_are_paid_for_once(tmp_path: Path) -> None:
    """Each is told its caption, in the order of the files, after one request."""
    photo = PHOTOS / "rocket.jpg"
    copies = [tmp_path / f"{number}.jpg" for number in range(20)]
    for copy in copies:
        copy.write_bytes(photo.read_bytes())
    with gemini("--answer", "fixed", "--latency", "0.2") as url:
        told = Home(tmp_path, url).run("caption", *map(str, copies)).stdout
        assert counters(url)["requests"] == 1
    assert [line.split("\t")[0] for line in told.splitlines()] == [str(copy) for copy in copies]
