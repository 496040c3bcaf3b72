"""The rows of the in-memory index, and how a scan reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from captiond.index.base import CRASH_LIMIT, Claim
from captiond.index.folders_base import KnownFile
from captiond.index.history_base import IN_VAIN
from captiond.index.suspects import STEP_BACK_SECONDS
from captiond.models import Caption, Lane, Photo, Signature, State, Written


@dataclass(slots=True)
class Row:
    """What is known of one photo."""

    photo: Photo
    signature: Signature
    lane: Lane
    seen_at: float
    order: int
    state: State = State.QUEUED
    reason: str | None = None
    attempts: int = 0
    crashes: int = 0
    owner: str | None = None
    retry_at: float | None = None
    digest: str | None = None
    caption: Caption | None = None
    former: Caption | None = None
    anew_after: int | None = None
    written: Mapping[str, Written] = field(default_factory=dict)
    captioned_at: float | None = None
    beside: str | None = None
    unasked: State | None = None
    heeded: bool = False
    withdrawn: int = 0
    gone_at: float | None = None

    @property
    def waits(self) -> bool:
        """Whether the photo can be claimed, now or later."""
        return self.state is State.QUEUED and self.owner is None

    @property
    def is_suspect(self) -> bool:
        """Whether the photo was with the captioner at a crash and is not answered yet."""
        return self.crashes > 0 and self.state in (State.QUEUED, State.INFLIGHT)

    @property
    def may_go(self) -> bool:
        """Whether it makes a difference that the file is gone."""
        if self.state is State.MISSING:
            return self.gone_at is None
        return self.state is not State.INFLIGHT

    def is_among(self, photos: Collection[Photo] | None, states: Collection[State]) -> bool:
        """Tell whether the photo is to be queued again: one that was taken back only by name."""
        named = not self.withdrawn if photos is None else self.photo in photos
        return named and self.state in states

    def is_changed_beside(self, beside: str | None) -> bool:
        """Tell whether what lies beside the photo is a reason to queue it."""
        idle = self.state not in (State.QUEUED, State.INFLIGHT, State.MISSING)
        return idle and None not in (beside, self.beside) and beside != self.beside

    def take_over(self, known: Row) -> None:
        """Take over what was known of the photo, and of its content while the file is the same."""
        self.order, self.written = known.order, known.written
        self.beside = known.beside if self.beside is None else self.beside
        self.heeded, self.withdrawn = known.heeded, known.withdrawn
        self.former = known.caption or known.former
        if known.signature == self.signature:
            self.digest, self.caption, self.former = known.digest, known.caption, known.former
            self.captioned_at, self.anew_after = known.captioned_at, known.anew_after
            if known.state is not State.MISSING:
                self.reason, self.unasked = known.reason, known.state

    def set_aside(self, state: State, reason: str) -> None:
        """End without a caption, or with the one before when a new one was ordered in vain."""
        before, self.unasked = self.unasked, None
        if before is not None and state is not State.MISSING:
            self.state, self.anew_after = before, None
            return
        self.state, self.reason = state, reason
        if state is State.MISSING:
            return
        if self.anew_after is not None and self.caption is not None:
            self.state, self.reason = State.CAPTIONED, IN_VAIN + reason
        self.anew_after = None

    def take_back(self, *, asked: bool, now: float) -> None:
        """Go back into the queue after a crash; `asked` says that a request was in flight."""
        if self.state is not State.INFLIGHT:
            return
        self.crashes += asked
        if self.crashes >= CRASH_LIMIT:
            self.set_aside(State.FAILED, f"captiond stopped {CRASH_LIMIT} times")
        else:
            self.state, self.attempts = State.QUEUED, self.attempts - 1
            self.retry_at = now + STEP_BACK_SECONDS * self.crashes**2 if self.crashes else None

    def claim(self) -> Claim:
        """Return the row as its holder sees it."""
        return Claim(
            photo=self.photo,
            signature=self.signature,
            lane=self.lane,
            attempts=self.attempts,
            seen_at=self.seen_at,
            digest=self.digest,
            anew_after=self.anew_after,
            written=self.written,
            unasked=self.unasked is not None,
            withdrawn=self.withdrawn != 0,
        )


@dataclass(frozen=True, slots=True)
class MemoryFolderView:
    """A FolderView on a MemoryIndex."""

    rows: Callable[[], list[Row]]
    digests: Mapping[tuple[str, str], str]
    identities: Mapping[tuple[str, str], str]

    def digest(self, root: str, folder: str) -> str | None:
        """Return the folder's digest as last saved, None if there is none."""
        return self.digests.get((root, folder))

    def files(self, root: str, folder: str) -> dict[str, KnownFile]:
        """Return what is known of the files straight in `folder`, by name, `missing` ones too."""
        return {
            row.photo.name: KnownFile(
                row.signature.size,
                row.signature.mtime_ns,
                row.state,
                row.beside,
                row.captioned_at,
            )
            for row in self._beneath(root)
            if row.photo.folder == folder
        }

    def folders(self, root: str, beneath: str) -> list[str]:
        """Return the folders at or beneath `beneath` ("" = all) with a row that is not missing."""
        found = {r.photo.folder for r in self._beneath(root) if r.state is not State.MISSING}
        return sorted(f for f in found if not beneath or f"{f}/".startswith(f"{beneath}/"))

    def disks(self, root: str) -> dict[str, str]:
        """Return which file system lay at which folder of the root, as last saved."""
        saved = list(self.identities.items())
        return {folder: identity for (of, folder), identity in saved if of == root}

    def close(self) -> None:
        """Nothing to let go of."""

    def _beneath(self, root: str) -> Iterator[Row]:
        return (row for row in self.rows() if row.photo.root == root)
