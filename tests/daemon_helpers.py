"""Runs the real program and the loopback Gemini as processes, for end-to-end tests."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import key_hunt
from key_hunt import KEY

PHOTOS = Path(__file__).parent / "photos"
PROGRAM = Path(sys.executable).with_name("captiond")


def wait_until(
    condition: Callable[[], object],
    *,
    seconds: float = 30.0,
    what: str = "",
    every_seconds: float = 0.05,
) -> None:
    """Return when the condition holds; fail when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        select_nothing(every_seconds)


def select_nothing(seconds: float) -> None:
    """Give the processor away between two looks."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nothing:
        nothing.settimeout(seconds)
        with contextlib.suppress(TimeoutError, OSError):
            nothing.recv(1)


@contextlib.contextmanager
def gemini(*arguments: str) -> Iterator[str]:
    """Run the loopback Gemini; yields its address."""
    command = [sys.executable, "-m", "captiond.testing.gemini_server", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def counters(url: str) -> dict[str, int]:
    """Return what the loopback Gemini counted."""
    with urllib.request.urlopen(f"{url}/counters", timeout=10) as reply:  # noqa: S310 - loopback
        answer: dict[str, int] = json.load(reply)
    return answer


@dataclass
class Home:
    """A folder to watch, a configuration, an index; and the daemon that lives there."""

    path: Path
    url: str
    settle_seconds: float = 0.2
    concurrency: int = 4
    sidecars: tuple[str, ...] = ("xmp", "txt", "json")
    scan_interval_minutes: float = 60.0
    extra: str = ""
    gemini: str = ""
    """More lines for the table of that name."""
    prefix: tuple[str, ...] = ()
    """What the daemon is started by: a program that changes the process and then becomes it."""
    manager: socket.socket = field(init=False)
    told: list[bytes] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.photos.mkdir(parents=True, exist_ok=True)
        (self.path / "key").write_text(KEY)
        self.write_config()
        key_hunt.places.append(self.assert_key_unseen)

    @property
    def photos(self) -> Path:
        return self.path / "photos"

    @property
    def index(self) -> Path:
        return self.path / "state" / "index.db"

    @property
    def log(self) -> Path:
        return self.path / "daemon.log"

    def write_config(self, **changes: str) -> None:
        values = {"backend": "gemini", "api_key_file": "key", "path": "photos"} | changes
        (self.path / "config.toml").write_text(
            f"""
[index]
path = "state/index.db"
[captioner]
backend = "{values["backend"]}"
[gemini]
base_url = "{self.url}"
api_key_file = "{values["api_key_file"]}"
concurrency = {self.concurrency}
{self.gemini}
[watch]
settle_seconds = {self.settle_seconds}
scan_interval_minutes = {self.scan_interval_minutes}
[log]
level = "debug"
format = "json"
{self.extra}
[[folders]]
path = "{values["path"]}"
sidecars = {json.dumps(list(self.sidecars))}
"""
        )

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one verb to its end."""
        done = subprocess.run(
            [PROGRAM, "--config", self.path / "config.toml", *arguments],
            capture_output=True,
            text=True,
            env=clean_environment(),
            check=check,
            timeout=120,
        )
        key_hunt.assert_unseen(done.stdout + done.stderr, arguments)
        return done

    @contextlib.contextmanager
    def start(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start the daemon and wait for nothing; kill it at the end unless it is dead already."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*self.prefix, PROGRAM, "--config", self.path / "config.toml", "run"],
                stderr=log,
                env=clean_environment(),
            )
        with process:
            try:
                yield process
            finally:
                key_hunt.remember_process(process.pid)
                process.kill()

    @contextlib.contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the daemon until it says READY; stop it at the end unless it is dead already."""
        told = self.path / "notify"
        told.unlink(missing_ok=True)
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
            self.log.open("ab") as log,
        ):
            notify.bind(str(told))
            notify.setblocking(False)
            self.manager, self.told = notify, []
            process = subprocess.Popen(
                [*self.prefix, PROGRAM, "--config", self.path / "config.toml", "run"],
                stderr=log,
                env=clean_environment() | {"NOTIFY_SOCKET": str(told)},
            )
            try:
                wait_until(lambda: self._is_ready(process), seconds=60, what="READY")
                yield process
            finally:
                if process.poll() is None:
                    key_hunt.remember_process(process.pid)
                    process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)

    def assert_key_unseen(self) -> None:
        """Fail if the key is anywhere in what was written here or told to the manager."""
        key_hunt.assert_unseen(b"\n".join(self.told), "NOTIFY_SOCKET")
        key_hunt.assert_unseen_beneath(self.path)

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.log.read_text()
        return b"READY=1" in self.heard()

    def heard(self) -> list[bytes]:
        """Return all that the daemon has told its manager so far, line by line."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.told += self.manager.recv(4096).split(b"\n")
        return self.told

    def drop(self, *names: str) -> None:
        """Copy photos of the test collection into the watched folder."""
        for name in names:
            target = self.photos / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PHOTOS / name, target)

    def rows(self, query: str, *values: object) -> list[tuple]:
        """Ask the index."""
        if not self.index.exists():
            return []
        with contextlib.closing(sqlite3.connect(self.index)) as connection:
            try:
                return connection.execute(query, values).fetchall()
            except sqlite3.OperationalError:
                return []

    def states(self) -> dict[str, str]:
        """Return the state of every photo by its path beneath the watched folder."""
        found = self.rows("select path, state from library")
        return {str(Path(path).relative_to(self.photos)): state for path, state in found}

    def wait_for(self, states: dict[str, str], *, seconds: float = 60.0) -> None:
        """Return when the index holds exactly these states."""
        try:
            wait_until(lambda: self.states() == states, seconds=seconds)
        except AssertionError:
            assert self.states() == states, self.log.read_text()[-3000:]


def clean_environment() -> dict[str, str]:
    """Return the environment without what would change captiond's settings."""
    foreign = ("CAPTIOND_", "GEMINI_", "GOOGLE_", "CREDENTIALS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
