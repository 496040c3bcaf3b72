"""Decodes photos for the daemon, in a process of its own that may crash, hang or be killed."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import socket
from pathlib import Path
from typing import Self

import msgspec

from captiond.errors import NotAPhoto, PhotoError
from captiond.images import sandbox, wire
from captiond.images.prepare import arm, prepare, start_threads

MOST_PHOTOS = 500
FIRST_TO_GO = "500"
"""For the kernel when memory is short: rather a photo tried again than the daemon."""
MOST_RESIDENT_BYTES = 256 << 20
"""What an idle child may keep: the allocator does not give everything back."""


def main(descriptor: int, limits_json: str) -> None:
    """Answer the daemon at the other end of the socket until it hangs up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the daemon says when: its photos may finish
    limits = msgspec.json.decode(limits_json, type=wire.Limits)
    with contextlib.suppress(OSError):  # no /proc, or more than that already
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    arm()
    with socket.socket(fileno=descriptor) as daemon, _Memory() as memory:
        missing = _shut_doors(memory, limits)
        _send(daemon, wire.Ready(missing))
        _serve(daemon, memory, limits)


class _Memory:
    """What this process holds, by the kernel's account; opened before the doors are shut."""

    def __enter__(self) -> Self:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        return self

    def start_here(self) -> None:
        """Take what is held now for what photos did not leave behind."""
        self.size_at_start, _ = self.held()

    def __exit__(self, *error: object) -> None:
        os.close(self._statm)

    def held(self) -> tuple[int, int]:
        """Return (address space, resident) in bytes."""
        size, resident, *_ = os.pread(self._statm, 100, 0).split()
        return int(size) * resource.getpagesize(), int(resident) * resource.getpagesize()


def _shut_doors(memory: _Memory, limits: wire.Limits) -> tuple[str, ...]:
    """Give up what decoding does not need, before the first foreign byte is read.

    Return what this system could not take away.
    """
    missing = sandbox.shut()
    start_threads()  # not before: Landlock holds for threads that start behind it
    memory.start_here()
    room = memory.size_at_start + (limits.decode_megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return missing


def _serve(daemon: socket.socket, memory: _Memory, limits: wire.Limits) -> None:
    served, last = 0, False
    while not last:
        digest, fds, _, _ = socket.recv_fds(daemon, wire.DIGEST_BYTES, 1)
        if not fds:
            return
        _limit_cpu(limits)
        try:
            answer, image = _answer(fds[0], digest.decode(), limits)
        finally:
            os.close(fds[0])
        served += 1
        last = served >= MOST_PHOTOS or _is_bloated(memory, limits)
        _send(daemon, msgspec.structs.replace(answer, last=last), image)


def _send(daemon: socket.socket, message: wire.Ready | wire.Answer, image: bytes = b"") -> None:
    head = msgspec.json.encode(message)
    daemon.sendall(wire.SIZES.pack(len(head), len(image)) + head)
    daemon.sendall(image)


def _is_bloated(memory: _Memory, limits: wire.Limits) -> bool:
    """Tell whether what earlier photos left behind is too much to keep, or missed by the next."""
    size, resident = memory.held()
    left_behind = size - memory.size_at_start
    return resident > MOST_RESIDENT_BYTES or left_behind > (limits.decode_megabytes << 20) // 2


def _answer(fd: int, digest: str, limits: wire.Limits) -> tuple[wire.Answer, bytes]:
    try:
        made = prepare(fd, digest, limits)
    except PhotoError as error:
        return wire.Refused(not isinstance(error, NotAPhoto), str(error), last=False), b""
    said = made.facts, made.palette, made.tags, made.handwriting
    return wire.Done(made.width, made.height, *said, last=False), made.data


def _limit_cpu(limits: wire.Limits) -> None:
    """End an orphan that decodes for ever: nobody is left to kill it. Two threads may be busy."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    most = math.ceil(used + 2 * limits.decode_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
