"""inotify's limits, reached for real in a user namespace: no photo is lost to a missing watch."""

from __future__ import annotations

from pathlib import Path

import pytest
from blind_helpers import (
    drop,
    finding,
    found,
    lowered,
    make_folders,
    seconds_until_found,
    set_limit,
    told,
)
from daemon_helpers import Home, wait_until

FOLDERS = 30
COMINGS = 16
WATCHES = "max_inotify_watches"
INSTANCES = "max_inotify_instances"
EACH_MINUTE = 75.0
"""A minute, what the scans of many roots are spread by, and a moment."""

SIZES = pytest.mark.parametrize(
    ("scan_interval_minutes", "within"),
    [
        pytest.param(0.05, 8.0, id="scan every 3 s"),
        pytest.param(60.0, EACH_MINUTE, id="scan every hour", marks=pytest.mark.soak),
    ],
)
"""Without a watch the root is scanned each minute, or as often as it is anyway."""


@SIZES
def test_watches_that_run_out_at_the_start(
    tmp_path: Path, scan_interval_minutes: float, within: float, record_property
) -> None:
    """The root is scanned often, told once with what to do, and watched whole after a raise."""
    home = Home(
        tmp_path,
        "",
        scan_interval_minutes=scan_interval_minutes,
        prefix=lowered(WATCHES, FOLDERS // 3),
    )
    make_folders(home, range(FOLDERS))
    with finding(home) as daemon:
        drop(home, *(f"{number}/a.jpg" for number in range(FOLDERS)))
        record_property("seconds", seconds_until_found(home, FOLDERS, within=within))
        assert told(home, "watch.incomplete") == 1
        assert "raise fs.inotify.max_user_watches" in home.log.read_text()
        set_limit(daemon.pid, WATCHES, 2 * FOLDERS)
        wait_until(lambda: told(home, "watch.completed") == 1, seconds=within)
        drop(home, *(f"{number}/b.jpg" for number in range(FOLDERS)))
        record_property("seconds once raised", seconds_until_found(home, 2 * FOLDERS))
        assert told(home, "watch.incomplete") == 1


@SIZES
def test_watches_that_run_out_while_it_runs(
    tmp_path: Path, scan_interval_minutes: float, within: float, record_property
) -> None:
    """New folders beyond the limit are walked at once, and scanned often from then on."""
    home = Home(
        tmp_path,
        "",
        scan_interval_minutes=scan_interval_minutes,
        prefix=lowered(WATCHES, FOLDERS // 3),
    )
    with finding(home):
        make_folders(home, range(3))
        wait_until(lambda: told(home, "service.ready") == 1)
        drop(home, *(f"{number}/a.jpg" for number in range(FOLDERS)))
        record_property("seconds, came with their folders", seconds_until_found(home, FOLDERS))
        wait_until(lambda: told(home, "watch.incomplete") == 1)
        drop(home, *(f"{number}/b.jpg" for number in range(FOLDERS)))
        later = seconds_until_found(home, 2 * FOLDERS, within=within)
        record_property("seconds, came later", later)
        assert told(home, "watch.incomplete") == 1


@SIZES
def test_no_instance_left_at_the_start(
    tmp_path: Path, scan_interval_minutes: float, within: float, record_property
) -> None:
    """A root without any watch is scanned often, told once, and watched after a raise."""
    home = Home(
        tmp_path, "", scan_interval_minutes=scan_interval_minutes, prefix=lowered(INSTANCES, 0)
    )
    with finding(home) as daemon:
        drop(home, "a.jpg")
        record_property("seconds", seconds_until_found(home, 1, within=within))
        assert "raise fs.inotify.max_user_instances" in home.log.read_text()
        assert told(home, "watch.failed") == 1
        set_limit(daemon.pid, INSTANCES, 10)
        wait_until(lambda: told(home, "watch.restarted") == 1, seconds=EACH_MINUTE)
        drop(home, "b.jpg")
        record_property("seconds once raised", seconds_until_found(home, 2))


def test_folders_that_go_free_their_watches(tmp_path: Path, record_property) -> None:
    """Folders that come and go, or move about, never use up the watches of those that stay."""
    home = Home(tmp_path, "", prefix=lowered(WATCHES, 8))
    with finding(home):
        for number in range(COMINGS):
            drop(home, f"kept/{number}.jpg")
            (home.photos / f"came {number}").mkdir()
            wait_until(lambda number=number: found(home) == number + 1)
            (home.photos / f"came {number}").rename(home.photos / "moved")
            (home.photos / "moved").rename(tmp_path / f"left {number}")
        assert told(home, "watch.incomplete") == 0
        drop(home, "last/a.jpg")
        record_property("seconds", seconds_until_found(home, COMINGS + 1))
