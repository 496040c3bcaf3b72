"""Captions that are taken back: what captiond wrote goes, what people wrote stays.

taking       which photos' captions are taken back
withdrawal   one photo whose caption was: it shows none now, or a person's words alone
pending      captiond's words still stand beside the photo: who took them back was killed

A withdrawal is committed before anything beside the photo is touched, and settled afterwards; one
that is pending is found again by the same taking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from captiond.models import Photo, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """Photos captioned from `since` until `until`, in unix seconds, at or beneath `places`."""

    places: Sequence[Photo]
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Found:
    """How many photos a taking concerns: of those, how many go on showing a person's caption.

    `busy` ones are being captioned or lie in a batch job, and are left alone. `examples` are some.
    """

    photos: int
    by_people: int
    busy: int
    examples: tuple[Photo, ...]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A photo whose caption was taken back, and what captiond wrote beside it."""

    photo: Photo
    written: Mapping[str, Written]


class Withdrawals(Protocol):
    """Takes captions back; every write is durable when it returns."""

    async def find(self, taking: Taking) -> Found:
        """Return what would be taken back."""

    async def take(
        self, taking: Taking, *, reason: str, now: float, after: Photo | None, limit: int
    ) -> list[Withdrawal]:
        """Take back up to `limit` captions of photos `after` that one, in their order.

        A photo becomes `skipped` with the reason, and nothing asks about it again unasked. One that
        shows a person's caption goes on showing it, without the words that captiond added.
        """

    async def settle(
        self, photo: Photo, *, written: Mapping[str, Written], beside: str | None
    ) -> None:
        """Note that nothing of captiond's stands beside the photo any more, but for `written`."""
