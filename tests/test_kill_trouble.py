"""kill -9 while a disk is full or read-only: what is paid for is kept until there is room.

Needs root, to mount; skipped elsewhere.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import anyio
import pytest
from daemon_helpers import Home, wait_until
from disk_helpers import full, read_only, small_disk
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
    told,
)

from captiond.testing.gemini_server import GeminiServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="MOUNTS NEED ROOT: NOT TESTED HERE")

Trouble = Callable[[Path], AbstractContextManager[None]]
SIZES = pytest.mark.parametrize(
    ("kills", "photos"), [(2, 40), pytest.param(40, 800, marks=pytest.mark.soak)]
)


@SIZES
@pytest.mark.parametrize("trouble", [full, pytest.param(read_only, marks=pytest.mark.soak)])
async def test_kills_while_sidecars_cannot_be_written(
    tmp_path: Path, trouble: Trouble, kills: int, photos: int
) -> None:
    """Every reply waits in the index; room brings the sidecars without another request."""
    async with GeminiServer(answer=answer_by_image, latency_seconds=0.05) as server:
        with small_disk(tmp_path / "photos", kilobytes=photos * 24):
            home = Home(tmp_path, server.base_url, concurrency=8)
            arrivals = Arrivals(home, photos, seed=5)
            arrivals.drop(photos)
            through = functools.partial(captions_wait, home, arrivals, server, trouble, kills)
            await anyio.to_thread.run_sync(through)
            paid, unpaid = server.counters.requests, states_count(home, "failed")
            await anyio.to_thread.run_sync(finish, home, photos)
    assert server.counters.requests == paid + unpaid


def captions_wait(
    home: Home, arrivals: Arrivals, server: GeminiServer, trouble: Trouble, kills: int
) -> None:
    """Kill in the trouble, until and after every photo that was asked about is in the index."""
    toll = Toll()
    with trouble(home.photos):
        while toll.kills < kills:
            kill_at_random(home, arrivals.rng, toll)
        with killed(home):
            wait_until(lambda: settled(home) == arrivals.total, seconds=120)
        paid = server.counters.requests
        kill_at_random(home, arrivals.rng, toll)
        assert states_count(home, "captioned") == 0
    assert server.counters.requests == paid
    assert_paid_once(home)


@SIZES
async def test_kills_while_the_index_has_no_room(tmp_path: Path, kills: int, photos: int) -> None:
    """What was committed is never asked about again, and all is completed when there is room."""
    async with GeminiServer(answer=answer_by_image, latency_seconds=0.05) as server:
        with small_disk(tmp_path / "state", kilobytes=12_288 + 16 * photos):
            home = Home(tmp_path, server.base_url, concurrency=8)
            arrivals = Arrivals(home, photos, seed=6)
            through = functools.partial(index_fills, home, arrivals, server, kills)
            await anyio.to_thread.run_sync(through)
            await anyio.to_thread.run_sync(finish, home, photos)
            assert_paid_once(home)
    assert server.counters.requests <= photos + 2 * kills * home.concurrency


def index_fills(home: Home, arrivals: Arrivals, server: GeminiServer, kills: int) -> None:
    """Fill the disk beneath the index amid requests; kill then, and kill the next start."""
    piece = -(-arrivals.total // kills)
    for _ in range(kills):
        arrivals.drop(piece)
        failed, asked = told(home, "index.write_failed"), server.counters.requests
        with ExitStack() as trouble:
            with killed(home):
                wait_until(lambda asked=asked: server.counters.requests > asked)
                trouble.enter_context(full(home.index.parent))
                wait_until(lambda failed=failed: told(home, "index.write_failed") > failed)
            kill_at_random(home, arrivals.rng, Toll())


def settled(home: Home) -> int:
    """Return how many photos show their caption in the index, or were set aside by chance."""
    found = home.rows("select count(*) from photos where caption is not null or state = 'failed'")
    return int(found[0][0]) if found else 0


def finish(home: Home, photos: int) -> None:
    with home.daemon():
        wait_until(lambda: states_count(home, "captioned", "failed") == photos, seconds=120)
        bring_back(home)
        wait_until(lambda: states_count(home, "captioned") == photos, seconds=60)
    assert_all_whole(home, photos=photos_of(home))


def assert_paid_once(home: Home) -> None:
    """No content whose reply was committed was asked about again."""
    again = "select digest from requests where state = 'answered' group by digest having count(*)>1"
    assert home.rows(again) == []
