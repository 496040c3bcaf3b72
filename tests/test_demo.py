"""`captiond demo`: what a newcomer runs first."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from daemon_helpers import PHOTOS, PROGRAM, clean_environment

from captiond import demo as demo_stage
from captiond.errors import CaptiondError


def demo(*arguments: str) -> tuple[str, Path]:
    """Run the demo to its end; return what it printed, and its folder."""
    ended = subprocess.run(
        [PROGRAM, "demo", *arguments],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
        timeout=120,
    )
    found = re.search(r"Photos and sidecars: (\S+)/photos", ended.stdout)
    assert found is not None
    return ended.stdout, Path(found[1])


def test_it_captions_its_photos_finds_them_and_ends() -> None:
    """Eight photos, sidecars beside each, three searches with hits, no word of Gemini's."""
    told, home = demo()
    try:
        assert "THESE CAPTIONS ARE NOT GEMINI'S" in told
        assert "nothing found" not in told
        photos = [p for p in (home / "photos").iterdir() if p.suffix in {".jpg", ".heic", ".webp"}]
        assert len(photos) == 8
        for photo in photos:
            for suffix in (".txt", ".xmp", ".caption.json"):
                assert photo.with_name(photo.name + suffix).exists()
        with closing(sqlite3.connect(home / "index.db")) as index:
            states = index.execute("select distinct state from library").fetchall()
            assert states == [("captioned",)]
            asked = index.execute("select state, count(*) from requests group by 1").fetchall()
            assert asked == [("answered", 8)]
            models = index.execute("select distinct model from library").fetchall()
            assert models == [("offline",)], "nobody takes these captions for Gemini's"
    finally:
        shutil.rmtree(home)


def test_a_folder_of_ones_own_is_only_read(tmp_path: Path) -> None:
    """The user's photos are copied; nothing is written beside the originals."""
    (tmp_path / "sub").mkdir()
    for name in ("rocket.jpg", "hopper.jpg"):
        shutil.copyfile(PHOTOS / name, tmp_path / "sub" / name)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    told, home = demo(str(tmp_path))
    shutil.rmtree(home)
    assert "rocket.jpg" in told
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_photos_that_cannot_be_captioned_are_told(tmp_path: Path) -> None:
    """A folder of nothing but damaged and empty photos ends the demo in order as well."""
    shutil.copyfile(PHOTOS / "bad/truncated.jpg", tmp_path / "a.jpg")
    (tmp_path / "b.jpg").touch()
    told, home = demo(str(tmp_path))
    shutil.rmtree(home)
    assert "the JPEG is cut off" in told
    assert "empty file" in told
    assert "None of them could be captioned" in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_it_leaves_no_process_behind(number: signal.Signals) -> None:
    """Ctrl-C, a SIGTERM, a closed terminal: daemon and server end with it."""
    with subprocess.Popen(
        [PROGRAM, "demo", "--keep"], stdout=subprocess.PIPE, text=True, env=clean_environment()
    ) as process:
        assert process.stdout is not None
        told = next(line for line in process.stdout if "It watches " in line)
        home = Path(told.split()[2]).parent
        process.send_signal(number)
        process.stdout.read()
        assert process.wait(timeout=60) == 130
    assert "service.drained" in (home / "daemon.log").read_text()
    address = re.search(r"127.0.0.1:(\d+)", (home / "config.toml").read_text())
    assert address is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address[1])))
    shutil.rmtree(home)


def test_a_daemon_that_dies_ends_the_demo_at_once() -> None:
    """The demo says where the log lies instead of waiting a minute for captions."""
    with demo_stage.stage() as on:
        library = demo_stage.await_ready(on)
        on.daemon.kill()
        with library, pytest.raises(CaptiondError, match="ended"):
            list(demo_stage.perform(on, demo_stage.sample_photos(), library))
    shutil.rmtree(on.home)
