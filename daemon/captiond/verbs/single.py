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

from captiond.errors import CaptiondError, CaptionInJob
from captiond.models import Caption, Photo
from captiond.settings import Settings
from captiond.turns import keep
from captiond.verbs.desk import Item, open_desk

Told = Callable[[Path, Caption | CaptiondError], None]


async def caption_files(settings: Settings, paths: Sequence[Path], tell: Told) -> None:
    """Caption each file and `tell` what came of it, in the order of `paths`.

    Raises ConfigError, LibraryUnavailable.
    """
    async with AsyncExitStack() as stack:
        desk = await open_desk(settings, stack, verb="caption")
        index, paid = desk.bench.index, desk.bench.captioner.paid
        turns: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

        async def known_or_asked(item: Item) -> Caption:
            async with turns[item.digest]:  # of copies, one pays
                in_job = await index.jobs.underway(item.digest)
                known = await index.caption_of(item.digest, recipe=item.plan.recipe)
                if paid and known is not None:
                    return known
                if paid and in_job:
                    raise CaptionInJob("it is in a batch job: its caption comes within a day")
                asked = await desk.ask(item)
                return (await keep(asked.reply, asked.request, desk.bench)).caption

        def told(photo: Photo, result: Caption | CaptiondError) -> None:
            tell(Path(photo.full), result)

        photos = [Photo(str(path.parent), path.name) for path in paths]
        await desk.attend(photos, known_or_asked, told)
