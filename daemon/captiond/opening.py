"""Opens the parts: the captioner, the index, and the bench of each lane.

`stack` closes them, in reverse order.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import socket
import time
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import msgspec

from captiond import __version__, config, paced
from captiond.bench import Bench
from captiond.captioners.base import Captioner
from captiond.errors import CaptionerStopped, ConfigError
from captiond.folderplans import FolderPlans
from captiond.index.base import Index
from captiond.models import Lane, Tier, Usage
from captiond.places.gazetteer import Gazetteer, Prepare, is_installed
from captiond.quota.budget import Caps, unpriced
from captiond.quota.gate import Gate
from captiond.quota.learning import Learning, Told
from captiond.quota.line import Line
from captiond.quota.pacing import Pacing
from captiond.quota.slots import Slots
from captiond.rules.tree import RuleTree
from captiond.settings import Settings

NO_KEY = (
    "gemini: there is no API key. Put it into the environment as GEMINI_API_KEY, or into a file "
    "named by gemini.api_key_file, or set captioner.backend to 'offline' to go on without Gemini"
)


async def open_index(settings: Settings, stack: AsyncExitStack) -> Index:
    """Open the index to write to it; raises LibraryUnavailable."""
    from captiond.index.store import SqliteIndex

    index = await SqliteIndex.open(Path(settings.index.path))
    stack.push_async_callback(index.aclose)
    return index


async def open_bench(
    settings: Settings,
    index: Index,
    captioner: Captioner,
    stack: AsyncExitStack,
    *,
    rules: RuleTree | None = None,
) -> Bench:
    """Lay out what a photo meets on its way; `stack` closes it.

    Raises ConfigError for a cap on what nobody knows the price of.
    """
    from captiond.images import kinds
    from captiond.quota.pricing import price
    from captiond.sidecars.handwriting import read_handwriting
    from captiond.sidecars.read import read_sidecars
    from captiond.sidecars.tags import read_tags
    from captiond.sidecars.write import write_sidecars

    if problems := list(unpriced(settings)):
        raise ConfigError(problems)
    # The price list takes 0.2 s to load: here and in a thread, not at the first reply.
    await anyio.to_thread.run_sync(price, settings.gemini.model, Usage())
    children = os.cpu_count() or 1
    bench = Bench(
        index=index,
        captioner=captioner,
        gate=Gate(),
        look=kinds.look,
        prepare=open_decoders(settings, children, stack),
        price=price,
        caps=Caps(settings.limits.usd_per_day, settings.limits.usd_per_month),
        read_sidecars=read_sidecars,
        read_tags=read_tags,
        read_handwriting=read_handwriting,
        write_sidecars=functools.partial(write_sidecars, version=__version__),
        plans=FolderPlans(settings, rules),
        preparing=Line(children + 1),
        asking=Slots(settings.gemini.concurrency),
        owner=socket.gethostname(),
        tier=Tier(settings.gemini.tier),
        pacing=await open_pacing(settings, index),
    )
    await paced.remember(bench)
    return bench


def open_decoders(settings: Settings, children: int, stack: AsyncExitStack) -> Prepare:
    """Return what makes photos ready, and names their places where the gazetteer is installed."""
    from captiond.images.decoders import DecoderPool

    decoders = DecoderPool(settings.images, children)
    stack.push_async_callback(decoders.aclose)
    if not is_installed():
        return decoders.prepare
    gazetteer = Gazetteer()
    stack.push_async_callback(gazetteer.aclose)
    return gazetteer.naming(decoders.prepare)


async def open_pacing(settings: Settings, index: Index) -> Pacing:
    """Return what keeps to the limits, as the settings and the service told them."""
    model = settings.gemini.model
    told = {
        one.name: Told(one.value, one.source, one.learned_at)
        for one in await index.limits.learned(model)
        if one.value
    }
    learning = Learning(msgspec.structs.asdict(settings.limits), told)
    pacing = Pacing(model, learning=learning)
    pacing.refresh(clock=time.time())
    return pacing


async def open_captioner(settings: Settings, stack: AsyncExitStack) -> Captioner:
    """Open the captioner that the settings name; raises ConfigError when Gemini has no key."""
    if settings.captioner.backend == "offline":
        from captiond.captioners.offline import OfflineCaptioner

        return OfflineCaptioner()
    on_vertex = bool(settings.gemini.vertex.project)
    key = "" if on_vertex else config.read_api_key(settings)
    if key is None:
        raise ConfigError([NO_KEY])
    from captiond.captioners.gemini import GeminiCaptioner

    try:
        captioner = await GeminiCaptioner.open(settings.gemini, key)
    except CaptionerStopped as error:
        raise ConfigError([f"gemini: {error}"]) from error
    stack.push_async_callback(captioner.aclose)
    return captioner


def backlog_tier(settings: Settings) -> Tier:
    """Return the tier of the backlog.

    Where the arrivals go by flex, so does the backlog: whoever wants the cheap tier for all never
    pays more for less.
    """
    tier = Tier(settings.gemini.backlog)
    by_flex = tier is Tier.STANDARD and settings.gemini.tier == "flex"
    return Tier.FLEX if by_flex else tier


def backlog(settings: Settings, bench: Bench) -> Bench:
    """Return the bench of the backlog, beside that of the arrivals.

    Flex takes minutes to answer: beside a faster tier it has slots of its own.
    """
    tier = backlog_tier(settings)
    if tier is Tier.BATCH:  # what no job brings a caption for is asked about like an arrival
        tier = bench.tier
    apart = tier is Tier.FLEX and bench.tier is not Tier.FLEX
    return dataclasses.replace(
        bench,
        lane=Lane.BACKLOG,
        tier=tier,
        owner=f"{bench.owner} backlog",
        asking=Slots(settings.gemini.concurrency) if apart else bench.asking,
    )
