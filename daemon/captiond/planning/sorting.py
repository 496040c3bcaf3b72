"""Walks a scope as the scan does and tells how each photo stands, by headers alone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from enum import StrEnum

from captiond.akin import accompanied
from captiond.bench import Plan
from captiond.disk import photofile
from captiond.errors import (
    NotAPhoto,
    PhotoVanished,
    RulesBroken,
    SidecarUnwritable,
    Undecodable,
)
from captiond.handwriting import speaks
from captiond.images import kinds, sizes
from captiond.index.survey import KnownPhoto, Survey
from captiond.intake.filters import Filter
from captiond.intake.listing import Listing, differing, walk
from captiond.intake.settler import why_skipped
from captiond.models import Photo, Recipe, Signature, State
from captiond.planning.scopes import Scope
from captiond.rules.base import NO_MEDIA, RULES_FILE
from captiond.sidecars.handwriting import read_handwriting
from captiond.sidecars.names import candidates
from captiond.sidecars.read import tells_caption

MOST_REASONS = 100
OTHER_REASONS = "other reasons"
MOVED = "moved, renamed or back: the index has its caption"
IN_SIDECAR = "its sidecar has its caption, unless the photo was changed since"
BY_PEOPLE = "a person's caption lies beside it"
BESIDE_RAW = "it shares a caption with the picture of its name"
PASSED = "passed_over"


class Standing(StrEnum):
    """How a photo stands; `new`, `changed` and `waiting` ones are to be paid for."""

    NEW = "new"
    CHANGED = "changed"
    WAITING = "waiting"
    KNOWN = "known"
    CAPTIONED = "captioned"
    IN_FLIGHT = "in_flight"
    FAILED = "failed"
    REFUSED = "refused"
    SKIPPED = "skipped"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"


TO_CAPTION = (Standing.NEW, Standing.CHANGED, Standing.WAITING)
_IN_INDEX = {
    State.CAPTIONED: Standing.CAPTIONED,
    State.INFLIGHT: Standing.IN_FLIGHT,
    State.FAILED: Standing.FAILED,
    State.REFUSED: Standing.REFUSED,
    State.SKIPPED: Standing.SKIPPED,
}


@dataclass(slots=True)
class Example:
    """How many are as this one; `path` is absolute."""

    path: str
    count: int = 0


@dataclass(slots=True)
class Due:
    """How many photos are to be captioned by one recipe; `first` is one of them."""

    first: Photo
    count: int = 0


@dataclass(slots=True)
class Sorted:
    """What was found in one scope; `reasons` by standing, or PASSED, and sentence."""

    standings: Counter[Standing] = field(default_factory=Counter)
    reasons: dict[tuple[str, str], Example] = field(default_factory=dict)
    due: dict[Recipe, Due] = field(default_factory=dict)
    """What is to be captioned, by recipe."""

    @property
    def photos(self) -> int:
        """How many photos were looked at."""
        return self.standings.total()

    @property
    def to_caption(self) -> int:
        """How many are to be paid for."""
        return sum(self.standings[standing] for standing in TO_CAPTION)

    def add(self, photo: Photo, recipe: Recipe, standing: Standing, reason: str | None) -> None:
        """Count a photo."""
        self.standings[standing] += 1
        if standing in TO_CAPTION:
            self.due.setdefault(recipe, Due(photo)).count += 1
        elif reason:
            self.note(standing, reason, photo.full)

    def note(self, what: str, reason: str, path: str) -> None:
        """Count a reason; those beyond MOST_REASONS share one."""
        if (what, reason) not in self.reasons and len(self.reasons) >= MOST_REASONS:
            reason = OTHER_REASONS
        self.reasons.setdefault((what, reason), Example(path)).count += 1


@dataclass(frozen=True, slots=True)
class Sorter:
    """Sorts photos; `survey` is the index if there is one, `paid` says that captions are reused."""

    survey: Survey | None
    max_megapixels: int
    paid: bool

    def sort(self, scope: Scope, tell: Callable[[int], None]) -> Sorted:
        """Sort all photos of a scope; `tell` hears after each folder how many there were in it.

        Blocks on the disk. Raises LibraryUnavailable.
        """
        found, full = Sorted(), scope.watched.full
        for folder, listing in walk(scope.watched, scope.beneath):
            if listing is None:
                found.note(PASSED, _why_closed(full(folder)), full(folder))
            elif isinstance(listing, OSError):
                reason = listing.strerror or str(listing)
                found.note(PASSED, f"a folder that cannot be read: {reason}", full(folder))
            else:
                _note_others(scope, listing, found)
                try:
                    plan = scope.plan(folder)
                except (RulesBroken, OSError) as error:
                    found.note(PASSED, f"its rules are broken: {error}", full(folder))
                    continue
                self._sort_folder(scope, listing, plan, found)
                tell(len(listing.photos))
        return found

    def _sort_folder(self, scope: Scope, listing: Listing, plan: Plan, found: Sorted) -> None:
        root, folder, recipe = scope.watched.root, listing.folder, plan.recipe
        known = self.survey.files(root, folder) if self.survey is not None else {}
        anew, beside = set(differing(listing, known)), frozenset(listing.others)
        paired = accompanied([name for name, _, _ in listing.photos]) if self.paid else ()
        for name, _, _ in listing.photos:
            photo, row = Photo(root, f"{folder}/{name}" if folder else name), known.get(name)
            if row is not None and name not in anew and row.state in _IN_INDEX:
                found.add(photo, recipe, _IN_INDEX[row.state], row.reason)
                continue
            seen = _examine(photo, self.max_megapixels)
            if isinstance(seen, Signature):
                fresh = _fresh(row, changed=name in anew)
                wanted = fresh is Standing.WAITING and row is not None and row.anew
                written = () if fresh is Standing.CHANGED else beside  # before it was changed
                why = BESIDE_RAW if name in paired else None
                if why is None and not wanted:
                    why = self._why_free(plan, photo, seen, written)
                found.add(photo, recipe, Standing.KNOWN if why else fresh, why)
            elif seen is not None:
                found.add(photo, recipe, *seen)

    def _why_free(
        self, plan: Plan, photo: Photo, signature: Signature, beside: Container[str]
    ) -> str | None:
        """Return where the caption of a photo stands already, None if nowhere."""
        if not self.paid:
            return None
        if self.survey is not None and self.survey.is_known(signature, plan.recipe):
            return MOVED
        try:
            if _is_written_about(photo, beside, plan):
                return BY_PEOPLE
            return IN_SIDECAR if tells_caption(photo, beside, plan.recipe) else None
        except SidecarUnwritable:
            return None


def _is_written_about(photo: Photo, beside: Container[str], plan: Plan) -> bool:
    """Tell whether a person's caption lies beside the photo, and nothing is asked about it."""
    if plan.existing == "add" or not any(name in beside for name in candidates(photo.name)):
        return False
    read = read_handwriting(photo, {}, None)
    return read.kept is not None or speaks(read.handwriting)


def _why_closed(path: str) -> str:
    if os.path.lexists(f"{path}/{NO_MEDIA}"):
        return f"a folder with a file {NO_MEDIA} in it"
    return f"a folder with ignore = true in its {RULES_FILE}"


def _fresh(row: KnownPhoto | None, *, changed: bool) -> Standing:
    if row is None or row.state is State.MISSING:
        return Standing.NEW
    return Standing.CHANGED if changed else Standing.WAITING


def _examine(photo: Photo, max_megapixels: int) -> Signature | tuple[Standing, str] | None:
    """Return the photo's signature, or how it stands if it is none; None if it is gone."""
    try:
        signature, size = _read_header(photo)
    except PhotoVanished:
        return None
    except NotAPhoto as error:
        return Standing.SKIPPED, str(error)
    except Undecodable as error:
        return Standing.UNREADABLE, str(error)
    except OSError as error:
        return Standing.UNREADABLE, f"the file cannot be read: {error.strerror}"
    if size is not None and sizes.megapixels(size) > max_megapixels:
        return Standing.TOO_LARGE, f"over images.max_megapixels = {max_megapixels}"
    return signature


def _read_header(photo: Photo) -> tuple[Signature, sizes.Size | None]:
    """Return the photo's signature and its size; raises PhotoError, OSError."""
    with photofile.open_beneath(photo) as opened:
        if (reason := why_skipped(photo, opened.signature)) is not None:
            raise NotAPhoto(reason)
        kinds.look(opened.head())
        return opened.signature, sizes.measure(opened.fd, kinds.tell(opened.fd))


def _note_others(scope: Scope, listing: Listing, found: Sorted) -> None:
    """Count what is no photo by its name, and which folders are not entered."""
    folder, ours = listing.folder, listing.filter
    entered = {path.rpartition("/")[2] for path in listing.folders}
    photos = {name for name, _, _ in listing.photos}
    closed = set(listing.closed)
    for name in {*listing.others, *closed} - entered - photos:
        if name in closed:
            reason = "a folder that is not entered"
        elif Filter().is_photo(folder, name) and not ours.is_photo(folder, name):
            everywhere = not scope.watched.filter.is_photo(folder, name)
            reason = f"ignored: {'[watch] ignore' if everywhere else RULES_FILE}"
        else:
            reason = "hidden" if name.startswith(".") else "no photo by its name"
        path = f"{folder}/{name}" if folder else name
        found.note(PASSED, reason, scope.watched.full(path))
