"""What blinds a watch for a while: the real daemon finds every photo within seconds."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from blind_helpers import (
    drop,
    drop_many,
    finding,
    found,
    make_folders,
    seconds_until_found,
    told,
)
from daemon_helpers import Home, wait_until

from captiond.intake.settler import NOT_UTF8
from captiond.intake.watch import GAP_SECONDS, GUARD_SECONDS

STRANGE = os.fsdecode(b"caf\xe9")
OBEYS_MODES = (
    "setpriv",
    "--inh-caps=-dac_override,-dac_read_search",
    "--bounding-set=-dac_override,-dac_read_search",
)
"""Root without the right to read what it may not."""


@pytest.mark.parametrize(
    ("photos", "within"),
    [
        pytest.param(9_000, 15.0, id="9,000"),
        pytest.param(50_000, 60.0, id="50,000", marks=pytest.mark.soak),
    ],
)
def test_more_events_than_the_kernel_keeps(
    tmp_path: Path, photos: int, within: float, record_property
) -> None:
    """Photos that came while the process stood still are all found once it goes on."""
    home = Home(tmp_path, "")
    make_folders(home, range(50))
    with finding(home) as daemon:
        daemon.send_signal(signal.SIGSTOP)
        drop_many(home, photos, folders=50)
        daemon.send_signal(signal.SIGCONT)
        record_property("seconds", seconds_until_found(home, photos, within=within))
        assert told(home, "watch.overflowed") == 1


def test_a_process_that_stood_still_scans_once_it_goes_on(tmp_path: Path) -> None:
    """A gap of the clock is told, and a scan follows at once, whatever events there are."""
    home = Home(tmp_path, "")
    with finding(home) as daemon:
        scans = told(home, "root.scanned")
        daemon.send_signal(signal.SIGSTOP)
        goes_on = time.monotonic() + GUARD_SECONDS + GAP_SECONDS + 0.5
        wait_until(lambda: time.monotonic() > goes_on)
        daemon.send_signal(signal.SIGCONT)
        wait_until(lambda: told(home, "root.scanned") > scans, seconds=5)
        assert told(home, "watch.stood_still") == 1


def test_a_root_that_is_deleted_and_made_again(tmp_path: Path, record_property) -> None:
    """Each time its photos are found within seconds; none is missing while the root is gone."""
    home = Home(tmp_path, "")
    with finding(home):
        drop(home, "0.jpg")
        seconds_until_found(home, 1)
        for times in range(1, 4):
            shutil.rmtree(home.photos)
            wait_until(lambda times=times: told(home, "root.missing") == times)
            assert found(home) == times
            drop(home, *(f"{number}.jpg" for number in range(times + 1)))
            record_property(f"seconds, time {times}", seconds_until_found(home, times + 1))


def test_a_root_that_is_replaced(tmp_path: Path, record_property) -> None:
    """Another folder in the root's place is watched within seconds, as often as it happens."""
    home = Home(tmp_path, "")
    with finding(home):
        for times in range(1, 4):
            drop(home, f"{times}.jpg")
            seconds_until_found(home, 2 * times - 1)
            other = tmp_path / f"other {times}"
            shutil.copytree(home.photos, other)
            home.photos.rename(tmp_path / f"former {times}")
            other.rename(home.photos)
            drop(home, f"new {times}.jpg")
            record_property(f"seconds, time {times}", seconds_until_found(home, 2 * times))


def test_a_folder_that_may_not_be_read_for_a_while(tmp_path: Path, record_property) -> None:
    """What lies in it is found as soon as it may be read, and what comes later by its event."""
    home = Home(tmp_path, "", prefix=OBEYS_MODES if os.geteuid() == 0 else ())
    make_folders(home, range(1))
    drop(home, "0/deep/a.jpg")
    (home.photos / "0").chmod(0)
    with finding(home):
        wait_until(lambda: told(home, "folder.unreadable") == 1)
        (home.photos / "0").chmod(0o755)
        record_property("seconds, may be read", seconds_until_found(home, 1))
        drop(home, "0/deep/b.jpg")
        record_property("seconds, came later", seconds_until_found(home, 2))
        deep = os.open(home.photos / "0/deep", os.O_PATH)
        (home.photos / "0").chmod(0)
        Path(f"/proc/self/fd/{deep}/c.jpg").write_bytes(b"came while it may not be read")
        os.close(deep)
        wait_until(lambda: told(home, "photo.unreadable") == 1)
        (home.photos / "0").chmod(0o755)
        record_property("seconds, may be read again", seconds_until_found(home, 3))


def test_names_that_are_not_utf8(tmp_path: Path, record_property) -> None:
    """A folder and a file of such a name have their reason at once, and blind nobody."""
    home = Home(tmp_path, "")
    drop(home, f"{STRANGE}/before.jpg")
    with finding(home):
        drop(home, f"{STRANGE}/after.jpg", f"{STRANGE}.jpg", f"new {STRANGE}/deep/a.jpg")
        began = time.monotonic()
        wait_until(lambda: found(home, state="skipped") == 4, seconds=5)
        record_property("seconds, strange", time.monotonic() - began)
        drop(home, "a.jpg", "folder/b.jpg")
        record_property("seconds, others", seconds_until_found(home, 2))
        reasons = home.rows("select distinct reason from library where state = 'skipped'")
        assert reasons == [(NOT_UTF8,)]
        assert told(home, "watch.failed") == 0


def test_a_deep_tree_and_fifty_photos_moved_in(tmp_path: Path, record_property) -> None:
    """A tree that is moved in whole is found whole, and what is written into it later."""
    home, tree = Home(tmp_path, ""), tmp_path / "tree"
    for number in range(50):
        folder = tree / "/".join(str(depth) for depth in range(number % 10))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(b"photo")
    with finding(home):
        tree.rename(home.photos / "tree")
        record_property("seconds", seconds_until_found(home, 50))
        drop(home, "tree/0/1/2/3/4/5/6/7/8/later.jpg")
        record_property("seconds, later", seconds_until_found(home, 51))
