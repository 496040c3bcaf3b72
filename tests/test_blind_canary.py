"""The canary: a hidden file whose event tells a watch that lives from one that is silent."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from blind_helpers import drop, finding, seconds_until_found, told
from daemon_helpers import Home, wait_until
from intake_helpers import Recorder, intake, until, watched_folder, write_photo
from structlog.testing import capture_logs

from captiond.disk import files
from captiond.intake.attend import attend
from captiond.intake.cover import Cover
from captiond.models import Lane

READ_ONLY = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"'


@contextlib.contextmanager
def overhearing(root: Path) -> Iterator[Cover]:
    """Watch a root as captiond does, beside it."""
    cover = Cover(watched_folder(root))
    cover.open()
    try:
        yield cover
    finally:
        cover.close()


@contextlib.asynccontextmanager
async def attending(index: Recorder, root: Path, **changes: object):
    """Have a root looked after that captiond may write to."""
    async with anyio.create_task_group() as tasks:
        wanted = replace(intake(index, watched_folder(root, **changes)), writable=True)
        await tasks.start(attend, wanted)
        yield
        tasks.cancel_scope.cancel()


@contextlib.contextmanager
def events_swallowed() -> Iterator[None]:
    """Read all events of the watch in use before it can."""
    (used,) = [
        int(link.name)
        for link in Path("/proc/self/fd").iterdir()
        if link.is_symlink() and link.readlink() == Path("anon_inode:inotify")
    ]
    swallower, ended = os.dup(used), threading.Event()

    def swallow() -> None:
        while not ended.is_set():
            if select.select([swallower], [], [], 0.05)[0]:
                with contextlib.suppress(BlockingIOError):
                    os.read(swallower, 1 << 16)

    thread = threading.Thread(target=swallow)
    thread.start()
    yield
    ended.set()
    thread.join()
    os.close(swallower)


async def test_a_watch_that_fell_silent_begins_anew(tmp_path: Path):
    """Its canary is missed after the next scan: told once, armed again, and events come."""
    index = Recorder()
    with capture_logs() as logs:
        async with attending(index, tmp_path, scan_interval_seconds=0.5):
            write_photo(tmp_path / "before.jpg")
            await index.until(lambda: index.paths() == {"before.jpg"})
            with events_swallowed():
                await until(lambda: any(line["event"] == "watch.restarted" for line in logs))
                write_photo(tmp_path / "after.jpg")
                await index.until(lambda: "after.jpg" in index.paths())
    assert index.offered[-1][1].lane is Lane.ARRIVAL
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["watch.dead"]


async def test_a_canary_wakes_nobody_and_leaves_nothing(tmp_path: Path):
    """It is heard by the watch alone: no scan follows, nothing is looked at, nothing stays."""
    index = Recorder()
    heard: set[str] = set()
    with capture_logs() as logs, overhearing(tmp_path) as cover:
        async with attending(index, tmp_path):
            await until(lambda: bool(heard.update(cover.hear().paths) or heard))
            write_photo(tmp_path / "a.jpg")
            await index.until(lambda: index.paths() == {"a.jpg"})
    assert heard == {files.CANARY}
    assert [line["event"] for line in logs].count("root.scanned") == 1
    assert [sighting.photo.path for _, sighting in index.offered] == ["a.jpg"]
    assert list(tmp_path.iterdir()) == [tmp_path / "a.jpg"]


@pytest.mark.parametrize("left", ["file", "link"])
async def test_what_a_crash_left_is_swept(tmp_path: Path, tmp_path_factory, left: str):
    """A canary of a killed daemon goes with the next one; a link in its place is not followed."""
    target = write_photo(tmp_path_factory.mktemp("outside") / "target", b"not captiond's")
    canary = tmp_path / files.CANARY
    canary.touch() if left == "file" else canary.symlink_to(target)
    async with attending(Recorder(), tmp_path):
        await until(lambda: not canary.is_symlink() and not canary.exists())
    assert target.read_bytes() == b"not captiond's"


@pytest.mark.parametrize("sidecars", [("xmp",), ()])
def test_no_canary_where_nothing_is_to_be_written(tmp_path: Path, sidecars: tuple[str, ...]):
    """A folder with `sidecars = []` stays untouched."""
    home = Home(tmp_path, "", sidecars=sidecars)
    with overhearing(home.photos) as cover, finding(home):
        wait_until(lambda: told(home, "root.scanned") > 0)
        drop(home, "a.jpg")
        seconds_until_found(home, 1)
        assert (files.CANARY in cover.hear().paths) is bool(sidecars)


@pytest.mark.skipif(os.geteuid() != 0, reason="MOUNTS NEED ROOT: NOT TESTED HERE")
def test_a_read_only_root_is_watched_without_a_canary(tmp_path: Path):
    """Where nothing can be written that is no trouble: nobody is told, and events are trusted."""
    home = Home(tmp_path, "")
    home.prefix = ("unshare", "--mount", "sh", "-ec", READ_ONLY, "sh", str(home.photos))
    with finding(home):
        drop(home, "a.jpg")
        seconds_until_found(home, 1)
        assert told(home, "watch.failed") == 0
