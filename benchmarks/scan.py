"""A scan of files that have not changed, beside `find -printf`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio

from benchmarks.measure import Aim, Figure
from captiond.index.store import SqliteIndex
from captiond.intake.attend import Intake, scan_once
from captiond.intake.folder import WatchedFolder
from captiond.intake.settler import Tally

A_FOLDER = 100


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures."""
    folders, times = (100, 3) if quick else (1000, 7)
    root = folder / "photos"
    for number in range(folders):
        inside = root / f"{number % 30:02}" / f"{number:04}"
        inside.mkdir(parents=True)
        for photo in range(A_FOLDER):
            (inside / f"IMG_{photo:04}.jpg").write_bytes(b"not looked at")
    pairs = anyio.run(_measure, folder, root, times)
    ours, finds = zip(*pairs, strict=True)
    what = f"{folders * A_FOLDER:,} unchanged files in {folders:,} folders (baseline: find)"
    yield Figure(what, "s", ours, Aim(2.0, "ratio"), finds)


async def _measure(folder: Path, root: Path, times: int) -> list[tuple[float, float]]:
    index = await SqliteIndex.open(folder / "index.db")
    intake = Intake(
        folder=WatchedFolder(root=str(root), settle_seconds=0.1),
        index=index,
        on_due=lambda: None,
        scanning=anyio.CapacityLimiter(1),
    )
    try:
        for _ in range(2):  # the first finds the photos, the second that the folders agree
            await scan_once(intake)
        return [(await _scan(intake), await _find(root)) for _ in range(times)]
    finally:
        await index.aclose()


async def _scan(intake: Intake) -> float:
    began = time.perf_counter()
    totals = await scan_once(replace(intake, tally=Tally()))
    took = time.perf_counter() - began
    assert totals.due == 0
    return took


async def _find(root: Path) -> float:
    command = ["find", str(root), "-type", "f", "-printf", "%p %s %T@\\n"]
    began = time.perf_counter()
    await anyio.run_process(command, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
