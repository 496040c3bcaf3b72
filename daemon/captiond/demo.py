"""Sets the stage for `captiond demo`: a folder, a loopback Gemini, the real daemon, some photos.

The daemon is the program itself (`captiond run`) in a process of its own, with a configuration of
its own; it asks through the real google-genai client. Only the far end is not Google's: the
package's loopback server, which answers with the offline captioner.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from captiond.config import isolated_environment
from captiond.errors import CaptiondError
from captiond.index.search import Entry, Library
from captiond.intake.filters import Filter
from captiond.models import State

PATIENCE_SECONDS = 60.0
STEP_SECONDS = 0.15
"""One photo arrives each step: slow enough to be watched."""
PIECES = 8
OWN_PHOTOS_LIMIT = 24

CONFIG = """\
# The demo's configuration: a loopback server stands in for Gemini, so no key is needed.
[index]
path = "index.db"

[gemini]
base_url = "{url}"
api_key_file = "not-a-real-key"
concurrency = 4

[watch]
settle_seconds = 0.5

[[folders]]
path = "photos"
sidecars = ["xmp", "txt", "json"]
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A running demo: everything it makes lies in `home`."""

    home: Path
    daemon: subprocess.Popen[bytes]

    @property
    def photos(self) -> Path:
        """The watched folder."""
        return self.home / "photos"

    @property
    def index(self) -> Path:
        """The index."""
        return self.home / "index.db"

    @property
    def config(self) -> Path:
        """The daemon's configuration."""
        return self.home / "config.toml"

    @property
    def log(self) -> Path:
        """What the daemon logs."""
        return self.home / "daemon.log"


@contextmanager
def stage() -> Iterator[Stage]:
    """Start server and daemon in a new temporary folder; stop both at the end, keep the folder.

    Raises CaptiondError when one of them does not start.
    """
    home = Path(tempfile.mkdtemp(prefix="captiond-demo-"))
    (home / "photos").mkdir()
    (home / "not-a-real-key").write_text("demo", encoding="utf-8")
    with _ended_in_order(), ExitStack() as stack:
        server = ("captiond.testing.gemini_server", "--answer", "offline", "--latency", "0.3")
        gemini = stack.enter_context(_running(home / "server.log", *server))
        assert gemini.stdout is not None  # noqa: S101 piped by _running
        url = gemini.stdout.readline().decode().strip()
        (home / "config.toml").write_text(CONFIG.format(url=url), encoding="utf-8")
        program = ("captiond", "--config", str(home / "config.toml"), "run")
        daemon = stack.enter_context(_running(home / "daemon.log", *program))
        yield Stage(home, daemon)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Have a closed terminal or a SIGTERM end the block as Ctrl-C does: it stops its children."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _running(log: Path, module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 our own program, on our own files
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=isolated_environment(),
            start_new_session=True,  # Ctrl-C is for the demo, which then stops both in order
        )
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def own_photos(folder: Path) -> list[Path]:
    """Return the first photos beneath a person's folder, of one name one; they are only read."""
    found: dict[str, Path] = {}
    for within, folders, names in os.walk(folder):  # as far as needed: it may be a whole library
        folders.sort()
        for path in (Path(within, name) for name in sorted(names)):
            if Filter().is_photo("", path.name) and path.is_file() and os.access(path, os.R_OK):
                found.setdefault(path.name, path)
            if len(found) == OWN_PHOTOS_LIMIT:
                return list(found.values())
    return list(found.values())


def sample_photos() -> list[Path]:
    """Return the photos that come with the package."""
    folder = Path(str(resources.files("captiond.testing") / "photos"))
    return sorted(path for path in folder.iterdir() if Filter().is_photo("", path.name))


def await_ready(on: Stage) -> Library:
    """Return the index, opened, once the daemon watches; raises CaptiondError if it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if "service.ready" in on.log.read_text(encoding="utf-8"):
            return Library(on.index)
        _step(on)
    raise CaptiondError(f"the demo's daemon did not start; its log is {on.log}")


def perform(on: Stage, sources: list[Path], library: Library) -> Iterator[str | Entry]:
    """Let photos arrive, the last one slowly; yield the name of each that has, and each result.

    Raises CaptiondError when nothing happens for PATIENCE_SECONDS.
    """
    arriving = _arrivals(sources, on.photos)
    waiting = {on.photos / photo.name for photo in sources}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting:
        if (arrived := next(arriving, None)) is not None:
            yield arrived
        for path in sorted(waiting):
            entry = library.get(path)
            if entry is not None and entry.state not in {State.QUEUED, State.INFLIGHT}:
                waiting.remove(path)
                deadline = time.monotonic() + PATIENCE_SECONDS
                yield entry
        if time.monotonic() > deadline:
            raise CaptiondError(f"nothing was captioned for {PATIENCE_SECONDS:.0f} seconds")
        _step(on)


def _step(on: Stage) -> None:
    """Let a moment pass; raises CaptiondError at once when the daemon has ended."""
    with suppress(subprocess.TimeoutExpired):
        on.daemon.wait(STEP_SECONDS)
        raise CaptiondError(f"the demo's daemon ended; its log is {on.log}")


def _arrivals(sources: list[Path], into: Path) -> Iterator[str]:
    """Copy one photo a step as a file manager does, the last in pieces as a camera does."""
    *quick, slow = sources
    for photo in quick:
        shutil.copyfile(photo, into / photo.name)
        yield photo.name
    content = slow.read_bytes()
    size = len(content) // PIECES + 1
    for piece, start in enumerate(range(0, size * PIECES, size), 1):
        with (into / slow.name).open("ab") as target:
            target.write(content[start : start + size])
        yield f"{slow.name}, piece {piece} of {PIECES}"
