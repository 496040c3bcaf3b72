"""What lies beside photos: what was last seen there, and what departed photos left behind.

beside      a digest of a photo's sidecars: their names, sizes and times
unasked     queued for what a person may have written beside it: no request is made for it
departed    gone for good: its content is captioned elsewhere, or it has been gone for a day
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from captiond.models import Photo, Written

DAY_SECONDS = 86_400.0
"""What is gone for so long, and lies nowhere else, does not come back."""

CHANGED = "?"
"""Stands for what lies beside a photo and is to be read again: no digest is like it."""


@dataclass(frozen=True, slots=True)
class Departed:
    """A photo that is gone for good, and the sidecars that captiond wrote where it was."""

    photo: Photo
    written: Mapping[str, Written]


class Beside(Protocol):
    """What the index knows of the files beside photos; every write is durable when it returns."""

    async def learn(self, seen: Mapping[Photo, str]) -> None:
        """Remember what lies beside photos of which that is not known yet."""

    async def put_back(self, photo: Photo, *, owner: str, beside: str | None = None) -> None:
        """Close the claim on an `unasked` photo: state, reason and caption are as before.

        `beside` is a digest of what was read, None to leave that as it is known.
        """

    async def sharing(self, root: str, stems: Sequence[str]) -> list[str]:
        """Return the photos (paths beneath the root) that bear these paths but for an extension.

        Missing ones are left out.
        """

    async def departed(self, root: str, *, now: float, limit: int, skip: int = 0) -> list[Departed]:
        """Return photos of a root that are gone for good, with the sidecars to be removed.

        The first of them after so many to `skip`. What a photo that is still there counts as its
        own is left out.
        """

    async def forget(self, photos: Sequence[Photo]) -> None:
        """Forget what was written beside photos that are missing."""
