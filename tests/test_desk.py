"""Single files keep to the caps and leave a true ledger, also when the operator breaks off."""

from __future__ import annotations

import signal
import subprocess

from daemon_helpers import PROGRAM, Home, clean_environment, counters, gemini, wait_until

FOUR = ("rocket.jpg", "cat.png", "hopper.jpg", "china.jpg")
CAP_USD = 0.03
"""More than four photos cost, and less than two may cost at most."""


def test_room_that_questions_in_flight_take_up_is_waited_for(tmp_path):
    """A cap holds one reservation at a time: the photos are captioned one after the other."""
    with gemini("--answer", "fixed", "--latency", "0.3") as url:
        home = Home(tmp_path, url, extra=f"[limits]\nusd_per_day = {CAP_USD}")
        home.drop(*FOUR)
        done = home.run("caption", *(str(home.photos / name) for name in FOUR))
        assert counters(url)["requests"] == len(FOUR)
    assert len(done.stdout.splitlines()) == len(FOUR)
    ((spent, reserved),) = home.rows("select sum(cost_usd), sum(reserved_usd) from requests")
    assert spent < CAP_USD < reserved


def test_a_trial_that_is_broken_off_leaves_a_true_ledger(tmp_path):
    """What was in flight may be billed and stands so; the rest was never asked about."""
    with gemini("--answer", "fixed", "--latency", "20") as url:
        home = Home(tmp_path, url, concurrency=2)
        home.drop(*FOUR)
        with subprocess.Popen(
            [PROGRAM, "--config", tmp_path / "config.toml", "try", "4", "--yes"],
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as trying:
            wait_until(lambda: counters(url)["requests"] == 2)
            trying.send_signal(signal.SIGINT)
            assert trying.wait(timeout=15) == 128 + signal.SIGINT
        assert counters(url)["requests"] == 2
    assert home.rows("select state, cost_usd from requests") == [("lost", None)] * 2
    assert home.rows("select count(*) from captions") == [(0,)]
