"""What people wrote about photos, and what of it their captions hold already.

handwriting   what a person wrote beside a photo, or took back there
inscription   what a person wrote into the file itself
as left       a caption that a person revised: their words in place of captiond's
withheld      set aside since its caption was taken back: not captioned again unasked
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from captiond.models import Caption, Description, Facts, Handwriting, Photo


@dataclass(frozen=True, slots=True)
class Known:
    """What people wrote into a photo's file, and whether its caption holds what they wrote.

    `own` is what captiond itself said of its bytes, and of those that it had before; `changed` what
    people changed in what it said of these pixels. `former` is a person's caption that the photo
    showed with the bytes before.
    """

    within: Handwriting = field(default_factory=Handwriting)
    is_heeded: bool = False
    own: tuple[Description, ...] = ()
    changed: Handwriting = field(default_factory=Handwriting)
    former: Description | None = None


class People(Protocol):
    """Keeps what people wrote; every write is durable when it returns.

    A write for a claim that is void changes nothing.
    """

    async def known(self, photo: Photo, digest: str) -> Known:
        """Return what is known of a photo and these bytes; a new answer heeds nothing yet."""

    async def said(self, pixels: str) -> list[Description]:
        """Return what captiond itself said of contents with these pixels, by whatever recipe."""

    async def inscribed(self, pixels: str) -> list[Handwriting]:
        """Return what people wrote into files with these pixels."""

    async def inscribe(self, digest: str, within: Handwriting) -> None:
        """Keep what people wrote into the file itself."""

    async def revise(
        self, photo: Photo, *, owner: str, caption: Caption, facts: Facts | None = None
    ) -> None:
        """Add a caption as people left it; the claimed photo shows it from now on.

        `facts`, where given, are kept as those of its content.
        """

    async def is_taken_back(self, digest: str) -> bool:
        """Tell whether the content's caption was taken back and no photo shows one."""

    async def withhold(self, photo: Photo, *, owner: str, digest: str, reason: str) -> None:
        """Close a claim: the photo is `skipped`, and is not captioned again unasked."""
