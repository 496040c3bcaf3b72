"""A backlog by batch, with the daemon killed at every moment of it: paid for exactly once."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from batch_helpers import answers, batch_home, jobs, let_go, logged, spooled_bytes
from daemon_helpers import Home, wait_until
from kill_helpers import answer_by_image, assert_all_whole, killed, photos_of, states_count

from captiond.batches.table import DOUBT_SECONDS
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_server import GeminiServer


@pytest.mark.parametrize(
    ("photos", "side_px"),
    [
        (60, 16),
        pytest.param(1000, 400, marks=pytest.mark.soak),  # too much for inline: by a file
    ],
)
async def test_a_backlog_survives_five_restarts(
    tmp_path: Path, photos: int, side_px: int, record_property
) -> None:
    """All photos are captioned, and every content is paid for once, by the server's own count."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=photos, side_px=side_px)
        amid = await anyio.to_thread.run_sync(die_five_times, home, server, photos)
        counted = server.counters
        paid = sorted(set(server.contents.values()))
    assert_all_whole(home, photos=photos_of(home))
    answered = "select count(*), count(distinct digest) from requests where state = 'answered'"
    assert home.rows(answered) == [(photos, photos)]
    assert (len(server.contents), paid, counted.requests) == (photos, [1], 0)
    assert not spooled_bytes(home)
    report = (
        f"{photos} photos, 5 kills (the last with {amid} answers read), {counted.batches} jobs at "
        f"the service with {counted.batch_items} items, {counted.files} files, {len(jobs(home))} "
        f"jobs in the index, paid {paid} times each, 0 asked twice"
    )
    record_property("restarts", report)


def die_five_times(home: Home, server: GeminiServer, photos: int) -> int:
    """Kill the daemon at five moments of a job's life; return how many answers the last one saw."""
    die_when(home, lambda: spooled_bytes(home))  # collecting

    server.batch_standing = faults.overloaded()  # the job is made here, and never gets there
    die_when(home, lambda: jobs(home) and logged(home, "job.postponed"))
    assert [state for state, _ in jobs(home)] == ["making"]
    server.batch_standing = None

    with sqlite3.connect(home.index) as db:  # a quarter of an hour later
        db.execute("update jobs set sent_at = sent_at - ?", (DOUBT_SECONDS,))
    server.lose_creations = 1  # it gets there, and the answer is lost
    die_when(home, lambda: server.counters.batches == 1)
    assert [state for state, _ in jobs(home)] == ["dissolved", "making"]

    die_when(home, lambda: [state for state, _ in jobs(home)][-1] == "running")

    let_go(server)
    die_when(home, lambda: answers(home))
    amid = answers(home)

    with home.daemon():
        wait_until(lambda: states_count(home, "captioned") == photos, seconds=300)
        wait_until(lambda: [state for state, _ in jobs(home)][-1] == "succeeded")
    return amid


def die_when(home: Home, condition: Callable[[], object]) -> None:
    """Run the daemon until the condition holds; kill it then."""
    with killed(home) as daemon:
        alive = functools.partial(_holds, condition, daemon)
        wait_until(alive, seconds=60, every_seconds=0.002)


def _holds(condition, daemon) -> object:
    assert daemon.poll() is None
    return condition()
