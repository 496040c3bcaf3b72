"""Camera photos of 24 megapixels, beside libvips decoding alone in as many processes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks import stage
from benchmarks.measure import Aim, Figure, interleaved, memory_of
from captiond.config import isolated_environment
from captiond.settings import ImageSettings

AT_ONCE = 64
LATENCY_SECONDS = 1.0


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures."""
    count, times = (32, 1) if quick else (100, 3)
    photos = folder / "photos"
    stage.lay_out(photos, stage.large_jpeg, count=count)
    pairs = interleaved(
        lambda: _captiond(folder / "home", photos, count),
        lambda: _vips_alone(folder, photos),
        times=times,
    )
    ours, theirs = zip(*pairs, strict=True)
    yield Figure(
        "24 MP: first request to last request (baseline: libvips, first done to last done)",
        "photos/s",
        [run[0] for run in ours],
        Aim(0.8, "ratio", at_least=True),
        theirs,
    )
    yield Figure(
        "peak memory of all processes together (PSS)", "MB", [r[1] for r in ours], Aim(400)
    )
    yield Figure("  of it the daemon (RSS)", "MB", [run[2] for run in ours])


def _captiond(path: Path, photos: Path, count: int) -> tuple[float, float, float]:
    with stage.gemini(path.parent, latency_seconds=LATENCY_SECONDS) as gemini:
        home = stage.Home(path, gemini.url, photos, concurrency=AT_ONCE)
        with home.log.open("ab") as log:
            scan = subprocess.Popen(
                [stage.PROGRAM, "--config", home.config, "scan"],
                stdout=log,
                stderr=log,
                env=isolated_environment(),
            )
            with memory_of(scan.pid) as memory:
                status = scan.wait(timeout=stage.RUN_SECONDS)
        assert status == 0, home.log.read_text()[-3000:]
        asked = sorted(one.at for one in gemini.asked())
    assert len(asked) == count
    home.sweep()
    shutil.rmtree(path)
    return (count - 1) / (asked[-1] - asked[0]), memory.tree_mb, memory.root_mb


def _vips_alone(folder: Path, photos: Path) -> float:
    edge = str(ImageSettings().max_edge_px)
    rate: float = stage.python("baseline", str(photos), edge, log=folder / "baseline.log")
    return rate
