"""An arrival in the midst of a backlog, over the real daemon and a real server."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from daemon_helpers import Home, counters, gemini, wait_until
from kill_helpers import make_photo

BACKLOG = 500
SLOTS = 2


def laid_out(home: Home) -> None:
    for number in range(BACKLOG):
        (home.photos / f"old{number:03}.jpg").write_bytes(make_photo(number))


def captioned(home: Home) -> int:
    return home.rows("select count(*) from photos where state = 'captioned'")[0][0]


def drop(home: Home) -> None:
    (home.photos / "new.jpg").write_bytes(make_photo(BACKLOG))
    wait_until(lambda: home.rows("select 1 from requests where name = 'new.jpg'"), seconds=60)


def wait_of_it(home: Home) -> tuple[int, float]:
    """Return how many had their turn, and how long it took, since the arrival was seen."""
    between = """
        select count(old.id), new.started_at - seen_at from photos
        join requests new on new.name = photos.name
        left join requests old on old.started_at > seen_at and old.started_at < new.started_at
        where photos.name = 'new.jpg'
    """
    return home.rows(between)[0]


def test_an_arrival_is_next_where_a_backlog_fills_every_slot(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Of 500 photos in hand and in the queue, none but those of the moment goes before it."""
    with gemini("--latency", "1.0") as url:
        home = Home(tmp_path, url, concurrency=SLOTS, sidecars=("txt",))
        laid_out(home)
        with home.daemon() as daemon:
            wait_until(lambda: captioned(home) >= SLOTS)
            drop(home)
            others, seconds = wait_of_it(home)
            record_property("arrival_wait_seconds", round(seconds, 2))
            assert others <= SLOTS
            daemon.kill()


@pytest.mark.parametrize("tier", ["standard", "priority"])
def test_an_arrival_does_not_wait_for_flex(tmp_path: Path, tier: str) -> None:
    """While every flex question hangs, what is dropped is captioned at once."""
    with gemini() as url:
        home = Home(tmp_path, url, concurrency=SLOTS, sidecars=("txt",))
        config = tmp_path / "config.toml"
        text = config.read_text()
        config.write_text(text.replace("[gemini]", f'[gemini]\nbacklog = "flex"\ntier = "{tier}"'))
        laid_out(home)
        with home.daemon() as daemon:
            wait_until(lambda: captioned(home) >= SLOTS)
            silence = urllib.request.Request(f"{url}/standing?tier=flex", data=b"silence")  # noqa: S310 - loopback
            urllib.request.urlopen(silence, timeout=10).close()  # noqa: S310 - loopback
            wait_until(lambda: counters(url)["in_flight"] >= SLOTS)
            began = time.monotonic()
            drop(home)
            wait_until((home.photos / "new.jpg.txt").exists)
            assert time.monotonic() - began < 5
            daemon.kill()
