"""The service in trouble and under orders, with a real systemd over it."""

from __future__ import annotations

import time

import pytest
from daemon_helpers import wait_until
from systemd_helpers import CONFIG, FOUR, SRV, blocks, configuration, install

from captiond.app import DRAIN_SECONDS

pytestmark = pytest.mark.slow

INJECTED = "/opt/injected/sitecustomize.py"
INJECT = "Environment=PYTHONPATH=/opt/injected"
BLOCKS = """
import signal, time
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(1000))
"""
CRASHES = "import os; os.abort()"
RESTART = "RestartSec=100ms"


def index_of(*folders: str) -> str:
    """Return a configuration that asks the loopback Gemini, two at a time."""
    text = configuration(*folders, gemini=True, index="/var/lib/captiond/index.db")
    return text.replace("concurrency = 4", "concurrency = 2\ntimeout_seconds = 120")


def make_folders(guest, *folders):
    guest.run("install", "-d", "-m", "2775", "-g", "photos", *folders)


def test_a_blocked_event_loop_is_ended_by_the_watchdog(guest):
    """The main thread sleeps, with threads and memory alive: systemd replaces the process."""
    guest.write(INJECTED, BLOCKS)
    guest.drop_in("captiond", *SRV, RESTART, "WatchdogSec=4", "TimeoutAbortSec=1", INJECT)
    guest.start()
    guest.wait_for_files(guest.drop("/srv/photos", "china.jpg"))
    guest.run("systemctl", "kill", "--kill-who=main", "--signal=USR2", "captiond")
    between = guest.drop("/srv/photos", "rocket.jpg")
    began = time.monotonic()
    guest.wait_for("captiond", NRestarts="1", ActiveState="active")
    assert time.monotonic() - began < 20
    assert "Watchdog timeout (limit 4s)" in guest.journal("captiond")
    guest.wait_for_files([*between, *guest.drop("/srv/photos", "flower.jpg")])


def test_a_daemon_that_crashes_at_each_start_is_given_up_in_the_end(guest):
    """After the starts that the unit grants it stays down, until a person says reset-failed."""
    guest.write(INJECTED, CRASHES)
    guest.drop_in("captiond", *SRV, "RestartSec=1ms", INJECT)
    assert guest.run("systemctl", "start", "captiond", check=False).returncode == 1
    granted = int(guest.show("captiond", "StartLimitBurst"))
    guest.wait_for("captiond", ActiveState="failed", NRestarts=str(granted))
    assert "too quickly" in guest.journal("captiond")
    guest.run("rm", INJECTED)
    assert guest.run("systemctl", "start", "captiond", check=False).returncode == 1
    guest.run("systemctl", "reset-failed", "captiond")
    guest.start()
    guest.wait_for_files(guest.drop("/srv/photos", "china.jpg"))


def test_reloads_in_a_row_pay_for_nothing_twice(guest):
    """Of a folder taken out, what is asked is finished; what waits is left until it is back."""
    old, new = "/srv/photos/old", "/srv/photos/new"
    make_folders(guest, old, new)
    guest.write(CONFIG, index_of(old))
    guest.serve_gemini("--latency", "2")
    guest.start()
    sidecars = guest.drop(old, FOUR[0])
    guest.wait_for_files(sidecars)  # only then are there more slots
    sidecars += guest.drop(old, *FOUR[1:])
    wait_until(lambda: guest.counters()["in_flight"] == 2, what="two requests")
    guest.write(CONFIG, index_of(new))
    for _ in range(5):
        guest.run("systemctl", "reload", "captiond")
    sidecars += guest.drop(new, "coffee.webp")
    guest.wait_for_files(sidecars[-1:])
    wait_until(lambda: guest.states().keys() == {"captioned", "missing"}, what="some left behind")
    assert guest.counters()["requests"] == guest.states()["captioned"]
    guest.write(CONFIG, index_of(old, new))
    guest.run("systemctl", "reload", "captiond")
    guest.wait_for_files(sidecars)
    assert guest.counters()["requests"] == len(sidecars) == 5
    assert guest.show("captiond", "NRestarts") == "0"


def test_requests_that_never_end_are_let_go_after_the_drain_time(guest):
    """The stop is a clean one; the photos wait in the queue, and each is asked once more."""
    guest.write(CONFIG, index_of("/srv/photos"))
    guest.serve_gemini("--latency", "3600")
    guest.start()
    sidecars = guest.drop("/srv/photos", *FOUR)
    wait_until(lambda: guest.counters()["in_flight"], what="a request")
    began = time.monotonic()
    guest.run("systemctl", "stop", "captiond")
    assert DRAIN_SECONDS - 1 < time.monotonic() - began < DRAIN_SECONDS + 10
    assert guest.show("captiond", "Result") == "success"
    assert guest.show("captiond", "ExecMainStatus") == "0"
    assert guest.states() == {"queued": 4}
    assert guest.counters()["requests"] <= 2
    guest.run("systemctl", "stop", "gemini")
    guest.serve_gemini()
    guest.start()
    guest.wait_for_files(sidecars)
    assert guest.counters()["requests"] == 4


def test_a_second_order_to_stop_ends_it_at_once(guest):
    """Whoever cannot wait for the requests in flight says SIGTERM again; nothing is lost."""
    guest.write(CONFIG, index_of("/srv/photos"))
    guest.serve_gemini("--latency", "3600")
    guest.start()
    guest.drop("/srv/photos", *FOUR)
    wait_until(lambda: guest.counters()["in_flight"], what="a request")
    guest.run("systemctl", "stop", "--no-block", "captiond")
    wait_until(lambda: "service.draining" in guest.journal("captiond"), what="the drain")
    guest.run("systemctl", "kill", "--kill-who=main", "--signal=TERM", "captiond")
    began = time.monotonic()
    guest.wait_for("captiond", ActiveState="inactive", Result="success")
    assert time.monotonic() - began < 10
    assert guest.states() == {"queued": 4}


def test_the_manual_sets_the_service_up(guest):
    """The drop-in and the commands of docs/operating.md, as they stand there, start it for good."""
    section = "Install as a service"
    drop_in, start = blocks(section)[1:3]
    assert drop_in.startswith("[Service]\n")
    assert "systemctl enable --now captiond\n" in start
    guest.write("/etc/systemd/system/captiond.service.d/test.conf", drop_in)
    install(guest, section, block=2)
    assert guest.out("systemctl", "is-enabled", "captiond") == "enabled"
    guest.wait_for_files(guest.drop("/srv/photos", "china.jpg"))
    guest.run("systemctl", "disable", "captiond")
