"""One daemon for as long as it takes: what it holds does not grow with what it has done."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
import pytest
from daemon_helpers import Home, counters, gemini, wait_until

from captiond.testing.photo_maker import tiny_jpeg

PIECE = 250
WAITING = 500
"""So many photos wait at most: they arrive as long as the daemon lives, not all at its start."""

WAL_BYTES = 32 << 20
SIDECARS = (".xmp", ".txt")


@dataclass(frozen=True, slots=True)
class Held:
    """What the daemon held at one moment, after so many photos."""

    photos: int
    memory_bytes: int
    files: int
    threads: int
    wal_bytes: int


@pytest.mark.parametrize(
    ("photos", "warm", "growth"),
    [(1_000, 500, 1.15), pytest.param(100_000, 10_000, 1.10, marks=pytest.mark.soak)],
)
def test_nothing_grows(tmp_path: Path, photos: int, warm: int, growth: float) -> None:
    """Memory, descriptors, threads and the WAL stay flat; every caption and sidecar is there."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, concurrency=8, sidecars=("xmp", "txt"))
        with home.daemon() as daemon:
            seen = live(home, daemon, photos)
        assert counters(url)["requests"] == photos
    assert_flat([one for one in seen if one.photos >= warm], growth)
    assert_everything_is_there(home, photos)
    shutil.rmtree(home.photos)


def live(home: Home, daemon: subprocess.Popen[bytes], photos: int) -> list[Held]:
    """Let the photos arrive piece by piece; return what the daemon held after each piece."""
    process, seen = psutil.Process(daemon.pid), list[Held]()
    for first in range(0, photos, PIECE):
        drop(home, first)
        waiting = first + PIECE - WAITING if first + PIECE < photos else photos
        wait_until(lambda least=waiting: captioned(home) >= least, seconds=120)
        seen.append(look(home, process))
    return seen


def drop(home: Home, first: int) -> None:
    folder = home.photos / f"{first // 1000:03}"
    folder.mkdir(exist_ok=True)
    for number in range(first, first + PIECE):
        (folder / f"{number}.jpg").write_bytes(tiny_jpeg(number))


def captioned(home: Home) -> int:
    found = home.rows("select count(*) from photos where state = 'captioned'")
    return int(found[0][0]) if found else 0


def look(home: Home, process: psutil.Process) -> Held:
    return Held(
        photos=captioned(home),
        memory_bytes=process.memory_full_info().pss,
        files=process.num_fds(),
        threads=process.num_threads(),
        wal_bytes=wal(home).stat().st_size,
    )


def wal(home: Home) -> Path:
    return home.index.with_name(f"{home.index.name}-wal")


def assert_flat(seen: list[Held], growth: float) -> None:
    """The last tenth of a life holds no more than the first."""
    tenth = max(len(seen) // 10, 1)
    early, late = seen[:tenth], seen[-tenth:]
    assert typical(late, "memory_bytes") <= growth * typical(early, "memory_bytes"), seen
    # A decoder child that is replaced just then has its pipe, an idle thread its last seconds.
    assert typical(late, "files") <= typical(early, "files") + 4, seen
    assert typical(late, "threads") <= typical(early, "threads") + 4, seen
    assert max(one.wal_bytes for one in seen) <= WAL_BYTES, seen


def typical(seen: list[Held], what: str) -> float:
    return median(getattr(one, what) for one in seen)


def assert_everything_is_there(home: Home, photos: int) -> None:
    assert not wal(home).exists()
    assert captioned(home) == photos
    assert home.rows("select count(*), count(distinct digest) from captions") == [(photos, photos)]
    assert home.rows("pragma integrity_check") == [("ok",)]
    found = [path.name for path in home.photos.rglob("*") if not path.is_dir()]
    expected = [f"{n}.jpg{suffix}" for n in range(photos) for suffix in ("", *SIDECARS)]
    assert sorted(found) == sorted(expected)
