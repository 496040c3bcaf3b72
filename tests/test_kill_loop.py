"""kill -9 at any moment: nothing is lost, nothing is torn, little is paid twice."""

from __future__ import annotations

import functools
import io
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from daemon_helpers import Home, wait_until
from kill_helpers import (
    Arrivals,
    Toll,
    answer_by_image,
    assert_all_whole,
    bring_back,
    kill_at_random,
    killed,
    photos_of,
    states_count,
)
from PIL import Image

from captiond.models import Description
from captiond.testing.gemini_server import GeminiServer
from captiond.testing.gemini_wire import ReceivedRequest
from captiond.testing.photo_maker import make_jpeg

MOST_EXTRA_PER_KILL = 3
LATENCY_SECONDS = 0.05
"""With none, the server answers one request before it reads the next: never 8 in flight."""

DEADLY_PX = (48, 16)


@pytest.mark.parametrize(
    ("kills", "photos", "most_extra"),
    [
        (10, 200, 10 * 8),  # too few for an average, but no kill costs more than what is in flight
        pytest.param(200, 3000, 200 * MOST_EXTRA_PER_KILL, marks=pytest.mark.soak),
    ],
)
async def test_kills_at_random_moments(
    tmp_path: Path, kills: int, photos: int, most_extra: int, record_property
) -> None:
    """Every photo ends captioned once with whole sidecars, with at most 3 more requests a kill."""
    async with GeminiServer(answer=answer_by_image, latency_seconds=LATENCY_SECONDS) as server:
        home = Home(tmp_path, server.base_url, concurrency=8)
        loop = functools.partial(kill_loop, home, Arrivals(home, photos, seed=kills), kills)
        toll = await anyio.to_thread.run_sync(loop)
    assert server.counters.peak == 8
    extra = server.counters.requests - photos
    report = f"{extra} more requests, {toll}"
    record_property("kills", report)
    assert extra <= most_extra, report


def kill_loop(home: Home, arrivals: Arrivals, kills: int, *verb: str) -> Toll:
    """Kill again and again, let the rest be done, look it over."""
    toll, total = Toll(), arrivals.total
    arrivals.drop(total // 4)
    piece = -(-(total - arrivals.come) // kills)
    while toll.kills < kills:
        kill_at_random(home, arrivals.rng, toll, *verb)
        arrivals.drop(piece)
    with home.daemon():
        wait_until(lambda: states_count(home, "captioned", "failed") == total, seconds=120)
        toll.set_aside = bring_back(home)
        wait_until(lambda: states_count(home, "captioned") == total, seconds=60)
    assert_all_whole(home, photos=photos_of(home))
    return toll


async def test_kills_of_a_scan(tmp_path: Path) -> None:
    """A pass that is killed leaves nothing that the next one does not put right."""
    async with GeminiServer(answer=answer_by_image) as server:
        home = Home(tmp_path, server.base_url, concurrency=8)
        arrivals = Arrivals(home, 120, 3)
        loop = functools.partial(kill_loop, home, arrivals, 4, "scan")
        await anyio.to_thread.run_sync(loop)
    assert server.counters.requests <= arrivals.total + 4 * MOST_EXTRA_PER_KILL


@dataclass
class Deadly:
    """Kills the daemon whenever it asks about the deadly photo; tells of all others."""

    daemon: int = 0
    deaths: int = 0
    armed: bool = True

    async def answer(self, request: ReceivedRequest) -> Description:
        with Image.open(io.BytesIO(request.image)) as image:
            if self.armed and image.size == DEADLY_PX:
                self.deaths += 1
                os.kill(self.daemon, signal.SIGKILL)
        return await answer_by_image(request)


async def test_a_photo_that_kills_each_time(tmp_path: Path) -> None:
    """It is set aside after three crashes with that reason, and none that was beside it is."""
    deadly = Deadly()
    async with GeminiServer(answer=deadly.answer, latency_seconds=0.2) as server:
        home = Home(tmp_path, server.base_url, concurrency=8)
        await anyio.to_thread.run_sync(live_with, deadly, home)
        asked = server.counters.requests
    assert server.counters.peak == 8
    # Seven were beside it at the first crash, none at the others; it was asked about four times.
    assert asked <= 30 + 7 + 4


def is_over(home: Home, daemon: subprocess.Popen[bytes]) -> bool:
    """Tell whether the daemon died, or every photo has its end."""
    return daemon.poll() is not None or states_count(home, "captioned", "failed") == 31


def live_with(deadly: Deadly, home: Home) -> None:
    """Restart the daemon whenever it is killed, until every photo has its end."""
    arrivals = Arrivals(home, 30, 4)
    arrivals.drop(15)
    (home.photos / "deadly.jpg").write_bytes(make_jpeg(width=48, height=16, seed=99))
    arrivals.drop(15)
    while states_count(home, "captioned", "failed") < 31:
        with killed(home) as daemon:
            deadly.daemon = daemon.pid
            wait_until(functools.partial(is_over, home, daemon))
    assert deadly.deaths == 3
    failed = "select name, reason from library where state = 'failed'"
    assert home.rows(failed) == [
        ("deadly.jpg", "captiond stopped 3 times while this photo was with the captioner")
    ]
    deadly.armed = False
    with home.daemon():
        home.run("retry")
        wait_until(lambda: states_count(home, "captioned") == 31)
    assert_all_whole(home, photos=photos_of(home))
