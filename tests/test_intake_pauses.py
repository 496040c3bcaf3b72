"""How long captiond waits before it tries a watch, or looks at a root, again."""

from __future__ import annotations

from pathlib import Path

from intake_helpers import watched_folder
from structlog.testing import capture_logs

from captiond.intake.attend import scan_interval
from captiond.intake.watch import Failure, Restarts, next_delay


def test_restarts_back_off_and_start_afresh_after_a_healthy_minute():
    """The pause doubles from a second to a minute; a watch that held a minute resets it."""
    delays = [0.0]
    for _ in range(8):
        delays.append(next_delay(delays[-1], healthy_seconds=1.0))
    assert delays[1:] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert next_delay(60.0, healthy_seconds=60.0) == 1.0


def test_a_watch_that_cannot_be_armed_is_told_once_and_tried_each_minute():
    """The minute between two tries is no healthy one: it is not told again, nor tried at once."""
    restarts, now, pauses = Restarts("/photos"), 0.0, []
    with capture_logs() as logs:
        for _ in range(10):
            pauses.append(restarts.pause_after(Failure("no instance is left"), now=now))
            now += pauses[-1] + 0.1
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]
    assert [line["event"] for line in logs] == ["watch.failed"]


def test_a_root_with_a_folder_unwatched_is_scanned_each_minute(tmp_path: Path):
    """It is polled as a network folder is, for a tenth of the time at most."""
    folder = watched_folder(tmp_path, scan_interval_seconds=3600.0)
    assert scan_interval(folder, None, 1.0, whole=True) == 3600.0
    assert scan_interval(folder, None, 1.0, whole=False) == 60.0
    assert scan_interval(folder, None, 30.0, whole=False) == 300.0
