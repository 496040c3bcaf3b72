"""`captiond search` as a whole process, beside a Python that does nothing."""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import stage
from benchmarks.library import fill
from benchmarks.measure import Aim, Figure, interleaved
from captiond.config import isolated_environment

QUERIES = (
    ("a rare word (20 hits)", "zeppelin"),
    ("a frequent word (a third of all)", "river"),
    ("two words", "child bridge"),
    ("the beginning of a word", "mou*"),
    ("a phrase", '"beside the river"'),
)


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures."""
    captions, times = (5000, 5) if quick else (100_000, 15)
    home = stage.Home(folder / "home", "", folder / "photos")
    fill(home.index, captions=captions)
    for what, query in QUERIES:
        command = [str(stage.PROGRAM), "--config", str(home.config), "search", query]
        pairs = interleaved(
            functools.partial(_milliseconds, command),
            functools.partial(_milliseconds, [sys.executable, "-c", "pass"]),
            times=times,
        )
        ours, bare = zip(*pairs, strict=True)
        yield Figure(
            f"{captions:,} captions: {what} (baseline: python -c pass)", "ms", ours, Aim(100), bare
        )


def _milliseconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=isolated_environment(), stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000
