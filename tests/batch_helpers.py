"""Runs a daemon whose backlog goes by batch."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from daemon_helpers import Home

from captiond.testing.gemini_server import GeminiServer
from captiond.testing.photo_maker import make_jpeg


def batch_home(
    path: Path, server: GeminiServer, *, photos: int = 0, side_px: int = 16, **settings
) -> Home:
    """Lay out a home with a backlog of photos, each with a picture of its own."""
    usual = {"concurrency": 8, "gemini": 'backlog = "batch"'}
    home = Home(path, server.base_url, **(usual | settings))
    for number in range(photos):
        data = make_jpeg(width=side_px, height=side_px, seed=number, noise=0.4 * (side_px > 99))
        (home.photos / f"{number:04}.jpg").write_bytes(data)
    return home


def jobs(home: Home) -> list[tuple[str, int]]:
    """Return the state and size of every job, the oldest first."""
    return home.rows("select state, requests from jobs order by created_at")


def answers(home: Home) -> int:
    """Return how many requests are answered."""
    found = home.rows("select count(*) from requests where state = 'answered'")
    return int(found[0][0]) if found else 0


def logged(home: Home, event: str) -> list[dict]:
    """Return what the log tells of an event, in its order."""
    if not home.log.exists():
        return []
    lines = (json.loads(line) for line in home.log.read_text().splitlines() if f'"{event}"' in line)
    return [line for line in lines if line["event"] == event]


def spooled_bytes(home: Home) -> int:
    """Return how much lies in spools and results."""
    return sum(left.stat().st_size for left in home.index.parent.glob("*.batch-*"))


def let_go(server: GeminiServer) -> None:
    """Have the server finish the jobs that it holds."""
    asked = urllib.request.Request(f"{server.base_url}/batches/release", method="POST")  # noqa: S310 loopback
    urllib.request.urlopen(asked, timeout=10).close()  # noqa: S310 loopback
