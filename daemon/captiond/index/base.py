"""What is known of every photo, and whose turn is next.

sighting    a finished file, as intake saw it: it becomes a row, and a row in state `queued` is
            the queue
claim       a row taken from the queue by one owner; every later write names that owner, and a
            write by anyone else, or for a row that changed meanwhile, does nothing
request     one call of a captioner: committed as `inflight` before it is made
answer      the reply, committed before anything else is done with it

All times are unix seconds and come in as arguments; all writes are durable when they return.
A store that cannot write now (a full disk) holds the write until it can. A write happens even if
its caller is cancelled while it waits for that, in the order of the calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from captiond.index.faces_base import Faces
from captiond.index.folders_base import FolderDigest, FolderView
from captiond.index.health_base import Health
from captiond.index.ledger_base import FREE, Bill
from captiond.models import (
    Cap,
    Caption,
    Facts,
    Lane,
    Photo,
    Recipe,
    Sent,
    Signature,
    State,
    Tier,
    Usage,
    Written,
)

CRASH_LIMIT = 3
"""A photo whose request was in flight at this many crashes is set aside as `failed`."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file as intake found it; `reason` says why it is skipped, None that it is a photo.

    `beside` is a digest of what lies beside it, None where that was not looked at.
    """

    photo: Photo
    signature: Signature
    lane: Lane
    reason: str | None = None
    beside: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A photo taken from the queue by its owner.

    `digest` is known when these very bytes (by signature) were read before; `attempts` counts
    this one; `written` maps a sidecar kind to what was last written for this photo. `anew_after`
    is set when a new caption was ordered: none up to this one serves the photo. No request may be
    made for one that is `unasked`: it is here for what a person wrote beside it; nor for one that
    is `withdrawn`: its caption was taken back.
    """

    photo: Photo
    signature: Signature
    lane: Lane
    attempts: int
    seen_at: float
    digest: str | None = None
    anew_after: int | None = None
    written: Mapping[str, Written] = field(default_factory=dict)
    unasked: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of a captioner, about to be made; `id` is unique text chosen by the caller.

    `facts` are those of the content that is asked about, and are kept with the request. It may
    cost `reserved_usd` at most (None where no price is known), and is entered only `within` caps.
    """

    id: str
    photo: Photo
    facts: Facts
    recipe: Recipe
    started_at: float
    tier: Tier = Tier.STANDARD
    lane: Lane = Lane.ARRIVAL
    reserved_usd: float | None = None
    within: tuple[Cap, ...] = ()
    sent: Sent | None = None

    @property
    def digest(self) -> str:
        """The digest of the content that is asked about."""
        return self.facts.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply that came: the caption it gave, its tokens, its cost if the price is known.

    `tier` is the one that answered, None where that is not told.
    """

    request: str
    photo: Photo
    caption: Caption
    usage: Usage
    cost_usd: float | None
    ended_at: float
    tier: Tier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A photo whose caption is in the index and in its sidecars.

    `reason` tells what was left undone on purpose (a person's sidecar left alone), else None;
    `beside` is a digest of what lies beside it now, None to leave that as it is known.
    """

    photo: Photo
    digest: str
    recipe: str
    written: Mapping[str, Written]
    captioned_at: float
    reason: str | None = None
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """A photo to be tried again at `at`; `counted` False gives the attempt back."""

    photo: Photo
    at: float
    reason: str
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Parked:
    """A photo that ends here: `failed`, `refused`, `skipped` or `missing`, with its reason."""

    photo: Photo
    state: State
    reason: str


class Index(Faces, Protocol):
    """The store behind the daemon: photos, contents, captions, requests, and the queue."""

    async def offer(self, sightings: Sequence[Sighting], *, now: float) -> int:
        """Take note of finished files; return how many became due.

        A new file becomes `queued` (or `skipped`, with a reason). A known one with the same
        signature stays as it is, unless it was `missing`: then it is queued. One that is not in
        the queue and has something else beside it is queued `unasked`. A known one with another
        signature starts anew: queued, attempts 0, its digest forgotten; a claim on it is void.
        """

    async def gone(self, photos: Sequence[Photo], *, now: float) -> None:
        """Mark photos as `missing`; their captions stay. A photo in flight stays in flight."""

    async def save_folders(self, digests: Sequence[FolderDigest]) -> None:
        """Remember what folders digested to."""

    async def save_disks(self, root: str, disks: Mapping[str, str | None]) -> None:
        """Remember which file system lies at some folders of the root; None forgets a folder."""

    def folder_view(self) -> FolderView:
        """Open a reader for the scan, in the thread that will use it."""

    async def claim(
        self, *, owner: str, limit: int, now: float, lanes: Collection[Lane] = tuple(Lane)
    ) -> list[Claim]:
        """Take up to `limit` due photos of these lanes: arrivals first, the newest first.

        Counts the attempt. A row whose `retry_at` has not come is not due. A photo that was with
        the captioner at a crash is taken alone, once the owner holds nothing else; one of the
        backlog waits for the due ones among the arrivals, whoever holds them.
        """

    async def next_due(self, *, lanes: Collection[Lane] = tuple(Lane)) -> float | None:
        """Return when the next photo of these lanes is due, None when none waits."""

    async def begin(self, request: Request, *, owner: str) -> bool:
        """Commit the request as in flight, before it is made; False if the claim is void.

        The facts of its content are kept, in place of what was known of it.
        """

    async def note(self, request: Request, *, owner: str) -> None:
        """Commit a request as in flight for a photo that is not in the queue."""

    async def answer(self, answer: Answer) -> None:
        """Commit a reply: caption, tokens, cost; the photo shows the caption from now on."""

    async def abandon(
        self,
        request: str,
        error: str,
        *,
        now: float,
        bill: Bill | None = FREE,
        limited: bool = False,
    ) -> None:
        """Close a request that brought no caption; `limited`: the service never counted it.

        Without a bill nobody knows what it cost.
        """

    async def caption_of(
        self, digest: str, *, recipe: Recipe, after: int | None = None
    ) -> Caption | None:
        """Return the newest caption that may be reused for this content, None if there is none.

        A person's before all others; else by any recipe of the same origin and language: a moved
        photo never pays again because the prompt was polished since. One that somebody brought
        back is the newest from then on, in whatever language. With `after` a new one was ordered
        (`Claim.anew_after`): then only one that came since, by this very recipe.
        """

    async def restore(self, caption: Caption, facts: Facts) -> None:
        """Keep a caption that stands in a sidecar and is not known here: no request brought it."""

    async def assign(self, photo: Photo, *, owner: str, caption: Caption) -> None:
        """Show an existing caption for a photo: this very one."""

    async def complete(self, done: Sequence[Completed], *, owner: str) -> None:
        """Close claims whose caption stands in index and sidecars."""

    async def retry(self, retries: Sequence[Retry], *, owner: str) -> None:
        """Put claimed photos back into the queue for later."""

    async def park(self, parked: Sequence[Parked], *, owner: str) -> None:
        """Close claims that end without a caption; one that was there already stays.

        A photo whose new caption was ordered in vain is `captioned` as before, with the reason;
        an `unasked` one is put back, unless it is `missing`.
        """

    async def release(self, photos: Sequence[Photo], *, owner: str) -> None:
        """Put claimed photos back as if they had never been claimed."""

    async def requeue(
        self, *, states: Sequence[State], now: float, photos: Sequence[Photo] | None = None
    ) -> int:
        """Queue all photos in these states anew, or those of `photos`; return how many.

        What was taken back is queued only by name.
        """

    async def recover(self, *, now: float) -> list[Photo]:
        """Take back what a crash left in flight; return the photos that were held.

        For the sole owner of the store, at its start. A photo whose *request* was in flight
        counts a crash and waits for a while; at CRASH_LIMIT it is set aside as if parked as
        `failed`.
        """

    async def counts(self) -> dict[State, int]:
        """Return how many photos stand in each state; a state without photos is absent."""

    async def beat(self, health: Health) -> None:
        """Publish the daemon's health for `captiond status`."""

    async def aclose(self) -> None:
        """Finish what was begun and close."""
