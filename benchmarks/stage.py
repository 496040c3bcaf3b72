"""Sets the stage: photos, a loopback Gemini, a configuration, captiond as a process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captiond.config import isolated_environment
from captiond.testing.photo_maker import make_jpeg, retouched

PROGRAM = Path(sys.executable).with_name("captiond")
PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 120.0
RUN_SECONDS = 900.0
"""The longest that anything is waited for: benchmarks end by themselves."""
PICTURES = 8


def small_jpeg(seed: int) -> bytes:
    """Return a photo of about 200 KB."""
    return make_jpeg(width=1280, height=853, seed=seed)


def large_jpeg(seed: int) -> bytes:
    """Return a photo of 24 megapixels and about 4 MB."""
    return make_jpeg(width=6000, height=4000, seed=seed)


def lay_out(folder: Path, make: Callable[[int], bytes], *, count: int) -> None:
    """Write `count` different pictures, made from a few."""
    folder.mkdir(parents=True)
    pictures = [make(seed) for seed in range(min(PICTURES, count))]
    for number in range(count):
        data = retouched(pictures[number % len(pictures)], number)
        (folder / f"photo{number:05}.jpg").write_bytes(data)


def python(module: str, *arguments: str, log: Path, timeout: float = RUN_SECONDS) -> Any:
    """Run a module of the benchmarks as a process; return the JSON that it prints last."""
    with log.open("ab") as told:
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            cwd=PROJECT,
            env=isolated_environment(),
            stdout=subprocess.PIPE,
            stderr=told,
            timeout=timeout,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{module} failed: {log.read_text()[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the loopback Gemini got it: unix seconds, and the size of its picture."""

    at: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Gemini:
    """A loopback Gemini in a process of its own."""

    url: str
    notes: Path

    def asked(self) -> list[Asked]:
        """Return the requests so far."""
        lines = self.notes.read_text().splitlines()
        return [Asked(float(at), int(w), int(h)) for at, w, h in map(str.split, lines)]


@contextlib.contextmanager
def gemini(folder: Path, *, latency_seconds: float = 0.0, sizes: bool = False) -> Iterator[Gemini]:
    """Run the loopback Gemini; it answers each request after `latency_seconds`.

    With `sizes` it looks into each picture and notes how large that is; else it notes 0.
    """
    notes = folder / f"asked-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "benchmarks.server", str(notes), str(latency_seconds)]
    command += ["--sizes"] if sizes else []
    with subprocess.Popen(
        command, cwd=PROJECT, env=isolated_environment(), stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield Gemini(server.stdout.readline().strip(), notes)
        finally:
            server.terminate()


@dataclass
class Home:
    """A configuration, an index and a folder of photos; all beneath `path`."""

    path: Path
    url: str
    photos: Path
    concurrency: int = 64
    settle_seconds: float = 0.2
    backend: str = "gemini"
    extra: str = field(default="")

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.photos.mkdir(parents=True, exist_ok=True)
        (self.path / "key").write_text("a-key-for-loopback")
        self.config.write_text(f"""
[index]
path = "index.db"
[captioner]
backend = "{self.backend}"
[gemini]
base_url = "{self.url}"
api_key_file = "key"
concurrency = {self.concurrency}
[watch]
settle_seconds = {self.settle_seconds}
[log]
format = "json"
{self.extra}
[[folders]]
path = "{self.photos}"
""")

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.path / "config.toml"

    @property
    def index(self) -> Path:
        """The index."""
        return self.path / "index.db"

    @property
    def log(self) -> Path:
        """What captiond said on stderr."""
        return self.path / "log"

    def sweep(self) -> None:
        """Remove the sidecars, so that the next run has all to do."""
        for sidecar in self.photos.rglob("*"):
            if sidecar.suffix in {".xmp", ".txt"}:
                sidecar.unlink()

    def ask(self, query: str) -> Any:
        """Return the one value that a query of the index gives."""
        with contextlib.closing(sqlite3.connect(f"file:{self.index}?mode=ro", uri=True)) as index:
            return index.execute(query).fetchone()[0]

    def captioned(self) -> int:
        """Return how many photos stand captioned."""
        return int(self.ask("select count(*) from photos where state = 'captioned'"))

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the daemon from READY to the end of the block."""
        told = self.path / "notify"
        told.unlink(missing_ok=True)
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
            self.log.open("ab") as log,
        ):
            notify.bind(str(told))
            notify.settimeout(START_SECONDS)
            environment = isolated_environment() | {"NOTIFY_SOCKET": str(told)}
            process = subprocess.Popen(
                [PROGRAM, "--config", self.config, "run"], stderr=log, env=environment
            )
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=START_SECONDS)


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.1) -> bool:
    """Wait for a condition; return whether it came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause(every)
    return True


def pause(seconds: float) -> None:
    """Wait without burning a processor."""
    select.select([], [], [], max(seconds, 0.0))


def processors() -> int:
    """Return how many processors there are."""
    return os.cpu_count() or 1
