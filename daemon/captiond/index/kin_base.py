"""Which contents may share a caption.

kin         contents of the same pixels, the two photos of a pair, or those of one burst
mate        a photo that bears another's name but for the extension, in the same folder
leader      a photo of a burst whose caption is a captioner's own; the others take it from there
lent        a caption of one content that another content takes: no request brought it

A lent caption names the one that it was taken from first: what is lent on is no nearer to a third.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from captiond.models import Caption, Facts, Lane, Photo, Recipe, State

BURST_SECONDS = 10.0
"""How far from its leader a photo of a burst was taken at most. Each is compared with the leader
and with none between them, so that a slow pan does not carry a caption along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mate:
    """A photo that is not missing, as its row stands; `in_job`: it lies in an open batch job.

    `retry_at` in unix seconds, None for at once; `taken_at` as in `Facts`, None while not known.
    """

    photo: Photo
    state: State
    lane: Lane
    retry_at: float | None = None
    in_job: bool = False
    digest: str | None = None
    taken_at: str | None = None


@dataclass(frozen=True, slots=True)
class Leader:
    """A caption that a burst may share, and what is true of its content.

    `name` is that of a photo in the folder which has this content, None if there is none now.
    """

    caption: Caption
    facts: Facts
    name: str | None


class Kin(Protocol):
    """Finds captions of other contents, and lends them; every write is durable when it returns."""

    async def same_pixels(
        self, pixels: str, *, recipe: Recipe, after: int | None = None, people: bool = True
    ) -> Caption | None:
        """Return the newest caption of contents with these pixels; see `Index.caption_of`.

        Without `people` none that is a person's.
        """

    async def mates(self, photo: Photo) -> list[Mate]:
        """Return the photos that share the photo's folder, and its stem in whatever case."""

    async def leaders(
        self, photo: Photo, facts: Facts, *, recipe: Recipe, after: int | None = None
    ) -> list[Leader]:
        """Return whose captions photos show that were taken with the photo, the newest first.

        With it: in the same folder, by the same camera, within BURST_SECONDS. A person's words
        are left out, and what the recipe does not accept; see `Index.caption_of`.
        """

    async def in_jobs(self, facts: Facts) -> list[tuple[Photo, Facts]]:
        """Return what open batch jobs ask about that has these pixels, or was taken then."""

    async def lend(self, photo: Photo, *, owner: str, caption: Caption, facts: Facts) -> Caption:
        """Return a caption of another content as the claimed photo's, which shows it from now on.

        It says the same of `facts.digest`; what people wrote is to be put into it anew. A void
        claim changes nothing.
        """
