"""Runs a daemon whose backlog goes by batch."""

from __future__ import annotations

import dataclasses
import functools
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from daemon_helpers import Home, wait_until
from kill_helpers import states_count

from captiond import config
from captiond.app import App, open_app
from captiond.batches.room import Batches
from captiond.intake.attend import scan_once
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


@asynccontextmanager
async def in_house(home: Home) -> AsyncIterator[App]:
    """Run the parts of the daemon in this process, with short pauses; photos were found once."""
    async with open_app(config.load(home.path / "config.toml")) as whole:
        short = {"quiet_seconds": 0.4, "first_seconds": 0.05, "doubt_seconds": 1.0}
        table = dataclasses.replace(whole.batches.table, **short)
        app = dataclasses.replace(whole, batches=Batches(table, whole.batches.collector))
        await app.index.recover(now=app.bench.clock())
        async with anyio.create_task_group() as feeding:
            app.feed(feeding)
            await scan_once(app.intakes[0])
            yield app
            app.wind_down(feeding)
            await app.drained()


async def until(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Return when the condition holds, while this process works on."""
    wait = functools.partial(wait_until, condition, seconds=seconds, every_seconds=0.005)
    await anyio.to_thread.run_sync(wait)


async def captioned(home: Home, count: int, *, seconds: float = 30.0) -> None:
    """Return when so many photos are captioned."""
    await until(lambda: states_count(home, "captioned") == count, seconds=seconds)


async def last_job(home: Home, state: str) -> None:
    """Return when the newest job is in this state."""
    await until(lambda: jobs(home) and jobs(home)[-1][0] == state)
