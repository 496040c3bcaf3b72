"""Claims photos from an index and hands them back; `python -m benchmarks.claims INDEX`."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from benchmarks.measure import high_water_mb
from captiond.index.store import SqliteIndex

TIMES = 50
AT_ONCE = 16


async def main(path: Path) -> dict[str, float]:
    """Return the medians in ms, and the peak memory in MB."""
    index = await SqliteIndex.open(path)
    try:
        claims, dues = [], []
        for _ in range(TIMES):
            began = time.perf_counter()
            held = await index.claim(owner="bench", limit=AT_ONCE, now=time.time())
            claims.append((time.perf_counter() - began) * 1000)
            assert len(held) == AT_ONCE
            dues.append(await _timed(index.next_due))
            await index.release([claim.photo for claim in held], owner="bench")
        peak = high_water_mb()
        counts = [await _timed(index.counts) for _ in range(3)]
    finally:
        await index.aclose()
    return {
        "claim_ms": statistics.median(claims),
        "next_due_ms": statistics.median(dues),
        "counts_ms": statistics.median(counts),
        "peak_mb": peak,
    }


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    print(json.dumps(anyio.run(main, Path(sys.argv[1]))))
