"""What a watched root notices, with real files and real kernel events."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest
from intake_helpers import (
    SETTLE_SECONDS,
    Recorder,
    attending,
    until,
    watched_folder,
    write_photo,
)
from structlog.testing import capture_logs

from captiond.models import Lane, State

WRITER = """
import os, sys
files = [os.open(name, os.O_WRONLY | os.O_CREAT) for name in sys.argv[1:]]
while True:
    for file in files:
        os.pwrite(file, b"x", 0)
"""
"""Says something new of its files again and again, as fast as it can."""


async def test_a_dropped_photo_is_offered_once_it_settled(tmp_path: Path):
    """A photo dropped into a watched folder becomes due, as an arrival."""
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        write_photo(tmp_path / "a.jpg")
        await index.until(lambda: index.paths() == {"a.jpg"})
    sighting = index.offered[0][1]
    assert (sighting.lane, sighting.signature.size, sighting.reason) == (Lane.ARRIVAL, 5, None)


async def test_files_there_before_the_start_are_found(tmp_path: Path):
    """What lay there before the start is found by the scan and goes to the backlog."""
    for number in range(30):
        write_photo(tmp_path / f"{number % 3}" / f"{number}.jpg")
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        await index.until(lambda: len(index.paths()) == 30)
    assert {Lane.BACKLOG} == {sighting.lane for _, sighting in index.offered}


async def test_files_that_came_and_went_while_it_was_down_are_noticed(tmp_path: Path):
    """A second run finds what came, what changed and what went in between."""
    for name in ("kept.jpg", "changed.jpg", "deleted.jpg", "old/one.jpg"):
        write_photo(tmp_path / name)
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        await index.until(lambda: len(index.paths()) == 4)
    index.offered.clear()
    write_photo(tmp_path / "new.jpg")
    write_photo(tmp_path / "changed.jpg", b"another photo")
    (tmp_path / "deleted.jpg").unlink()
    shutil.rmtree(tmp_path / "old")
    async with attending(index, watched_folder(tmp_path)):
        await index.until(lambda: index.paths(State.MISSING) == {"deleted.jpg", "old/one.jpg"})
        await index.until(lambda: "new.jpg" in index.paths())
    assert {"new.jpg", "changed.jpg"} == {sighting.photo.path for _, sighting in index.offered}


async def test_a_file_that_comes_back_unchanged_is_found_again(tmp_path: Path, tmp_path_factory):
    """A file taken away and put back as it was, while captiond is down, is due again."""
    aside = tmp_path_factory.mktemp("aside") / "a.jpg"
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "b.jpg")
    index, folder = Recorder(), watched_folder(tmp_path, scan_interval_seconds=0.05)
    async with attending(index, folder):
        await index.until(lambda: bool(index.digests.get((str(tmp_path), ""))))
        (tmp_path / "a.jpg").rename(aside)
        await index.until(lambda: index.paths(State.MISSING) == {"a.jpg"})
    aside.rename(tmp_path / "a.jpg")
    async with attending(index, folder):
        await index.until(lambda: index.paths() == {"a.jpg", "b.jpg"})


async def test_nested_new_folders_lose_nothing(tmp_path: Path):
    """1000 photos in nested folders made just before them are all found."""
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        for number in range(1000):
            write_photo(tmp_path / f"{number // 100}/{number // 10}/{number}.jpg")
        await index.until(lambda: len(index.paths()) == 1000)


async def test_a_folder_that_is_moved_in_is_walked(tmp_path: Path, tmp_path_factory):
    """A folder with 50 photos, moved in whole, is found whole."""
    outside = tmp_path_factory.mktemp("outside")
    for number in range(50):
        write_photo(outside / "trip" / f"day {number % 5}" / f"{number}.jpg")
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        (outside / "trip").rename(tmp_path / "trip")
        await index.until(lambda: len(index.paths()) == 50)


async def test_a_folder_moved_within_the_root_moves_its_photos(tmp_path: Path):
    """After a folder is renamed its photos are missing under the old name, due under the new."""
    write_photo(tmp_path / "old/deep/a.jpg")
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        await index.until(lambda: index.paths() == {"old/deep/a.jpg"})
        (tmp_path / "old").rename(tmp_path / "new")
        await index.until(lambda: index.paths() == {"new/deep/a.jpg"})
        await index.until(lambda: index.paths(State.MISSING) == {"old/deep/a.jpg"})


async def test_a_rename_into_place_is_seen(tmp_path: Path):
    """A download that is renamed when it is complete is offered under its last name only."""
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        part = write_photo(tmp_path / "a.jpg.part")
        part.rename(tmp_path / "a.jpg")
        await index.until(lambda: index.paths() == {"a.jpg"})
        write_photo(tmp_path / ".a.jpg.tmp", b"a better one").replace(tmp_path / "a.jpg")
        await index.until(lambda: len(index.offered) == 2)
    assert {"a.jpg"} == {sighting.photo.path for _, sighting in index.offered}


async def test_a_slow_writer_settles_once(tmp_path: Path):
    """A file written in pieces is offered once, complete, a settle time after its last byte."""
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        with (tmp_path / "slow.jpg").open("wb") as target:
            for _ in range(10):
                target.write(b"x" * 1000)
                target.flush()
                last_write_at = time.time()
                await anyio.sleep(SETTLE_SECONDS / 3)  # the writer's pace, waited for by nobody
        await index.until(lambda: index.paths() == {"slow.jpg"})
    (offered_at, sighting), *more = index.offered
    assert (more, sighting.signature.size) == ([], 10_000)
    assert offered_at - last_write_at >= SETTLE_SECONDS


async def test_a_deleted_photo_is_missing(tmp_path: Path):
    """A photo that is deleted and stays away is told as gone."""
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "b.jpg")
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        await index.until(lambda: len(index.paths()) == 2)
        (tmp_path / "a.jpg").unlink()
        await index.until(lambda: index.paths(State.MISSING) == {"a.jpg"})
    assert {"b.jpg"} == index.paths()


async def test_a_root_that_goes_takes_nothing_along(tmp_path: Path):
    """When the whole root is deleted, its photos are kept, and it is told why."""
    root = tmp_path / "root"
    for number in range(20):
        write_photo(root / f"{number}.jpg")
    index = Recorder()
    with capture_logs() as logs:
        async with attending(index, watched_folder(root)):
            await index.until(lambda: len(index.paths()) == 20)
            shutil.rmtree(root)
            await until(lambda: any(line["event"] == "photos.kept" for line in logs))
    assert len(index.paths()) == 20


async def test_a_root_that_is_not_there_yet_is_waited_for(tmp_path: Path):
    """A missing root is told once and watched as soon as it is there."""
    root, index = tmp_path / "root", Recorder()
    with capture_logs() as logs:
        async with attending(index, watched_folder(root)):
            write_photo(root / "a.jpg")
            await index.until(lambda: index.paths() == {"a.jpg"})
            await until(lambda: any(line["event"] == "watch.restarted" for line in logs))
            write_photo(root / "b.jpg")
            await index.until(lambda: index.paths() == {"a.jpg", "b.jpg"})
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["watch.failed"]


async def test_a_root_whose_parent_is_replaced_is_watched_again(tmp_path: Path):
    """No event tells of it: the root is looked at each second."""
    root, index = tmp_path / "parent" / "root", Recorder()
    write_photo(root / "a.jpg")
    async with attending(index, watched_folder(root)):
        await index.until(lambda: index.paths() == {"a.jpg"})
        shutil.copytree(tmp_path / "parent", tmp_path / "other")
        (tmp_path / "parent").rename(tmp_path / "former")
        (tmp_path / "other").rename(tmp_path / "parent")
        write_photo(root / "b.jpg")
        await index.until(lambda: index.paths() == {"a.jpg", "b.jpg"}, seconds=5)


async def test_what_captiond_writes_itself_never_wakes_it(tmp_path: Path):
    """Sidecars, temporary files and ignored names are never looked at."""
    index = Recorder()
    with capture_logs() as logs:
        async with attending(index, watched_folder(tmp_path)):
            for name in ("a.jpg.xmp", ".captiond-1.jpg", "a.jpg.txt", "a.json", "._a.jpg"):
                write_photo(tmp_path / name)
                write_photo(tmp_path / "@eaDir" / name)
                write_photo(tmp_path / ".stversions" / "b.jpg")
                (tmp_path / name).unlink()
            write_photo(tmp_path / "last.jpg")
            await index.until(lambda: index.paths() == {"last.jpg"})
    assert [line for line in logs if line["log_level"] == "warning"] == []
    assert index.reasons() == {"last.jpg": None}


async def test_a_program_that_writes_without_a_pause_holds_no_photo_up(tmp_path: Path):
    """Its events have no end; those of others are heard all the same."""
    index, folder = Recorder(), watched_folder(tmp_path)
    async with attending(index, folder):
        with ExitStack() as writers:
            for number in range(4):
                log = tmp_path / f"{number}.log"
                writer = subprocess.Popen([sys.executable, "-c", WRITER, log, f"{log}.1"])
                writers.enter_context(writer)
                writers.callback(writer.kill)
                await until(log.exists)
            write_photo(tmp_path / "a.jpg")
            await index.until(lambda: index.paths() == {"a.jpg"})


async def test_a_root_with_another_mode_or_time_is_scanned_without_a_warning(tmp_path: Path):
    """As rsync sets a root's time after each run: nothing was lost, and nothing is told."""
    index = Recorder()
    with capture_logs() as logs:
        async with attending(index, watched_folder(tmp_path)):
            await until(lambda: scans(logs) == 1)
            os.utime(tmp_path, (1, 1))
            await until(lambda: scans(logs) == 2)
    assert [line for line in logs if line["log_level"] == "warning"] == []


def scans(logs: list[MutableMapping[str, Any]]) -> int:
    return sum(line["event"] == "root.scanned" for line in logs)


async def test_stopping_leaves_no_thread_behind(tmp_path: Path):
    """Cancelling ends the watch's thread within a moment, and every view is closed."""
    write_photo(tmp_path / "a.jpg")
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        await index.until(lambda: index.paths() == {"a.jpg"})
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    assert index.views == 0


@pytest.mark.slow
async def test_a_burst_in_nested_new_folders_loses_nothing(tmp_path: Path):
    """20,000 photos, written as fast as the disk takes them into new folders, are all found."""
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        await anyio.to_thread.run_sync(write_burst, tmp_path, 20_000)
        await index.until(lambda: len(index.rows) == 20_000, seconds=60)
    assert len(index.paths()) == 20_000


def write_burst(root: Path, count: int) -> None:
    for number in range(count):
        folder = root / f"{number // 2000}/{number // 200}/{number // 20}"
        if number % 20 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(b"photo")
