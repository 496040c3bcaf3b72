"""Asks a child process for the names of places; it ends when nothing was asked for a while."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import select
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import anyio
import structlog

from captiond.models import Facts, Prepared

PACKAGE = "reverse_geocode"
ANSWER_SECONDS = 30.0
"""The first answer waits until the gazetteer is loaded: 1 to 2 s."""
IDLE_SECONDS = 60.0
PAUSE_SECONDS = 60.0
"""So long no child is started after one that could not answer at all."""
REMEMBERED = 10_000

_BOOT = "import sys; sys.path[:] = sys.argv[1:]; from captiond.places.child import main; main()"
_GRID = 3
"""Decimals of a degree: about 100 m."""

log = structlog.get_logger()

Prepare = Callable[[int, str], Awaitable[Prepared]]


def is_installed() -> bool:
    """Tell whether the extra `captiond[places]` is there."""
    return importlib.util.find_spec(PACKAGE) is not None


class Gazetteer:
    """Names places; one that cannot be named now is None, and no photo waits long for it."""

    def __init__(
        self, *, idle_seconds: float = IDLE_SECONDS, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._idle_seconds = idle_seconds
        self._pause_seconds = pause_seconds
        self._paused_until = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="places")
        self._child: subprocess.Popen[str] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._known: OrderedDict[tuple[float, float], str | None] = OrderedDict()
        self._told = False

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return None if self._child is None else self._child.pid

    def naming(self, prepare: Prepare) -> Prepare:
        """Return `prepare` with the place's name among the facts, where people wrote none."""

        async def prepare_and_name(fd: int, digest: str) -> Prepared:
            image = await prepare(fd, digest)
            return replace(image, facts=await self.named(image.facts))

        return prepare_and_name

    async def named(self, facts: Facts) -> Facts:
        """Return the facts with the place's name, where they have coordinates and no place."""
        if facts.place is not None or facts.latitude is None or facts.longitude is None:
            return facts
        return replace(facts, place=await self.name(facts.latitude, facts.longitude))

    async def name(self, latitude: float, longitude: float) -> str | None:
        """Return the name of the place, None where no town is near."""
        spot = round(latitude, _GRID), round(longitude, _GRID)
        if spot not in self._known:
            try:
                self._known[spot] = await self._in_thread(spot)
            except (OSError, EOFError, ValueError) as error:
                self._tell(error)
                return None
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[spot]

    async def aclose(self) -> None:
        """End the child; what it is being asked stays without an answer."""
        self._paused_until = math.inf
        if (child := self._child) is not None:
            child.kill()
        self._rest()
        self._thread.submit(self._end)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.shutdown)

    async def _in_thread(self, spot: tuple[float, float]) -> str | None:
        loop = asyncio.get_running_loop()
        if self._idle is not None:
            self._idle.cancel()
        try:
            return await loop.run_in_executor(self._thread, self._ask, spot)
        finally:
            self._rest()

    def _rest(self) -> None:
        """End the child later, unless it is asked something before, or is ended for good."""
        if self._idle is not None:
            self._idle.cancel()
        if self._paused_until < math.inf:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._idle_seconds, self._thread.submit, self._end)

    def _ask(self, spot: tuple[float, float]) -> str | None:
        """Return the child's answer; raises OSError, EOFError, ValueError, the child then ended."""
        if time.monotonic() < self._paused_until:
            raise ChildProcessError("it failed a moment ago")
        answered = self._child is not None
        self._child = self._child or _started()
        try:
            name = json.loads(_exchange(self._child, f"{spot[0]} {spot[1]}\n"))
        except BaseException as error:
            self._end()
            if not answered or isinstance(error, TimeoutError):
                self._paused_until = max(self._paused_until, time.monotonic() + self._pause_seconds)
            raise
        return name if isinstance(name, str) else None

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _tell(self, error: Exception) -> None:
        """Warn once: photos are captioned all the same."""
        if not self._told:
            self._told = True
            log.warning("places.unnamed", reason=str(error))


def _exchange(child: subprocess.Popen[str], line: str) -> str:
    """Return what the child answers to a line; raises OSError, EOFError."""
    if child.stdin is None or child.stdout is None:
        raise EOFError("it has no pipes")
    child.stdin.write(line)
    child.stdin.flush()
    if not select.select([child.stdout], [], [], ANSWER_SECONDS)[0]:
        raise TimeoutError(f"no answer within {ANSWER_SECONDS:g} s")
    if not (answer := child.stdout.readline()):
        raise EOFError(f"it ended with exit status {child.wait()}")
    return answer


def _started() -> subprocess.Popen[str]:
    path = [entry for entry in sys.path if entry.startswith("/")]
    return subprocess.Popen(  # noqa: S603 our own interpreter, our own module
        [sys.executable, "-I", "-W", "ignore", "-c", _BOOT, *path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"OPENBLAS_NUM_THREADS": "1"},  # nothing else of ours: the key is none of its business
        start_new_session=True,
    )
