"""A bench with a real folder, an index in memory, and a captioner that follows a script."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from captiond import errors
from captiond.bench import Bench, Plan, RootPlans
from captiond.captioners.base import Question
from captiond.disk.photofile import open_beneath
from captiond.index.base import Claim, Sighting
from captiond.models import (
    Description,
    Facts,
    Lane,
    Photo,
    Prepared,
    Recipe,
    Reply,
    State,
    Usage,
)
from captiond.pipeline import caption_photo
from captiond.quota.gate import Gate
from captiond.quota.line import Line
from captiond.quota.slots import Slots
from captiond.sidecars.base import Layout
from captiond.sidecars.read import read_sidecars
from captiond.sidecars.tags import read_tags
from captiond.sidecars.write import write_sidecars
from captiond.testing.memory_index import MemoryIndex, Row

OWNER = "box"
NOW = 1000.0
RECIPE = Recipe(origin="gemini", model="flash", language="en", prompt="Describe.")
WORDS = Description(caption="A red boat.", keywords=("boat",))

Step = Callable[[object], object]


@dataclass
class ScriptedCaptioner:
    """Answers with WORDS, after the script's errors are used up; `before` runs at each call."""

    script: list[Exception] = field(default_factory=list)
    before: Step = str
    paid: bool = True
    asked: list[Photo] = field(default_factory=list)

    async def caption(self, question: Question) -> Reply:
        self.asked.append(question.photo)
        self.before(question)
        await anyio.lowlevel.checkpoint()
        if self.script:
            error = self.script.pop(0)
            if isinstance(error, errors.PhotoError):
                return Reply(error, "flash-001")
            raise error
        return Reply(WORDS, "flash-001", Usage(100, 20))

    async def check(self) -> str:
        return "follows its script"

    async def aclose(self) -> None:
        """Nothing to let go of."""


class EndlessCaptioner(ScriptedCaptioner):
    """Never answers; `called` is set when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.called = anyio.Event()

    async def caption(self, question: Question) -> Reply:  # noqa: ARG002 the Protocol's words
        self.called.set()
        return await anyio.sleep_forever()


class Station:
    """A bench with its index and captioner, and a folder of photos."""

    def __init__(self, root: Path, captioner: ScriptedCaptioner | None = None) -> None:
        self.root = root
        self.index = MemoryIndex()
        self.captioner = captioner or ScriptedCaptioner()
        self.gate = Gate()
        self.now = NOW
        self.bench = Bench(
            index=self.index,
            captioner=self.captioner,
            gate=self.gate,
            look=lambda _: None,
            prepare=self._prepare,
            price=lambda _, usage, __: usage.input / 1000,
            read_sidecars=read_sidecars,
            read_tags=read_tags,
            write_sidecars=functools.partial(write_sidecars, version="1"),
            plans=RootPlans({str(root): Plan(RECIPE, Layout(("txt",)))}),
            preparing=Line(2),
            asking=Slots(2),
            owner=OWNER,
            clock=lambda: self.now,
            ticks=lambda: self.now,
        )

    async def _prepare(self, fd: int, digest: str) -> Prepared:  # noqa: ARG002 a bench's words
        facts = Facts(digest=digest, format="jpeg", width=1, height=1)
        return Prepared(b"jpeg", "image/jpeg", 1, 1, facts)

    def write(self, name: str, content: bytes = b"photo") -> Photo:
        (self.root / name).write_bytes(content)
        return Photo(str(self.root), name)

    async def offer(self, photo: Photo) -> None:
        with open_beneath(photo) as opened:
            signature = opened.signature
        await self.index.offer([Sighting(photo, signature, Lane.ARRIVAL)], now=self.now)

    async def claim(self, photo: Photo) -> Claim:
        (claim,) = await self.index.claim(owner=OWNER, limit=1, now=self.now)
        assert claim.photo == photo
        return claim

    async def caption(self, photo: Photo) -> Row:
        """Claim the photo and caption it; return what is known of it then."""
        await caption_photo(await self.claim(photo), self.bench)
        return self.index.rows[photo]

    async def run(self, photo: Photo) -> Row:
        """Offer, claim and caption."""
        await self.offer(photo)
        return await self.caption(photo)


def assert_waits(row: Row, *, at: float, attempts: int = 0) -> None:
    """The photo is back in the queue, in nobody's hands."""
    assert (row.state, row.owner, row.retry_at, row.attempts) == (State.QUEUED, None, at, attempts)
