"""A backlog by batch, as the whole daemon does it."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from batch_helpers import batch_home, jobs, let_go, logged
from daemon_helpers import Home, wait_until
from kill_helpers import answer_by_image, assert_all_whole, make_photo, photos_of, states_count

from captiond.testing.gemini_server import GeminiServer


async def test_an_arrival_never_waits_behind_a_job(tmp_path: Path, record_property) -> None:
    """With a backlog of 100 in a held job, a new photo is captioned at once, and told apart."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=100)
        seconds = await anyio.to_thread.run_sync(arrive_beside, home, server)
        assert server.counters.requests == 1
        assert sorted(set(server.contents.values())) == [1]
    record_property("arrival", f"{seconds:.2f} s beside 100 photos in a held job")
    assert_all_whole(home, photos=photos_of(home))
    assert jobs(home) == [("succeeded", 100)]
    tiers = "select tier, count(*) from requests group by tier order by tier"
    assert home.rows(tiers) == [("batch", 100), ("standard", 1)]
    (done,) = logged(home, "job.done")
    assert (done["captioned"], done["unanswered"], done["state"]) == (100, 0, "succeeded")
    ((usd,),) = home.rows("select sum(cost_usd) from requests where tier = 'batch'")
    assert done["usd"] == pytest.approx(usd)
    told = [line for line in logged(home, "photo.captioned") if line["tier"] == "batch"]
    assert sum(line["usd"] for line in told) == pytest.approx(usd)
    assert min(line["tokens_in"] for line in told) > 0
    ((shown,),) = home.rows("select sum(cost_usd) from library where name <> 'new.jpg'")
    assert shown == pytest.approx(usd)


def arrive_beside(home: Home, server: GeminiServer) -> float:
    with home.daemon():
        wait_until(lambda: [state for state, _ in jobs(home)] == ["running"])
        told = json.loads(home.run("status", "--json").stdout)["jobs"]
        assert [(one["photos"], one["state"]) for one in told] == [(100, "running")]
        assert told[0]["age_seconds"] < 60
        assert "100 photos, running" in home.run("status").stdout
        (home.photos / "new.jpg").write_bytes(make_photo(999))
        wait_until(lambda: states_count(home, "captioned") == 1, seconds=10)
        stay = "select captioned_at - seen_at from photos where name = 'new.jpg'"
        ((seconds,),) = home.rows(stay)
        let_go(server)
        wait_until(lambda: states_count(home, "captioned") == 101, seconds=60)
    assert json.loads(home.run("status", "--json").stdout)["jobs"] == []
    return float(seconds)


async def test_a_scan_hands_its_backlog_in_and_ends(tmp_path: Path) -> None:
    """The next scan takes the results; meanwhile the photos lie in the job."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=4)
        await anyio.to_thread.run_sync(scan_twice, home, server)
        assert list(server.contents.values()) == [1] * 4
    assert jobs(home) == [("succeeded", 4)]


def scan_twice(home: Home, server: GeminiServer) -> None:
    first = home.run("scan")
    assert "0 waiting, 4 in batch jobs" in first.stdout
    assert [state for state, _ in jobs(home)] == ["running"]
    refused = home.run("caption", str(home.photos / "0002.jpg"), check=False)
    assert refused.returncode == 1
    assert "it is in a batch job" in refused.stdout + refused.stderr
    let_go(server)
    second = json.loads(home.run("scan", "--json").stdout)
    assert (second["captioned"], second["in_jobs"]) == (4, 0)
