"""Twenty thousand files at once, in nested folders that are new too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import stage
from benchmarks.measure import Aim, Figure, memory_of
from captiond.testing.photo_maker import tiny_jpeg

A_FOLDER = 100


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures."""
    count = 2000 if quick else 20_000
    with stage.gemini(folder) as gemini:
        home = stage.Home(folder / "home", gemini.url, folder / "photos")
        with home.running() as daemon, memory_of(daemon.pid) as memory:
            began = time.monotonic()
            _drop(home.photos, count)
            dropped = time.monotonic() - began
            stage.wait_until(
                lambda: home.captioned() == count, seconds=stage.RUN_SECONDS, every=0.5
            )
            took = time.monotonic() - began
        lost = count - home.captioned()
        written = sum(1 for _ in home.photos.rglob("*.txt"))
        asked = len(gemini.asked())
    yield Figure(f"{count:,} files in new nested folders: lost", "files", [lost], Aim(0))
    yield Figure("  without a sidecar", "files", [count - written], Aim(0))
    yield Figure("  asked about more than once", "files", [asked - count], Aim(0))
    yield Figure("  written within", "s", [dropped])
    yield Figure("  all captioned, sidecars and index durable, within", "s", [took])
    yield Figure("  photos a second", "photos/s", [count / took])
    yield Figure("  peak memory of the daemon (RSS)", "MB", [memory.root_mb])
    yield Figure("  peak memory of all processes together (PSS)", "MB", [memory.tree_mb])


def _drop(root: Path, count: int) -> None:
    for start in range(0, count, A_FOLDER):
        number = start // A_FOLDER
        inside = root / f"{number // 50}" / f"{number // 10}" / f"{number}"
        inside.mkdir(parents=True)
        for photo in range(start, min(start + A_FOLDER, count)):
            (inside / f"IMG_{photo:05}.jpg").write_bytes(tiny_jpeg(photo))
