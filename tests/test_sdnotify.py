"""Speaking to the service manager, on real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from captiond.sdnotify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path) -> Iterator[tuple[socket.socket, Notifier]]:
    """Listen as a service manager does; return the socket and a notifier that speaks to it."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if address.startswith("@") else address)
        listener.settimeout(5)
        yield listener, Notifier(address)


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda it: it.ready(), "READY=1"),
        (lambda it: it.ready("3 folders"), "READY=1\nSTATUS=3 folders"),
        (lambda it: it.status("7 photos\nREADY=1"), "STATUS=7 photos READY=1"),
        (lambda it: it.status("Fähre \udce9"), "STATUS=Fähre \\udce9"),
        (lambda it: it.stopping(), "STOPPING=1"),
        (lambda it: it.watchdog(), "WATCHDOG=1"),
        (lambda it: it.extend_timeout(1.5), "EXTEND_TIMEOUT_USEC=1500000"),
    ],
)
def test_each_message_is_one_datagram(manager, say, message):
    """Each call sends one datagram with the protocol's words, whatever the status says."""
    listener, notifier = manager
    say(notifier)
    assert listener.recv(4096).decode() == message


def test_a_reload_tells_when_it_began(manager):
    """RELOADING comes with the monotonic clock, as Type=notify-reload wants it."""
    listener, notifier = manager
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    first, second = listener.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize("address", [None, "/nonexistent/notify", "@nobody-listens", "x" * 200])
def test_nobody_listening_is_no_error(address):
    """Without a manager, or after it closed its socket, nothing happens."""
    Notifier(address).ready("all well")


def test_a_manager_that_does_not_read_does_not_stop_the_daemon(manager):
    """When the socket's queue is full, a message is dropped at once."""
    _, notifier = manager
    began = time.monotonic()
    for _ in range(2000):
        notifier.watchdog()
    assert time.monotonic() - began < 5
