"""Shares a few decoder children among all photos."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import structlog

from captiond.errors import Undecodable
from captiond.images.decoder import Decoder, KilledFromOutside
from captiond.images.wire import Limits
from captiond.models import Prepared
from captiond.settings import ImageSettings

log = structlog.get_logger()


class DecoderPool:
    """At most `children` decoders: started on demand, ended when idle, replaced when they fail.

    A photo that crashes its decoder, or takes too long or too much memory, fails alone. One whose
    decoder is killed from outside has a second try, with no other photo beside it.
    """

    def __init__(
        self, settings: ImageSettings, children: int, *, idle_seconds: float = 60.0
    ) -> None:
        self._limits = Limits(
            max_edge_px=settings.max_edge_px,
            max_megapixels=settings.max_megapixels,
            decode_seconds=settings.decode_seconds,
            decode_megabytes=settings.decode_megabytes,
        )
        self._idle_seconds = idle_seconds
        self._children = children
        self._slots = anyio.Semaphore(children)
        self._alone_turn = anyio.Lock()
        self._threads = ThreadPoolExecutor(children, thread_name_prefix="decoder")
        self._busy: set[Decoder] = set()
        self._idle: list[tuple[float, Decoder]] = []  # since when; the longest idle first
        self._sweep: asyncio.TimerHandle | None = None
        self._told = False

    async def prepare(self, fd: int, digest: str) -> Prepared:
        """Return the open file as an image to be sent; moves the file's offset.

        `digest` becomes that of its facts. A cancelled call kills its child and waits for that.
        Raises NotAPhoto, Undecodable; ChildProcessError when no child can be started.
        """
        try:
            async with self._slots:
                return await self._decoded(fd, digest)
        except KilledFromOutside:
            return await self._decoded_alone(fd, digest)

    def pids(self) -> list[int]:
        """Return the process ids of the children there are now."""
        decoders = [*self._busy, *(decoder for _, decoder in self._idle)]
        return [decoder.pid for decoder in decoders if decoder.pid is not None]

    async def aclose(self) -> None:
        """Kill and reap all children; photos being decoded end with ChildProcessError."""
        if self._sweep is not None:
            self._sweep.cancel()
        for decoder in self._busy:
            decoder.stop()
        self._dismiss_idle()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._threads.shutdown)

    async def _decoded(self, fd: int, digest: str) -> Prepared:
        decoder = self._idle.pop()[1] if self._idle else Decoder(self._limits)
        self._busy.add(decoder)
        try:
            return await self._in_thread(decoder, fd, digest)
        finally:
            self._busy.remove(decoder)
            self._tell_unconfined(decoder)
            if decoder.pid is not None:
                self._rest(decoder)

    async def _decoded_alone(self, fd: int, digest: str) -> Prepared:
        """Decode once more: if memory was short for several photos, it may do for one."""
        try:
            async with self._alone():
                return await self._decoded(fd, digest)
        except KilledFromOutside as death:
            raise Undecodable(
                f"its decoder was killed from outside ({death}), and once more with no other photo "
                "beside it: this machine may be short of memory"
            ) from death

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Hold all slots, with no child left that idles."""
        # Two at once would each wait for slots that the other holds.
        async with self._alone_turn, AsyncExitStack() as held:
            for _ in range(self._children):
                await held.enter_async_context(self._slots)
            self._dismiss_idle()
            yield

    def _dismiss_idle(self) -> None:
        for _, decoder in self._idle:
            self._threads.submit(decoder.close)
        self._idle.clear()

    async def _in_thread(self, decoder: Decoder, fd: int, digest: str) -> Prepared:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, decoder.prepare, fd, digest)
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            # The caller will close the file: not before the thread has let go of it.
            decoder.stop()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([work])
            work.exception()  # looked at, or asyncio would call it lost
            raise
        return work.result()

    def _tell_unconfined(self, decoder: Decoder) -> None:
        """Warn once of what stands open: it is the same for all children."""
        if decoder.unconfined and not self._told:
            self._told = True
            log.warning(
                "decoder.unconfined",
                missing=list(decoder.unconfined),
                meaning="a decoder taken over by a photo is held by fewer walls",
            )

    def _rest(self, decoder: Decoder) -> None:
        loop = asyncio.get_running_loop()
        self._idle.append((loop.time(), decoder))
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        """Give the memory of children back that nothing needed for a while."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        while self._idle and self._idle[0][0] <= loop.time() - self._idle_seconds:
            self._threads.submit(self._idle.pop(0)[1].close)
        if self._idle:
            due = self._idle[0][0] + self._idle_seconds
            self._sweep = loop.call_at(due, self._end_idle)
