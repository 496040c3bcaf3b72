"""Composition root: settings become opened parts, closed in reverse order.

The only place that names the concrete classes.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import structlog
from anyio.abc import TaskGroup

from captiond import config
from captiond.batches.collector import Collector
from captiond.batches.room import Batches
from captiond.batches.table import Table
from captiond.bench import Bench
from captiond.captioners.base import Captioner
from captiond.downloads.runner import Runner
from captiond.downloads.taking import LinkFiles
from captiond.errors import ConfigError, RulesBroken
from captiond.feeder import Feeder, Part, Traffic
from captiond.images import kinds
from captiond.index.base import Index
from captiond.intake.attend import Intake
from captiond.intake.folder import WatchedFolder
from captiond.models import Photo
from captiond.opening import NO_KEY, backlog, open_bench, open_captioner, open_index
from captiond.pipeline import caption_photo
from captiond.quota.budget import unpriced
from captiond.rules.tree import RuleTree
from captiond.settings import Settings

log = structlog.get_logger()

M_MMAP_THRESHOLD = -3
LARGE_BLOCK_BYTES = 1 << 17
DRAIN_SECONDS = 30.0
SCANS_AT_ONCE = 2
"""Folders that are scanned side by side; more would only make one disk seek."""
PREPARED_AHEAD = 16
"""Photos of a lane that are prepared for a free request, or filed after one: no request slot waits
for them.

With 8, one slot in ten of 64 stood empty.
"""


@dataclass(frozen=True, slots=True)
class App:
    """The opened parts of one run."""

    settings: Settings
    index: Index
    bench: Bench
    feeders: tuple[Feeder, ...]
    batches: Batches | None
    intakes: tuple[Intake, ...]
    downloads: Runner

    @property
    def in_flight(self) -> int:
        """How many photos are claimed and not done yet."""
        return sum(feeder.in_flight for feeder in self.feeders)

    def feed(self, feeding: TaskGroup) -> None:
        """Let photos flow, each lane by itself."""
        for feeder in self.feeders:
            feeding.start_soon(feeder.run, name="feeder")
        if self.batches is not None:
            feeding.start_soon(self.batches.run, self.feeders[-1], name="batches")

    async def is_idle(self, *, within_seconds: float) -> bool:
        """Tell whether nothing is in flight and nothing will be due within that time.

        What lies with the service in batch jobs is not waited for.
        """
        if self.batches is not None and not self.batches.is_idle:
            return False
        idle = [await feeder.is_idle(within_seconds=within_seconds) for feeder in self.feeders]
        return all(idle)

    async def drained(self) -> None:
        """Wait until no lane is fed any more."""
        for feeder in self.feeders:
            await feeder.ended()
        if self.batches is not None:
            await self.batches.ended()

    def wind_down(self, feeding: TaskGroup) -> None:
        """Begin nothing more; what is asked about already has DRAIN_SECONDS to finish."""
        for feeder in self.feeders:
            feeder.close()
        if self.batches is not None:
            self.batches.close()
        self.bench.gate.close("captiond is stopping")
        feeding.cancel_scope.deadline = anyio.current_time() + DRAIN_SECONDS


@asynccontextmanager
async def open_app(settings: Settings) -> AsyncIterator[App]:
    """Open everything that a daemon or a one-pass scan needs, as the sole owner of the index.

    Raises ConfigError, AlreadyRunning, LibraryUnavailable.
    """
    from captiond.index.lock import Known, owning
    from captiond.index.mend import mend

    _give_large_blocks_back()
    async with AsyncExitStack() as stack:
        captioner = await open_captioner(settings, stack)
        path = Path(settings.index.path)
        ownership = stack.enter_context(owning(path))
        await anyio.to_thread.run_sync(
            functools.partial(mend, now=time.time()), path, ownership.known
        )
        index = await open_index(settings, stack)
        ownership.learn(Known.INDEX)
        rules = RuleTree(tell_rules)
        bench = await open_bench(settings, index, captioner, stack, rules=rules)
        behind = backlog(settings, bench)
        batches = open_batches(settings, behind, captioner)
        if batches is not None:
            behind = dataclasses.replace(behind, collector=batches.collector)
        fed = feeders(bench, behind)
        fetching = downloads(settings, index)
        is_open = functools.partial(_is_open, rules)
        links = LinkFiles(index.downloads, on_queued=fetching.ring, is_open=is_open)
        looked_after = intakes(settings, index, fed, links, rules)
        yield App(settings, index, bench, fed, batches, looked_after, fetching)


def downloads(settings: Settings, index: Index) -> Runner:
    """Return what fetches photos from the web."""
    return Runner(index.downloads, settings.downloads, look=kinds.look)


def open_batches(settings: Settings, bench: Bench, captioner: Captioner) -> Batches | None:
    """Return what looks after batch jobs, None where there can be none.

    It goes on with open ones whatever the settings say; with backlog = "batch" it makes new ones.
    """
    if settings.captioner.backend == "offline" or settings.gemini.vertex.project:
        return None
    from captiond.captioners.batch import GeminiBatches
    from captiond.captioners.gemini import GeminiCaptioner

    if not isinstance(captioner, GeminiCaptioner):
        return None
    service, index = GeminiBatches(captioner.client), Path(settings.index.path)
    collector = Collector(bench, service, index=index, model=settings.gemini.model)
    wanted = settings.gemini.backlog == "batch"
    return Batches(Table(bench, service, index), collector if wanted else None)


def feeders(arrivals: Bench, backlog: Bench) -> tuple[Feeder, Feeder]:
    """Return who feeds each lane.

    Where lanes share the slots, PREPARED_AHEAD are always left to an arrival, and no more photos
    than that for each lane wait in memory.
    """
    shared, traffic = backlog.asking is arrivals.asking, Traffic()

    def feeder(bench: Bench, ahead: int) -> Feeder:
        return Feeder(
            bench.index,
            functools.partial(caption_photo, bench=bench),
            part=Part(
                owner=bench.owner,
                lane=bench.lane,
                gate=bench.collector or bench.gate,
                slots=bench.asking.total + ahead,
                shared=shared,
            ),
            traffic=traffic,
            clock=bench.clock,
            ticks=bench.ticks,
        )

    return feeder(arrivals, (1 + shared) * PREPARED_AHEAD), feeder(backlog, PREPARED_AHEAD)


def _give_large_blocks_back() -> None:
    """Have glibc map large blocks one by one, so that they go back to the system when freed.

    Left to itself it soon takes request bodies from its heap, and holes stay behind: 158 MB at
    the peak of 64 requests instead of 144. Other C libraries are left as they are.
    """
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


def intakes(
    settings: Settings,
    index: Index,
    feeders: Sequence[Feeder],
    links: LinkFiles,
    rules: RuleTree,
) -> tuple[Intake, ...]:
    """Return what looks after each watched folder."""

    def ring() -> None:
        for feeder in feeders:
            feeder.bell.ring()

    scanning = anyio.CapacityLimiter(SCANS_AT_ONCE)
    return tuple(
        Intake(
            folder=WatchedFolder.of(folder, settings.watch, rules),
            index=index,
            on_due=ring,
            on_links=links.take,
            scanning=scanning,
            writable=bool(folder.sidecars),
        )
        for folder in settings.folders
    )


def _is_open(rules: RuleTree, file: Photo) -> bool:
    """Tell whether anything may come into a file's folder; it is walked when its rules are mended.

    Blocks on the disk.
    """
    try:
        return not rules.at(file.root, file.folder).closed
    except (RulesBroken, OSError):
        return False


def tell_rules(path: str, problems: Sequence[str]) -> None:
    """Tell the operator of a broken `.captiond.toml`, and when it is mended."""
    if problems:
        log.warning("rules.broken", path=path, problems=list(problems))
    else:
        log.info("rules.mended", path=path)


def check(settings: Settings) -> Settings:
    """Return the settings if a service can live by them; raises ConfigError."""
    problems = []
    if not settings.folders:
        problems.append("folders: none is watched; add a [[folders]] table with its path")
    keyless = settings.captioner.backend == "offline" or settings.gemini.vertex.project
    if not keyless and config.read_api_key(settings) is None:
        problems.append(NO_KEY)
    if sys.getfilesystemencoding() != "utf-8":
        problems.append(NOT_UTF8)
    problems += unpriced(settings)
    if problems:
        raise ConfigError(problems)
    return settings


NOT_UTF8 = "the locale is not UTF-8, which is how photos' names are read: set LC_ALL=C.UTF-8"
