"""Money: the real daemon keeps to its caps, and tells what it spends."""

from __future__ import annotations

import json
import signal

import pytest
from daemon_helpers import PHOTOS, Home, counters, gemini, wait_until

NAMES = sorted(path.name for path in PHOTOS.iterdir() if path.suffix == ".jpg")[:8]
LITTLE = 0.0142
"""Room for one request's reservation beside the cost of two or three."""


@pytest.fixture
def server():
    with gemini("--latency", "0.2") as url:
        yield url


def capped(usd, *, key="usd_per_day"):
    return f"[limits]\n{key} = {usd}"


def events(home, event):
    lines = (json.loads(line) for line in home.log.read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def spent(home):
    ((usd,),) = home.rows("SELECT sum(cost_usd) FROM requests")
    return usd


def test_over_the_cap_nothing_is_sent_and_a_raised_one_goes_on(tmp_path, server):
    """Photos wait, watching goes on, the operator is told once; a reload with more room asks."""
    home = Home(tmp_path, server, extra=capped(LITTLE))
    with home.daemon() as daemon:
        home.drop(*NAMES[:-1])
        wait_until(lambda: events(home, "captioner.parked"), what="parked")
        asked = counters(server)["requests"]
        home.drop(NAMES[-1])
        wait_until(lambda: len(home.states()) == len(NAMES), what="still watching")
        paused = "SELECT 1 FROM daemon WHERE paused LIKE 'limits.usd_per_day%'"
        wait_until(lambda: home.rows(paused), what="a heartbeat")
        status = home.run("status").stdout
        assert "limits.usd_per_day" in status
        assert f"of ${LITTLE:g}" in status
        assert any(b"limits.usd_per_day" in line for line in home.heard())
        assert (
            counters(server)["requests"]
            == asked
            == home.rows("SELECT count(*) FROM captions WHERE request IS NOT NULL")[0][0]
        )
        assert 0 < spent(home) <= LITTLE
        assert len(events(home, "captioner.parked")) == 1
        assert not home.rows("SELECT 1 FROM photos WHERE attempts > 1")
        home.extra = capped(1.0)
        home.write_config()
        daemon.send_signal(signal.SIGHUP)
        home.wait_for(dict.fromkeys(NAMES, "captioned"))
    answered = "SELECT count(DISTINCT digest) FROM captions WHERE request IS NOT NULL"
    assert counters(server)["requests"] == home.rows(answered)[0][0]


def test_a_cap_of_nothing_sends_nothing_by_any_verb(tmp_path, server):
    """With 0 USD neither the daemon, nor `scan`, nor `caption` asks."""
    home = Home(tmp_path, server, extra=capped(0, key="usd_per_month"))
    home.drop(NAMES[0])
    done = home.run("scan", check=False)
    assert "limits.usd_per_month" in done.stderr
    done = home.run("caption", str(PHOTOS / NAMES[1]), check=False)
    assert done.returncode == 1
    assert "limits.usd_per_month = 0 leaves no room" in done.stderr
    assert counters(server)["requests"] == 0
    assert home.states() == {NAMES[0]: "queued"}


def test_what_another_process_spends_counts(tmp_path, server):
    """`caption` uses up the cap that the daemon then keeps to."""
    home = Home(tmp_path, server, extra=capped(0.0128))
    assert home.run("caption", str(PHOTOS / NAMES[0])).returncode == 0
    with home.daemon():
        home.drop(NAMES[1])
        wait_until(lambda: events(home, "captioner.parked"), what="parked")
    assert counters(server)["requests"] == 1


@pytest.mark.parametrize("verb", [("run",), ("config", "check"), ("scan",)])
def test_a_cap_on_an_unknown_price_is_refused_at_the_start(tmp_path, server, verb):
    """The model and the key are named, with exit code 78; nothing is guessed."""
    home = Home(tmp_path, server, extra=capped(5))
    config = home.path / "config.toml"
    config.write_text(config.read_text().replace("[gemini]", '[gemini]\nmodel = "my-own-model"'))
    done = home.run(*verb, check=False)
    assert done.returncode == 78
    assert "limits.usd_per_day" in done.stderr
    assert "my-own-model" in done.stderr


def test_each_photo_is_told_with_what_it_took(tmp_path, server):
    """The log line has tokens, cost, tier and seconds; a copy is known, and costs nothing."""
    home = Home(tmp_path, server)
    with home.daemon():
        home.drop(NAMES[0])
        home.wait_for({NAMES[0]: "captioned"})
        (home.photos / "copy.jpg").write_bytes((PHOTOS / NAMES[0]).read_bytes())
        home.wait_for({NAMES[0]: "captioned", "copy.jpg": "captioned"})
        wait_until(lambda: len(events(home, "photo.captioned")) == 2)
    first, copy = events(home, "photo.captioned")
    assert first["tokens_in"] > 1000
    assert first["tokens_out"] > 0
    assert 0 < first["usd"] < 0.01
    assert first["tier"] == "standard"
    assert first["seconds_asked"] >= 0.2
    assert first["seconds_queued"] >= 0
    assert "known" not in first
    assert (copy["known"], copy["usd"]) == (True, 0.0)
    told = json.loads(home.run("status", "--json").stdout)["money"]
    assert told["today"]["usd"] == pytest.approx(first["usd"])
    assert told["today"]["cap_usd"] is None
    assert told["in_all"]["requests"] == 1
