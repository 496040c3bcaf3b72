"""A long queue beside a short one: what a claim takes, and what memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import anyio

from benchmarks import stage
from benchmarks.measure import Aim, Figure, interleaved
from captiond.index.base import Sighting
from captiond.index.store import SqliteIndex
from captiond.models import Lane, Photo, Signature

SHORT = 1000
A_BATCH = 10_000
A_FOLDER = 500


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures."""
    rows, times = (100_000, 3) if quick else (1_000_000, 5)
    long, short = folder / "long.db", folder / "short.db"
    anyio.run(_fill, long, rows)
    anyio.run(_fill, short, SHORT)

    def claims(index: Path) -> dict[str, float]:
        figures: dict[str, float] = stage.python("claims", str(index), log=folder / "log")
        return figures

    pairs = interleaved(lambda: claims(long), lambda: claims(short), times=times)
    for name, what, unit, aim in (
        (
            "claim_ms",
            f"claiming 16 of {rows:,} rows (baseline: of {SHORT:,})",
            "ms",
            Aim(1.5, "ratio"),
        ),
        ("next_due_ms", "asking when the next one is due", "ms", Aim(1.5, "ratio")),
        ("peak_mb", "memory of the process that claims", "MB", Aim(1.25, "ratio")),
        ("counts_ms", "counting all states, as the heartbeat does every 5 s", "ms", None),
    ):
        ours, theirs = zip(*((one[name], other[name]) for one, other in pairs), strict=True)
        yield Figure(what, unit, ours, aim, theirs)


async def _fill(path: Path, rows: int) -> None:
    index = await SqliteIndex.open(path)
    try:
        for start in range(0, rows, A_BATCH):
            batch = range(start, min(start + A_BATCH, rows))
            await index.offer([_sighting(number) for number in batch], now=time.time())
    finally:
        await index.aclose()


def _sighting(number: int) -> Sighting:
    photo = Photo("/srv/photos", f"{number // A_FOLDER:05}/IMG_{number:07}.jpg")
    return Sighting(photo, Signature(200_000, number, number, number), Lane.BACKLOG)
