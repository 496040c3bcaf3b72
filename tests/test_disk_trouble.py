"""Disks that are full or read-only, and that have room again: the real daemon on small mounts.

Needs root, to mount; skipped elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from daemon_helpers import Home, counters, gemini, wait_until
from disk_helpers import mount, small_disk

from captiond.testing.photo_maker import tiny_jpeg

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="MOUNTS NEED ROOT: NOT TESTED HERE")

PHOTOS = [f"{number}.jpg" for number in range(5)]


def fill(folder: Path) -> Path:
    """Take all room of the folder's file system; return the file that does."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as target:
        while True:
            target.write(bytes(1024))
    return filler


def told(home: Home, event: str) -> int:
    """Return how often the operator was told of something."""
    return home.log.read_text().count(f'"{event}"')


def captions_found(home: Home) -> int:
    """Return how many photos a search finds by their captions."""
    return len(home.run("search", "sofa", "--limit", "100", check=False).stdout.splitlines())


def queued_with_caption(home: Home) -> int:
    """Return how many photos show their caption and wait for their sidecars."""
    ((count,),) = home.rows(
        "select count(*) from library where state = 'queued' and caption <> '' and reason <> ''"
    )
    return int(count)


def assert_everything_is_done(home: Home, url: str, *, recovered: str) -> None:
    """Every photo ends captioned with its sidecars, without another request."""
    home.wait_for(dict.fromkeys(PHOTOS, "captioned"), seconds=30)
    assert counters(url)["requests"] == len(PHOTOS)
    assert all((home.photos / f"{name}.xmp").stat().st_size for name in PHOTOS)
    assert not list(home.photos.glob(".captiond-*"))
    wait_until(lambda: told(home, recovered) == 1)


def test_a_full_disk_beside_the_photos(tmp_path: Path) -> None:
    """Captions are in the index and found, the operator is told once; room brings the sidecars."""
    with small_disk(tmp_path / "photos", kilobytes=64), gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, sidecars=("xmp", "txt"))
        for number, name in enumerate(PHOTOS):
            (home.photos / name).write_bytes(tiny_jpeg(number))
        filler = fill(home.photos)
        with home.daemon():
            wait_until(lambda: queued_with_caption(home) == len(PHOTOS))
            assert captions_found(home) == len(PHOTOS)
            assert told(home, "sidecars.unwritable") == 1
            filler.unlink()
            assert_everything_is_done(home, url, recovered="sidecars.recovered")
        assert told(home, "sidecars.unwritable") == 1


def test_a_folder_that_is_read_only_for_a_while(tmp_path: Path) -> None:
    """The same for a mount that is read-only, and writable again."""
    with small_disk(tmp_path / "photos", kilobytes=256), gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, sidecars=("xmp", "txt"))
        for number, name in enumerate(PHOTOS):
            (home.photos / name).write_bytes(tiny_jpeg(number))
        mount("-o", "remount,ro", home.photos)
        with home.daemon():
            wait_until(lambda: queued_with_caption(home) == len(PHOTOS))
            assert captions_found(home) == len(PHOTOS)
            assert told(home, "sidecars.unwritable") == 1
            assert "Read-only" in home.run("status").stdout + home.log.read_text()
            mount("-o", "remount,rw", home.photos)
            assert_everything_is_done(home, url, recovered="sidecars.recovered")
        assert told(home, "sidecars.unwritable") == 1


def test_a_full_disk_beneath_the_index(tmp_path: Path) -> None:
    """Nothing is paid twice and nothing lost: writes wait for room, and are told once."""
    with small_disk(tmp_path / "state", kilobytes=2048), gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, sidecars=("xmp",))
        with home.daemon() as daemon:
            (home.photos / "first.jpg").write_bytes(tiny_jpeg(99))
            home.wait_for({"first.jpg": "captioned"})
            filler = fill(tmp_path / "state")
            for number, name in enumerate(PHOTOS):
                (home.photos / name).write_bytes(tiny_jpeg(number))
            wait_until(lambda: told(home, "index.write_failed") == 1)
            filler.unlink()
            home.wait_for(dict.fromkeys([*PHOTOS, "first.jpg"], "captioned"), seconds=30)
            assert daemon.poll() is None
        assert counters(url)["requests"] == len(PHOTOS) + 1
        assert told(home, "index.write_failed") == 1
        assert told(home, "index.write_recovered") == 1
        assert home.rows("pragma integrity_check") == [("ok",)]
        assert home.rows("select count(*) from captions") == [(len(PHOTOS) + 1,)]


def test_a_stop_while_the_index_has_no_room(tmp_path: Path) -> None:
    """SIGTERM is obeyed with requests in flight, a second one at once; the next start too."""
    with small_disk(tmp_path / "state", kilobytes=2048), ExitStack() as stack:
        url = stack.enter_context(gemini("--answer", "fixed", "--latency", "1"))
        home = Home(tmp_path, url, sidecars=("xmp",))
        with home.daemon() as daemon:
            for number, name in enumerate(PHOTOS):
                (home.photos / name).write_bytes(tiny_jpeg(number))
            wait_until(lambda: counters(url)["requests"] >= home.concurrency)
            filler = fill(tmp_path / "state")
            wait_until(lambda: told(home, "index.write_failed") == 1)
            daemon.send_signal(signal.SIGTERM)
            wait_until(lambda: told(home, "service.draining") == 1)
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=10)
            assert told(home, "index.writes_lost")
        starting = stack.enter_context(home.start())
        wait_until(lambda: told(home, "index.write_failed") == 2)
        starting.send_signal(signal.SIGTERM)
        assert starting.wait(timeout=10) == 0
        filler.unlink()
        with home.daemon():
            home.wait_for(dict.fromkeys(PHOTOS, "captioned"))
        assert counters(url)["requests"] <= len(PHOTOS) + home.concurrency
