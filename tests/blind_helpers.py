"""A daemon that finds photos and cannot caption them, and hands to blind it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterable, Iterator

import pytest
from daemon_helpers import Home, gemini, wait_until

from captiond.disk import files
from captiond.testing.photo_maker import tiny_jpeg

FIRST = "first.jpg"
"""The photo with which the key is refused; it counts nowhere."""

MOMENT_SECONDS = 5.0
"""What "a few seconds" is held against, settling included."""


@contextlib.contextmanager
def finding(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon with a key that is refused: photos become rows, and stay queued."""
    with gemini("--api-key", "another") as home.url:
        home.write_config()
        (home.photos / FIRST).write_bytes(tiny_jpeg(0))
        with home.daemon() as daemon:
            wait_until(lambda: told(home, "captioner.stopped") == 1)
            yield daemon
        assert told(home, "watch.dead") == 0
        assert not (home.photos / files.CANARY).exists()


def drop(home: Home, *names: str) -> list[str]:
    """Write a few bytes as a photo under each name; return the names."""
    for name in names:
        target = home.photos / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"photo")
    return list(names)


def drop_many(home: Home, count: int, *, folders: int) -> None:
    """Write photos into folders that are there."""
    for number in range(count):
        (home.photos / f"{number % folders}" / f"{number}.jpg").write_bytes(b"photo")


def make_folders(home: Home, numbers: Iterable[int]) -> None:
    for number in numbers:
        (home.photos / f"{number}").mkdir()


def found(home: Home, *, state: str = "queued") -> int:
    """Return how many photos are in the index in that state."""
    rows = home.rows("select count(*) from library where state = ? and name <> ?", state, FIRST)
    return int(rows[0][0]) if rows else 0


def seconds_until_found(home: Home, count: int, *, within: float = MOMENT_SECONDS) -> float:
    """Wait until so many photos are in the index; return how long that took."""
    began = time.monotonic()
    wait_until(
        lambda: found(home) == count,
        seconds=within,
        what=f"{count} found",
    )
    assert found(home, state="missing") == 0
    return time.monotonic() - began


def told(home: Home, event: str) -> int:
    """Return how often the log says so."""
    return home.log.read_text().count(f'"{event}"')


def lowered(limit: str, value: int) -> tuple[str, ...]:
    """Return the prefix that starts a program in a user namespace with a lower limit."""
    script = f'echo {value} > /proc/sys/user/{limit}; exec "$@"'
    prefix = ("unshare", "--user", "--map-root-user", "sh", "-ec", script, "sh")
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NO USER NAMESPACES HERE, NOT TESTED")
    return prefix


def set_limit(pid: int, limit: str, value: int) -> None:
    """Change a limit in the namespace of a running process."""
    script = f"echo {value} > /proc/sys/user/{limit}"
    enter = ["nsenter", "--user", "--target", str(pid), "sh", "-ec", script]
    subprocess.run(enter, check=True, capture_output=True)
