"""Runs `captiond scan` with a stall probe on its event loop.

`python -m benchmarks.probed CONFIG` prints, as JSON, how the pass ended and how the loop did. The
probe beats from the first look at the queue: what is imported before belongs to the start.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import anyio

from benchmarks.measure import StallProbe, high_water_mb
from captiond import config, log
from captiond.verbs import onepass


async def main(path: Path) -> dict[str, float]:
    """Run one pass; return its figures."""
    settings = config.load(path)
    log.configure(settings.log)
    probe = StallProbe()
    async with anyio.create_task_group() as tasks:
        begun = False

        def on_progress(_: onepass.Progress) -> None:
            nonlocal begun
            if not begun:
                begun = True
                tasks.start_soon(probe.run)

        ended = await onepass.scan(settings, on_progress)
        tasks.cancel_scope.cancel()
    return {
        "captioned": ended.captioned,
        "peak_mb": high_water_mb(),
        "cpu_ms": _cpu_ms(resource.RUSAGE_SELF) / max(ended.captioned, 1),
        "decoders_cpu_ms": _cpu_ms(resource.RUSAGE_CHILDREN) / max(ended.captioned, 1),
        **probe.report(),
    }


def _cpu_ms(who: int) -> float:
    used = resource.getrusage(who)
    return (used.ru_utime + used.ru_stime) * 1000


if __name__ == "__main__":
    print(json.dumps(anyio.run(main, Path(sys.argv[1]))))
