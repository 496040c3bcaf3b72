"""Kills the daemon again and again, and looks over what it left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from daemon_helpers import PROGRAM, Home, clean_environment, select_nothing, wait_until
from lxml import etree

from captiond.models import Description
from captiond.sidecars.json import Json
from captiond.sidecars.xmp import Xmp
from captiond.testing.gemini_wire import ReceivedRequest
from captiond.testing.photo_maker import make_jpeg

DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
SIDECARS = (".txt", ".xmp", ".caption.json")
LIFE_SECONDS = 2.5
"""The longest life of a daemon that is killed; it takes 0.8 s to be ready."""


async def answer_by_image(request: ReceivedRequest) -> Description:
    """Describe every picture in words of its own, so that no mix-up stays unseen."""
    name = hashlib.sha256(request.image).hexdigest()[:12]
    return Description(caption=f"Soft colours named {name}.", keywords=(name, "colours"))


def make_photo(number: int) -> bytes:
    """Return a tiny photo with a picture of its own."""
    return make_jpeg(width=16, height=16, seed=number, noise=0)


@dataclass
class Arrivals:
    """Photos that arrive piece by piece, in three folders, written in place or moved in."""

    home: Home
    total: int
    seed: int
    come: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 moments, no secrets

    def drop(self, count: int) -> None:
        """Let that many more photos arrive."""
        for number in range(self.come, min(self.come + count, self.total)):
            folder = self.home.photos / f"roll {number % 3}"
            folder.mkdir(exist_ok=True)
            target = folder / f"{number}.jpg"
            if self.rng.random() < 0.5:
                target.write_bytes(make_photo(number))
            else:
                elsewhere = folder / ".moved in"
                elsewhere.write_bytes(make_photo(number))
                elsewhere.rename(target)
            self.come = number + 1


@dataclass
class Toll:
    """What the kills came to."""

    kills: int = 0
    before_ready: int = 0
    set_aside: int = 0


@contextlib.contextmanager
def killed(home: Home, *verb: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start captiond in a session of its own; kill it at the end, and see its children end."""
    with home.log.open("ab") as log:
        process = subprocess.Popen(
            [PROGRAM, "--config", home.path / "config.toml", *(verb or ("run",))],
            stderr=log,
            stdout=log,
            env=clean_environment(),
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not session(process.pid), seconds=10, what="the children end")


def session(leader: int) -> list[int]:
    """Return the processes of a session that still run."""
    return [pid for pid in psutil.pids() if _session_of(pid) == leader]


def _session_of(pid: int) -> int | None:
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return None
        return os.getsid(pid)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


def kill_at_random(home: Home, rng: random.Random, toll: Toll, *verb: str) -> None:
    """Start captiond and kill it at a random moment: start-up, recovery, amid requests, idle."""
    ready_before = told(home, "service.ready")
    with killed(home, *verb) as daemon:
        _let_pass(rng.uniform(0.0, LIFE_SECONDS))
        assert not daemon.poll(), home.log.read_text()[-3000:]
    toll.kills += 1
    toll.before_ready += told(home, "service.ready") == ready_before


def told(home: Home, event: str) -> int:
    """Return how often the log tells of something."""
    return home.log.read_text().count(f'"{event}"') if home.log.exists() else 0


def _let_pass(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        select_nothing(left)


def photos_of(home: Home) -> list[Path]:
    return sorted(path for path in home.photos.rglob("*.jpg") if path.is_file())


def states_count(home: Home, *states: str) -> int:
    """Return how many photos stand in any of these states."""
    marks = ", ".join("?" * len(states))
    found = home.rows(f"select count(*) from library where state in ({marks})", *states)
    return int(found[0][0]) if found else 0


def bring_back(home: Home) -> int:
    """Have what was set aside tried again; return how many photos that were."""
    count = states_count(home, "failed")
    home.run("retry")
    return count


def assert_all_whole(home: Home, *, photos: Sequence[Path]) -> None:
    """Every photo is captioned once, its sidecars say the same; nothing else lies about."""
    shown = dict(home.rows("select path, caption from library where state = 'captioned'"))
    assert sorted(shown) == [str(path) for path in photos]
    assert len(set(shown.values())) == len(photos)
    for path, caption in shown.items():
        assert sidecar_captions(Path(path)) == [caption] * len(SIDECARS)
    expected = {Path(f"{path}{suffix}") for path in photos for suffix in ("", *SIDECARS)}
    assert {path for path in home.photos.rglob("*") if not path.is_dir()} == expected
    assert home.rows("select count(*), count(distinct digest) from captions") == [
        (len(photos), len(photos))
    ]
    assert home.rows("select count(*) from photos where owner is not null") == [(0,)]
    assert home.rows("select count(*) from requests where state = 'inflight'") == [(0,)]
    assert home.rows("pragma integrity_check") == [("ok",)]
    assert home.rows("select count(*) from photos_fts where photos_fts match 'colours'") == [
        (len(photos),)
    ]


def sidecar_captions(photo: Path) -> list[str]:
    """Return the caption in each of the photo's sidecars; each is whole, to its last byte."""
    txt, xmp, document = (Path(f"{photo}{suffix}").read_bytes() for suffix in SIDECARS)
    assert Xmp().is_ours(xmp)
    assert Json().is_ours(document)
    (description,) = etree.fromstring(xmp).iter(DESCRIPTION)
    return [
        txt.decode().removesuffix("\n"),
        "".join(description.itertext()).split("\n")[2].strip(),
        json.loads(document)["caption"],
    ]
