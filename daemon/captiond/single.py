"""Captions single files for the verb `caption`; nothing is written beside them.

Replies are kept in the index like all others, so that asking again, or putting the file into a
watched folder later, is free.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from captiond import paced, photofile
from captiond.accounts import request_about
from captiond.app import PREPARED_AHEAD, open_bench, open_captioner, open_index, plan_for
from captiond.asking import question_about
from captiond.bench import Bench, Plan
from captiond.captioners.recipes import vocabulary_of
from captiond.captioners.vocabulary import Vocabulary
from captiond.errors import CaptiondError
from captiond.models import Caption, Photo
from captiond.settings import FolderSettings, Settings
from captiond.turns import ask, keep

Told = Callable[[Path, Caption | CaptiondError], None]


async def caption_files(settings: Settings, paths: Sequence[Path], tell: Told) -> None:
    """Caption each file and `tell` what came of it, in the order of `paths`.

    Raises ConfigError, LibraryUnavailable.
    """
    async with AsyncExitStack() as stack:
        captioner = await open_captioner(settings, stack)
        index = await open_index(settings, stack)
        bench = await open_bench(settings, index, captioner, stack)
        desk, words = _Desk(bench), vocabulary_of(settings)
        results = [_Result() for _ in paths]
        async with anyio.create_task_group() as asking:
            for path, result in zip(paths, results, strict=True):
                asking.start_soon(_caption, path, _plan(settings, path, words), desk, result)
            for path, result in zip(paths, results, strict=True):
                await result.ready.wait()
                tell(path, result.value)


class _Desk:
    """The bench with room for so many files at once, and one turn for the copies of a content."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.room = anyio.CapacityLimiter(bench.asking.total + PREPARED_AHEAD)
        self.turns: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)


class _Result:
    """What comes of one file, once `ready`."""

    value: Caption | CaptiondError

    def __init__(self) -> None:
        self.ready = anyio.Event()


async def _caption(path: Path, plan: Plan, desk: _Desk, result: _Result) -> None:
    try:
        async with desk.room:
            photo = Photo(str(path.parent), path.name)
            with await anyio.to_thread.run_sync(photofile.open_beneath, photo) as opened:
                async with desk.bench.preparing.place(desk.bench.lane):
                    digest = await anyio.to_thread.run_sync(_digest, opened, desk.bench)
                async with desk.turns[digest]:
                    result.value = await _known_or_asked(
                        opened, digest, photo=photo, plan=plan, bench=desk.bench
                    )
    except CaptiondError as error:
        result.value = error
    result.ready.set()


def _digest(opened: photofile.OpenedPhoto, bench: Bench) -> str:
    bench.look(opened.head())
    return opened.digest()


async def _known_or_asked(
    opened: photofile.OpenedPhoto, digest: str, *, photo: Photo, plan: Plan, bench: Bench
) -> Caption:
    recipe = plan.recipe
    if bench.captioner.paid:
        known = await bench.index.caption_of(digest, recipe=recipe)
        if known is not None:
            return known
    async with bench.preparing.place(bench.lane):
        image = await bench.prepare(opened.fd, digest)
    question = await question_about(photo, image, plan, bench, louder=False, final=True)
    async with paced.turn(question, bench) as asked:
        request = request_about(question, bench)
        await bench.index.note(request, owner=f"{bench.owner}: caption")
        reply = await ask(question, request, bench, asked)
    return (await keep(reply, request, bench)).caption


def _plan(settings: Settings, path: Path, words: Vocabulary) -> Plan:
    """Return the plan of the watched folder that the file lies in, else the general one."""
    general = FolderSettings(path=str(path.parent))
    folders = (folder for folder in settings.folders if path.is_relative_to(folder.path))
    return plan_for(settings, next(folders, general), words)
