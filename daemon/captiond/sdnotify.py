"""Tells the service manager how the daemon does, by sd_notify's datagrams."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notifier:
    """Speaks to one socket: a path, "@" for an abstract name, None for nobody.

    A manager that does not listen is no reason to fail or to wait: a message that cannot be
    delivered at once is dropped.
    """

    address: str | None

    def ready(self, status: str = "") -> None:
        """Say that the start, or a reload, is over."""
        self._send("READY=1", *([_status(status)] if status else []))

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._send(_status(text))

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the daemon is on its way out."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """Say that work goes on."""
        self._send("WATCHDOG=1")

    def extend_timeout(self, seconds: float) -> None:
        """Ask for that much time from now, for a start or a stop that takes long."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def _send(self, *lines: str) -> None:
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        message = "\n".join(lines).encode(errors="backslashreplace")
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker,
        ):
            speaker.setblocking(False)
            speaker.sendto(message, address)


def _status(text: str) -> str:
    """Return a status line; a line break in a file's name must not become a message."""
    return "STATUS=" + " ".join(text.split())
