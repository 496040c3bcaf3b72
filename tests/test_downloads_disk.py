"""Where photos from the web are written: full disks, strangers' files, what a crash left."""

from __future__ import annotations

import os
import time

import pytest
from disk_helpers import full, small_disk
from structlog.testing import capture_logs
from web_helpers import Harbour, photo, web

from captiond.disk import files, partials
from captiond.downloads.runner import DISK_PAUSE_SECONDS
from captiond.index.downloads_base import Stage

KEY = "0123456789abcdef"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")


@pytest.fixture
def server():
    with web() as server:
        yield server


@as_root
async def test_a_full_disk_is_waited_for_and_told_once(server, tmp_path):
    """No address fails over it, no attempt is counted, and all come when there is room."""
    with small_disk(tmp_path / "in", kilobytes=512) as root, capture_logs() as logs:
        harbour = Harbour(root)
        with full(root):
            urls = [server.put(f"/{at}.jpg", photo(at, kilobytes=64)) for at in range(4)]
            rows = await harbour.fetch(*urls)
            assert {(row.state, row.attempts) for row in rows} == {(Stage.QUEUED, 0)}
            assert all("No space left on device" in row.reason for row in rows)
        await harbour.finish(ahead=DISK_PAUSE_SECONDS + 1)
        assert len(harbour.names()) == 4
        assert sum(one["event"] == "downloads.paused" for one in logs) == 1


async def test_a_folder_that_is_gone_is_waited_for(server, tmp_path):
    """It may be a disk that is not there now."""
    harbour = Harbour(tmp_path / "in")
    (row,) = await harbour.fetch(server.put("/a.jpg", photo()))
    assert (row.state, row.attempts) == (Stage.QUEUED, 0)
    assert "No such file or directory" in row.reason
    harbour.root.mkdir()
    await harbour.finish(ahead=DISK_PAUSE_SECONDS + 1)
    assert harbour.names() == ["a.jpg"]


async def test_a_folder_that_is_gone_holds_up_no_other(server, tmp_path):
    """However many addresses wait for it: they are the oldest each time."""
    (tmp_path / "in").mkdir()
    harbour = Harbour(tmp_path / "in")
    gone = [server.put(f"/{at}.jpg", photo(at)) for at in range(8)]
    await harbour.add(*gone, folder="gone")
    (row,) = await harbour.fetch(server.put("/here.jpg", photo()))
    assert row.state is Stage.DONE


async def test_a_folder_that_is_a_link_is_not_followed(server, tmp_path):
    """What a stranger swaps in leads nowhere."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "trip").symlink_to(tmp_path / "out")
    harbour = Harbour(tmp_path / "in")
    ids = await harbour.add(server.put("/a.jpg", photo()), folder="trip")
    await harbour.finish()
    (row,) = await harbour.store.rows(ids)
    assert "links are not followed" in row.reason
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("planted", ["link", "hard link", "pipe"])
def test_a_strangers_file_under_the_hidden_name_gives_way(tmp_path, planted):
    """Neither written through nor waited at: what it leads to stays as it is."""
    victim, trap = tmp_path / "victim", tmp_path / partials.name_of(KEY)
    victim.write_bytes(b"precious")
    if planted == "pipe":
        os.mkfifo(trap)
    else:
        trap.symlink_to(victim) if planted == "link" else trap.hardlink_to(victim)
    with partials.Partial(str(tmp_path), "", KEY) as partial:
        assert partial.size == 0
        partial.append(b"mine")
        assert partial.place(["a.jpg"])[0] == "a.jpg"
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "a.jpg").read_bytes() == b"mine"
    assert not trap.exists()


def test_a_crash_between_the_place_and_the_index_leaves_no_second_copy(tmp_path):
    """The name that holds these bytes is found again."""
    (tmp_path / "a.jpg").write_bytes(b"photo")
    (tmp_path / partials.name_of(KEY)).hardlink_to(tmp_path / "a.jpg")
    with partials.Partial(str(tmp_path), "", KEY) as partial:
        partial.append(b"photo")
        assert partial.place(["a.jpg", "b.jpg"])[0] == "a.jpg"
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_what_came_of_a_download_is_swept_after_a_week(tmp_path):
    """Before that its rest may still be fetched."""
    for name, age in ((partials.name_of(KEY), files.PARTIAL_SECONDS + 60), ("f" * 16, 60)):
        path = tmp_path / (name if name.startswith(".") else partials.name_of(name))
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    assert files.sweep_beneath(str(tmp_path), "") == 1
    assert [path.name for path in tmp_path.iterdir()] == [partials.name_of("f" * 16)]


def test_without_hard_links_a_name_is_held_by_an_empty_file_first(tmp_path):
    """As on FAT; one that is taken stays."""
    (tmp_path / "a.jpg").write_bytes(b"old")
    with partials.Partial(str(tmp_path), "", KEY) as partial:
        partial.append(b"photo")
        assert not partial._take_by_rename("a.jpg", "")
        assert partial._take_by_rename("b.jpg", "")
    held = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert held == {"a.jpg": b"old", "b.jpg": b"photo"}
