"""64 requests at once against answers that take a second, beside everything at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks import stage
from benchmarks.measure import Aim, Figure, interleaved

AT_ONCE = 64
LATENCY_SECONDS = 1.0


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures."""
    count, times = (192, 1) if quick else (640, 3)
    photos = folder / "photos"
    stage.lay_out(photos, stage.small_jpeg, count=count)
    pairs = interleaved(
        lambda: _captiond(folder / "home", photos, count),
        lambda: _notebook(folder, photos),
        times=times,
    )
    ours, theirs = zip(*pairs, strict=True)
    yield Figure(
        f"{AT_ONCE} at once, first request to last photo done (baseline: the ideal)",
        "photos/s",
        [run["photos_a_second"] for run in ours],
        Aim(0.9, "ratio", at_least=True),
        [AT_ONCE / LATENCY_SECONDS] * times,
    )
    yield Figure(
        "peak memory of the daemon (baseline: everything at once)",
        "MB",
        [run["peak_mb"] for run in ours],
        Aim(0.25, "ratio"),
        [run["peak_mb"] for run in theirs],
    )
    yield Figure(
        "longest stall of the event loop (baseline: everything at once)",
        "ms",
        [run["longest_ms"] for run in ours],
        Aim(50),
        [run["longest_ms"] for run in theirs],
    )
    yield Figure("  of it the loop's own work", "ms", [run["own_ms"] for run in ours])
    yield Figure("  99 of 100 turns came within", "ms", [run["p99_ms"] for run in ours])


def _captiond(path: Path, photos: Path, count: int) -> dict[str, float]:
    with stage.gemini(path.parent, latency_seconds=LATENCY_SECONDS) as gemini:
        home = stage.Home(path, gemini.url, photos, concurrency=AT_ONCE)
        figures: dict[str, float] = stage.python("probed", str(home.config), log=home.log)
        assert figures["captioned"] == count, figures
        ended = home.ask("select max(captioned_at) from photos")
        first = min(asked.at for asked in gemini.asked())
    home.sweep()
    shutil.rmtree(path)
    return figures | {"photos_a_second": count / (ended - first)}


def _notebook(folder: Path, photos: Path) -> dict[str, float]:
    with stage.gemini(folder, latency_seconds=LATENCY_SECONDS) as gemini:
        figures: dict[str, float] = stage.python(
            "notebook", gemini.url, str(photos), log=folder / "notebook.log"
        )
    return figures
