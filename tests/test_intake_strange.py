"""What a watched root makes of strange names, of what is no file, of what is not its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path

import anyio
import pytest
from intake_helpers import (
    SETTLE_SECONDS,
    Recorder,
    attending,
    intake,
    watched_folder,
    write_photo,
)
from structlog.testing import capture_logs

from captiond.index.store import SqliteIndex
from captiond.intake.attend import ScanTotals, scan_once
from captiond.intake.settler import NOT_UTF8
from captiond.models import State

STRANGE_NAMES = [b"new\nline.jpg", "\U0001f409.jpg".encode(), b"n" * 246 + b".jpg", b"caf\xe9.jpg"]


@pytest.mark.parametrize("name", STRANGE_NAMES)
async def test_the_watch_goes_on_after_strange_names(tmp_path: Path, name: bytes):
    """Whatever a file is called it ends as one row, and the next photo is seen."""
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        write_photo(tmp_path / os.fsdecode(name))
        await index.until(lambda: set(index.reasons()) == {os.fsdecode(name)})
        write_photo(tmp_path / "next.jpg")
        await index.until(lambda: "next.jpg" in index.paths())
    utf8 = name.decode("utf-8", "ignore").encode() == name
    assert (None if utf8 else NOT_UTF8) == index.reasons()[os.fsdecode(name)]


async def test_a_folder_whose_name_is_not_utf8_blinds_nobody(tmp_path: Path):
    """Its photos have their reason by event, as every other photo is found by event."""
    index, strange = Recorder(), os.fsdecode(b"caf\xe9")
    write_photo(tmp_path / strange / "before.jpg")
    with capture_logs() as logs:
        async with attending(index, watched_folder(tmp_path)):
            await index.until(lambda: len(index.reasons()) == 1)
            write_photo(tmp_path / strange / "after.jpg")
            write_photo(tmp_path / "a.jpg")
            await index.until(lambda: len(index.reasons()) == 3)
    assert [line for line in logs if line["log_level"] == "warning"] == []
    assert index.reasons() == {
        f"{strange}/before.jpg": NOT_UTF8,
        f"{strange}/after.jpg": NOT_UTF8,
        "a.jpg": None,
    }


async def test_what_is_no_file_gets_a_reason(tmp_path: Path):
    """Folders, links, pipes, sockets and empty files with a photo's name say what they are."""
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        write_photo(tmp_path / "folder.jpg" / "inside.jpg")
        os.mkfifo(tmp_path / "pipe.jpg")
        (tmp_path / "link.jpg").symlink_to("/etc/hostname")
        (tmp_path / "empty.jpg").touch()
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(str(tmp_path / "socket.jpg"))
        await index.until(lambda: len(index.reasons()) == 6)
        write_photo(tmp_path / "next.jpg")
        await index.until(lambda: "next.jpg" in index.paths())
    assert {"folder.jpg/inside.jpg", "next.jpg"} == index.paths()
    assert {path: reason for path, reason in index.reasons().items() if reason} == {
        "folder.jpg": "not a plain file but a directory",
        "pipe.jpg": "not a plain file but a pipe",
        "link.jpg": "not a plain file but a link, and links are not followed",
        "empty.jpg": "empty file",
        "socket.jpg": "not a plain file but a socket",
    }


async def test_a_file_that_is_empty_at_first_is_no_empty_file(tmp_path: Path):
    """A file that is made empty and filled before it settles is offered as a photo only."""
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        with (tmp_path / "a.jpg").open("wb") as target:
            await anyio.sleep(SETTLE_SECONDS / 2)  # the writer's pace, waited for by nobody
            target.write(b"photo")
        await index.until(lambda: bool(index.offered))
    assert [sighting.reason for _, sighting in index.offered] == [None]


async def test_linked_folders_are_left_alone(tmp_path: Path, tmp_path_factory):
    """What happens beyond a symbolic link is not offered, by scan or by event."""
    outside = tmp_path_factory.mktemp("outside")
    write_photo(outside / "before.jpg")
    (tmp_path / "link").symlink_to(outside)
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        write_photo(outside / "after.jpg")
        write_photo(tmp_path / "mine.jpg")
        await index.until(lambda: index.paths() == {"mine.jpg"})
    assert {"mine.jpg"} == index.paths()


async def test_a_root_without_recursion_stays_at_the_top(tmp_path: Path):
    """With recursive off, photos in folders below are neither scanned nor watched."""
    write_photo(tmp_path / "below" / "before.jpg")
    index = Recorder()
    async with attending(index, watched_folder(tmp_path, recursive=False)):
        write_photo(tmp_path / "below" / "after.jpg")
        write_photo(tmp_path / "new" / "after.jpg")
        write_photo(tmp_path / "a.jpg")
        await index.until(lambda: "a.jpg" in index.paths())
    assert {"a.jpg"} == index.paths()


async def test_nomedia_keeps_events_out_as_well(tmp_path: Path):
    """Photos dropped into a folder with .nomedia, or below it, are not offered."""
    write_photo(tmp_path / "hidden/.nomedia")
    write_photo(tmp_path / "hidden/below/a.jpg")
    index = Recorder()
    async with attending(index, watched_folder(tmp_path)):
        write_photo(tmp_path / "hidden/below/b.jpg")
        write_photo(tmp_path / "seen.jpg")
        await index.until(lambda: "seen.jpg" in index.paths())
    assert {"seen.jpg"} == index.paths()


async def test_the_index_takes_whatever_intake_finds(tmp_path: Path):
    """In the real index every file ends as a row, strange names and vanished ones too."""
    root, index = tmp_path / "root", await SqliteIndex.open(tmp_path / "index.db")
    for name in (*STRANGE_NAMES, b"a.jpg", b"b.jpg", b"folder/c.jpg"):
        write_photo(root / os.fsdecode(name))
    (root / "empty.jpg").touch()
    assert await scan_once(intake(index, watched_folder(root))) == ScanTotals(8, 6, 2, 0)
    assert await scan_once(intake(index, watched_folder(root))) == ScanTotals(8, 0, 0, 0)
    async with attending(index, watched_folder(root)):
        shutil.rmtree(root / "folder")
        write_photo(root / "d.jpg")
        await until_counts(index, {State.QUEUED: 6, State.SKIPPED: 2, State.MISSING: 1})
    await index.aclose()


async def until_counts(index: SqliteIndex, wanted: dict[State, int]) -> None:
    with anyio.fail_after(10):
        while await index.counts() != wanted:  # noqa: ASYNC110 another process could write as well
            await anyio.sleep(0.02)
