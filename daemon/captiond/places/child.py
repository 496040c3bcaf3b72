"""Names places for the daemon in a process of its own: the gazetteer takes 270 MB.

Each line that comes in holds two numbers, each that goes out one JSON text or null.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import reverse_geocode

from captiond.places.nearest import Town, name_of

FIRST_TO_GO = "500"
"""For the kernel when memory is short: rather a place without a name than the daemon."""


def main() -> None:
    """Answer until the daemon hangs up."""
    with contextlib.suppress(OSError):  # no /proc, or more than that already
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    for line in sys.stdin:
        latitude, longitude = map(float, line.split())
        sys.stdout.write(f"{json.dumps(name_of(latitude, longitude, nearest))}\n")
        sys.stdout.flush()


def nearest(latitude: float, longitude: float, inhabitants: int) -> Town:
    """Return the nearest town of the gazetteer."""
    found = reverse_geocode.get((latitude, longitude), inhabitants)
    return Town(
        city=str(found["city"]),
        state=str(found.get("state") or ""),
        country=str(found["country"]),
        latitude=float(found["latitude"]),
        longitude=float(found["longitude"]),
    )
