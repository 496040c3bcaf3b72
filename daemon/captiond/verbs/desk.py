"""Takes single files, outside the queue, to the captioner: for `caption` and `try`.

They keep to the same limits and caps as the daemon, and stand in the same ledger.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import anyio

from captiond import accounts, paced, turns
from captiond.accounts import ROOM_SECONDS
from captiond.app import PREPARED_AHEAD
from captiond.asking import question_about
from captiond.bench import Bench, Plan
from captiond.captioners.base import Question
from captiond.disk import photofile
from captiond.errors import CaptiondError, OverBudget
from captiond.folderplans import FolderPlans
from captiond.index.base import Request
from captiond.models import Photo, Reply
from captiond.opening import open_bench, open_captioner, open_index
from captiond.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """A file, held open, with its digest and what is done with its photos."""

    photo: Photo
    plan: Plan
    opened: photofile.OpenedPhoto
    digest: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A reply that came, to be kept or settled at once; `seconds` from the question to it."""

    request: Request
    reply: Reply
    seconds: float


class Desk:
    """The bench with room for so many files at once; `owner` names the verb in the ledger."""

    def __init__(self, settings: Settings, bench: Bench, *, verb: str) -> None:
        self.bench = bench
        self._settings = settings
        self._plans = FolderPlans(settings)
        self._owner = f"{bench.owner}: {verb}"
        self._room = anyio.CapacityLimiter(bench.asking.total + PREPARED_AHEAD)
        self._answered_at = -math.inf

    async def attend(
        self,
        photos: Sequence[Photo],
        handle: Callable[[Item], Awaitable[T]],
        tell: Callable[[Photo, T | CaptiondError], None],
    ) -> None:
        """Handle all photos side by side, and `tell` what came of each, in their order."""
        results: list[_Result[T]] = [_Result() for _ in photos]
        async with anyio.create_task_group() as handling:
            for photo, result in zip(photos, results, strict=True):
                handling.start_soon(self._handle, photo, handle, result)
            for photo, result in zip(photos, results, strict=True):
                await result.ready.wait()
                tell(photo, result.value)

    async def ask(self, item: Item) -> Asked:
        """Ask about a photo in its turn; raises PhotoError, CaptionerError.

        Room below a cap that questions in flight take up is waited for while answers come.
        """
        bench = self.bench
        async with bench.preparing.place(bench.lane):
            image = await bench.prepare(item.opened.fd, item.digest)
        question = await question_about(
            item.photo, image, item.plan, bench, louder=False, final=True
        )
        came_at = bench.ticks()
        while True:
            try:
                return await self._ask_in_turn(question)
            except OverBudget as error:
                waited = bench.ticks() - max(came_at, self._answered_at)
                if error.until is not None or waited > self._settings.gemini.timeout_seconds:
                    raise
            await anyio.sleep(ROOM_SECONDS)  # what is in flight costs less than it reserves

    async def _ask_in_turn(self, question: Question) -> Asked:
        bench = self.bench
        async with paced.turn(question, bench) as asked:
            request = accounts.request_about(question, bench)
            await bench.index.note(request, owner=self._owner)
            began = bench.ticks()
            reply = await turns.ask(question, request, bench, asked)
            self._answered_at = bench.ticks()
            return Asked(request, reply, self._answered_at - began)

    async def _handle(
        self, photo: Photo, handle: Callable[[Item], Awaitable[T]], result: _Result[T]
    ) -> None:
        try:
            async with self._room:
                with await anyio.to_thread.run_sync(photofile.open_beneath, photo) as opened:
                    async with self.bench.preparing.place(self.bench.lane):
                        digest = await anyio.to_thread.run_sync(self._digest, opened)
                    plan = await anyio.to_thread.run_sync(self._plan, photo)
                    result.value = await handle(Item(photo, plan, opened, digest))
        except CaptiondError as error:
            result.value = error
        result.ready.set()

    def _digest(self, opened: photofile.OpenedPhoto) -> str:
        self.bench.look(opened.head())
        return opened.digest()

    def _plan(self, photo: Photo) -> Plan:
        return self._plans.within(Path(photo.full).parent)


class _Result(Generic[T]):
    """What comes of one photo, once `ready`."""

    value: T | CaptiondError

    def __init__(self) -> None:
        self.ready = anyio.Event()


async def open_desk(settings: Settings, stack: AsyncExitStack, *, verb: str) -> Desk:
    """Open all that single files need; `stack` closes it.

    Raises ConfigError, LibraryUnavailable.
    """
    captioner = await open_captioner(settings, stack)
    index = await open_index(settings, stack)
    return Desk(settings, await open_bench(settings, index, captioner, stack), verb=verb)
