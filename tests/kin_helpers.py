"""An album of photos that show what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline_helpers import RECIPE, Station

from captiond.bench import Plan, RootPlans
from captiond.models import Facts, Handwriting, Photo, Prepared
from captiond.pipeline import caption_photo
from captiond.sidecars.base import Layout
from captiond.testing.memory_index import Row


@dataclass
class Sight:
    """What a photo's bytes stand for; by default nothing that anything else shows."""

    pixels: str | None = None
    taken_at: str | None = None
    camera: str | None = None
    likeness: str | None = None
    hand: Handwriting = field(default_factory=Handwriting)


class Album(Station):
    """A station whose photos show what the test says, by their bytes."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.sights: dict[bytes, Sight] = {}
        self.prepared: list[bytes] = []
        self.bench = replace(self.bench, prepare=self._prepare)

    async def _prepare(self, fd: int, digest: str) -> Prepared:
        with open(fd, "rb", closefd=False) as file:
            content = file.read()
        self.prepared.append(content)
        seen = self.sights.get(content, Sight())
        facts = Facts(
            digest=digest,
            format="jpeg",
            width=1,
            height=1,
            taken_at=seen.taken_at,
            camera=seen.camera,
            pixels=seen.pixels,
            likeness=seen.likeness,
        )
        return Prepared(b"jpeg", "image/jpeg", 1, 1, facts, handwriting=seen.hand)

    def show(self, name: str, content: bytes, **sight) -> Photo:
        self.sights[content] = Sight(**sight)
        return self.write(name, content)

    def follow(self, **changes) -> None:
        """Go on by another plan, as after a reload."""
        plan = replace(Plan(RECIPE, Layout(("txt",))), **changes)
        self.bench = replace(self.bench, plans=RootPlans({str(self.root): plan}))

    @property
    def asked(self) -> list[str]:
        return [photo.name for photo in self.captioner.asked]

    def words(self, name: str) -> tuple[str, str]:
        """Return what is shown for a photo, in the index and beside it."""
        caption = self.row(name).caption
        assert caption is not None
        return caption.description.caption, (self.root / f"{name}.txt").read_text().strip()

    def row(self, name: str) -> Row:
        return self.index.rows[Photo(str(self.root), name)]

    async def settle_all(self, *photos: Photo) -> None:
        """Offer photos that come together, and caption whatever is due until nothing waits."""
        for photo in photos:
            await self.offer(photo)
        while await self.index.next_due() is not None:
            self.now += 60
            for claim in await self.index.claim(owner="box", limit=99, now=self.now):
                await caption_photo(claim, self.bench)
