"""Runs one decoder child: starts it, hands it photos, ends it when it fails."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import msgspec
import structlog

from captiond.errors import NotAPhoto, Undecodable
from captiond.images import wire
from captiond.models import Prepared

START_SECONDS = 60.0
DYING_SECONDS = 1.0
"""How long a child that hung up has to come to its own end: how, is asked for."""

_STOPPED = "the decoder was stopped"
_BOOT = (
    "import sys; sys.path[:] = sys.argv[3:]; "
    "from captiond.images.child import main; main(int(sys.argv[1]), sys.argv[2])"
)
# Nothing else of the environment: the API key is no business of a decoder's.
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",  # each arena takes 64 MB of the address space that is limited
    "OMP_NUM_THREADS": "1",  # LibRaw's
    "OPENBLAS_NUM_THREADS": "1",  # numpy's, which start before the doors are shut
    "VIPS_CONCURRENCY": "1",  # one thread per child; there are as many children as cores
    "VIPS_DISC_THRESHOLD": "1000g",  # never a temporary file
}

log = structlog.get_logger()


class _DiedError(Exception):
    """The child ended, or spoke nonsense, in the middle of an exchange."""


class KilledFromOutside(Exception):
    """Somebody else killed the child: the kernel, short of memory, or a person."""


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    socket: socket.socket

    def end(self) -> int:
        """Kill and reap it; return its exit status as Popen gives it."""
        self.socket.close()
        self.process.kill()
        return self.process.wait()

    def fate(self) -> int:
        """Reap it, after it hung up; return how it came to its end, if possible by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(DYING_SECONDS)
        return self.end()


class Decoder:
    """A child process, started with its first photo and replaced when it ends.

    One photo at a time, from any thread; only `stop` may be called meanwhile.
    """

    def __init__(self, limits: wire.Limits) -> None:
        self._limits = limits
        self._child: _Child | None = None
        self._stopped = False
        self.unconfined: tuple[str, ...] = ()
        """What could not be taken from the last child, in words for the log."""

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return self._child.process.pid if self._child else None

    def prepare(self, fd: int, digest: str) -> Prepared:
        """Return the open file as an image to be sent; blocks, at most for `decode_seconds`.

        Raises NotAPhoto, Undecodable, KilledFromOutside; ChildProcessError when no child can be
        started.
        """
        used = self._child is not None
        try:
            return self._exchange(fd, digest)
        except _DiedError as death:
            if not used:
                raise _crash(death, self._limits) from death
        # What earlier photos left behind may have ended it, so once more, in a new child.
        try:
            return self._exchange(fd, digest)
        except _DiedError as death:
            raise _crash(death, self._limits) from death

    def stop(self) -> None:
        """Kill the child from another thread; a running `prepare` raises ChildProcessError."""
        self._stopped = True
        if child := self._child:
            child.process.kill()

    def close(self) -> int | None:
        """End the child and reap it; return its exit status, None if there was none."""
        child, self._child = self._child, None
        return child.end() if child else None

    def _exchange(self, fd: int, digest: str) -> Prepared:
        answer, image = self._ask(fd, digest)
        if answer.last:
            self.close()
        if isinstance(answer, wire.Refused):
            raise (Undecodable if answer.is_photo else NotAPhoto)(answer.reason)
        return Prepared(
            image,
            "image/jpeg",
            answer.width,
            answer.height,
            answer.facts,
            answer.palette,
            answer.tags,
            answer.handwriting,
        )

    def _started(self) -> _Child:
        if self._child is None:
            self._child, ready = _start(self._limits)
            self.unconfined = ready.missing
        if self._stopped:
            self.close()
            raise ChildProcessError(_STOPPED)
        return self._child

    def _ask(self, fd: int, digest: str) -> tuple[wire.Answer, bytes]:
        child = self._started()
        deadline = time.monotonic() + self._limits.decode_seconds
        try:
            socket.send_fds(child.socket, [digest.encode()], [fd])
            return _receive(child.socket, digest, deadline)
        except TimeoutError as error:
            self.close()
            log.warning("decoder.killed", pid=child.process.pid, reason="too slow")
            seconds = f"{self._limits.decode_seconds:g}"
            raise Undecodable(f"not decoded within images.decode_seconds = {seconds}") from error
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            raise self._buried(child, error) from error

    def _buried(self, child: _Child, error: Exception) -> Exception:
        """Reap a child that failed in the middle of an exchange; return what that means."""
        self._child, status = None, child.fate()
        if self._stopped:
            return ChildProcessError(_STOPPED)
        log.warning("decoder.died", pid=child.process.pid, status=status, error=str(error))
        # No photo can do that: its limits of time and memory end in other signals.
        return (KilledFromOutside if status == -signal.SIGKILL else _DiedError)(_said(status))


def _start(limits: wire.Limits) -> tuple[_Child, wire.Ready]:
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            child = _Child(_spawn(theirs.fileno(), limits), ours)
    except OSError:
        ours.close()
        raise
    try:
        head, _ = _head(ours, time.monotonic() + START_SECONDS)
        ready = msgspec.json.decode(head, type=wire.Ready)
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        status = child.end()
        raise ChildProcessError(f"no image decoder could be started: {_said(status)}") from error
    log.debug("decoder.started", pid=child.process.pid)
    return child, ready


def _spawn(descriptor: int, limits: wire.Limits) -> subprocess.Popen[bytes]:
    path = [entry for entry in sys.path if entry.startswith("/")]
    encoded = msgspec.json.encode(limits).decode()
    return subprocess.Popen(  # noqa: S603 our own interpreter, our own module
        [sys.executable, "-I", "-W", "ignore", "-c", _BOOT, str(descriptor), encoded, *path],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # libvips and its codecs warn there about every odd file
        env=_ENVIRONMENT,
        start_new_session=True,
    )


def _receive(child: socket.socket, digest: str, deadline: float) -> tuple[wire.Answer, bytes]:
    """Return an answer about this photo; EOFError for one that cannot be right."""
    head, image_bytes = _head(child, deadline)
    answer = msgspec.json.decode(head, type=wire.Answer)
    if isinstance(answer, wire.Done) and answer.facts.digest != digest:
        raise EOFError("an answer about another photo")
    return answer, _read(child, image_bytes, deadline)


def _head(child: socket.socket, deadline: float) -> tuple[bytes, int]:
    """Return the next message's head, and how many bytes of an image come after it."""
    head, image = wire.SIZES.unpack(_read(child, wire.SIZES.size, deadline))
    if head > wire.MOST_HEAD_BYTES or image > wire.MOST_IMAGE_BYTES:
        raise EOFError("an answer beyond all bounds")
    return _read(child, head, deadline), image


def _read(child: socket.socket, count: int, deadline: float) -> bytes:
    """Return `count` bytes; raises EOFError, and TimeoutError at the deadline."""
    buffer, filled = bytearray(count), 0
    view = memoryview(buffer)
    while filled < count:
        child.settimeout(max(deadline - time.monotonic(), 0.001))
        received = child.recv_into(view[filled:])
        if not received:
            raise EOFError("it hung up")
        filled += received
    return bytes(buffer)


def _crash(death: _DiedError, limits: wire.Limits) -> Undecodable:
    return Undecodable(
        f"the decoder crashed on it ({death}), or it needs more memory than "
        f"images.decode_megabytes = {limits.decode_megabytes}"
    )


def _said(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exit status {status}"
    return signal.Signals(-status).name
