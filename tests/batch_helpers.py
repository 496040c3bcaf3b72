"""Runs a daemon whose backlog goes by batch."""

from __future__ import annotations

import json
from pathlib import Path

from daemon_helpers import Home
from kill_helpers import make_photo, photos_of, sidecar_captions, told

from captiond.testing.gemini_server import GeminiServer


def batch_home(path: Path, server: GeminiServer, *, photos: int = 0, **settings) -> Home:
    """Lay out a home with a backlog of photos, each with a picture of its own."""
    usual = {"concurrency": 8, "gemini": 'backlog = "batch"'}
    home = Home(path, server.base_url, **(usual | settings))
    for number in range(photos):
        (home.photos / f"{number:04}.jpg").write_bytes(make_photo(number))
    return home


def jobs(home: Home) -> list[tuple]:
    """Return the state and size of every job, the oldest first."""
    return home.rows("select state, requests from jobs order by created_at")


def logged(home: Home, event: str) -> list[dict]:
    """Return what the log tells of an event, in its order."""
    lines = (json.loads(line) for line in home.log.read_text().splitlines() if f'"{event}"' in line)
    return [line for line in lines if line["event"] == event]


__all__ = ["batch_home", "jobs", "logged", "photos_of", "sidecar_captions", "told"]
