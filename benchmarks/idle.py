"""The daemon with ten thousand folders to watch and nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks import stage
from benchmarks.measure import MB, Aim, Figure

CALM_SECONDS = 10.0
"""After READY the first scan and the imports are over; they are no idling."""


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures."""
    folders, seconds = (1000, 10) if quick else (10_000, 60)
    root = folder / "photos"
    for number in range(folders):
        (root / f"{number % 100:02}" / f"{number:05}").mkdir(parents=True)
    with stage.gemini(folder) as gemini:
        home = stage.Home(folder / "home", gemini.url, root)
        with home.running() as daemon:
            process = psutil.Process(daemon.pid)
            stage.pause(CALM_SECONDS)
            used, began = _cpu_seconds(process), time.monotonic()
            stage.pause(seconds)
            a_minute = (_cpu_seconds(process) - used) / (time.monotonic() - began) * 60
            resident = [one.memory_info().rss / MB for one in _tree(process)]
    yield Figure(f"{folders:,} folders watched: CPU a minute", "s", [a_minute], Aim(1.0))
    yield Figure("memory of the daemon (RSS)", "MB", [sum(resident)], Aim(130))


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_seconds(process: psutil.Process) -> float:
    times = [one.cpu_times() for one in _tree(process)]
    return float(sum(time.user + time.system for time in times))
