"""Walks a folder tree and says where it differs from the index.

A folder's listing is digested; where the index holds the same digest there is nothing to do, so
that an unchanged folder costs one query. A difference is only a hint: settling decides.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from captiond.disk.files import is_leftover
from captiond.index.folders_base import FolderDigest, FolderView
from captiond.intake.folder import WatchedFolder
from captiond.intake.listing import (
    Arm,
    Listing,
    absent,
    changed_beside,
    differing,
    digest_of,
    unarmed,
    unknown_beside,
    walk,
)
from captiond.intake.look import is_folder
from captiond.models import Photo, State

STEP_PATHS = 4000
STEP_SECONDS = 0.05


@dataclass(slots=True, kw_only=True)
class Finding:
    """What the walk found in one folder; `hints`, `gone`, `links` are paths beneath the root.

    `beside` is what was found beside photos of which the index does not know that; `leftovers` says
    that a crash left temporary files there.
    """

    folder: str
    photos: int = 0
    hints: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    agreed: FolderDigest | None = None
    beside: dict[Photo, str] = field(default_factory=dict)
    unreadable: str | None = None
    leftovers: bool = False


@dataclass(slots=True)
class Step:
    """What a bounded stretch of the walk found."""

    hints: list[str] = field(default_factory=list)
    agreed: list[FolderDigest] = field(default_factory=list)
    beside: dict[Photo, str] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    photos: int = 0


def scan(
    watched: WatchedFolder, view: FolderView, beneath: str = "", *, arm: Arm = unarmed
) -> Iterator[Step]:
    """Walk the folder `beneath` ("" = the whole root); yield what was found, step by step.

    Blocks on the disk and reads `view`: to be run in the view's own thread.
    """
    findings = _compare_tree(watched, view, beneath, arm)
    step, began = Step(), time.monotonic()
    for finding in _hold_back_gone(findings) if beneath == "" else findings:
        _add(finding, step)
        full = step.photos + len(step.hints) >= STEP_PATHS
        if full or time.monotonic() - began >= STEP_SECONDS:
            yield step
            step, began = Step(), time.monotonic()
    yield step


def _add(finding: Finding, step: Step) -> None:
    step.photos += finding.photos
    step.hints += finding.hints
    step.hints += finding.gone
    step.hints += finding.links
    step.beside |= finding.beside
    if finding.agreed is not None:
        step.agreed.append(finding.agreed)
    if finding.unreadable is not None:
        step.unreadable.append((finding.folder, finding.unreadable))
    if finding.leftovers:
        step.leftovers.append(finding.folder)


def _hold_back_gone(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Pass findings on, what is gone only once a photo was met.

    A root without a single photo may be the bare mount point of a disk that is not there, with
    a stray file in it.
    """
    held: list[str] = []
    met_photos = False
    for finding in findings:
        met_photos = met_photos or finding.photos > 0
        if met_photos:
            finding.gone, held = held + finding.gone, []
        else:
            finding.gone, held = [], held + finding.gone
        yield finding


def _compare_tree(
    watched: WatchedFolder, view: FolderView, beneath: str, arm: Arm
) -> Iterator[Finding]:
    for folder, found in walk(watched, beneath, arm=arm):
        if isinstance(found, OSError):
            yield Finding(folder=folder, unreadable=found.strerror or str(found))
        elif found is not None:
            yield _compare_folder(watched, view, found)
    if watched.recursive:
        yield from _vanished_folders(watched, view, beneath)


def _compare_folder(watched: WatchedFolder, view: FolderView, listing: Listing) -> Finding:
    finding = Finding(folder=listing.folder, photos=len(listing.photos))
    finding.leftovers = any(map(is_leftover, listing.others))
    is_link_file = listing.filter.is_link_file
    links = [name for name in listing.others if is_link_file(listing.folder, name)]
    finding.links = _paths(listing.folder, links)
    digest = digest_of(listing.filter.fingerprint, listing.photos, listing.sidecars)
    if view.digest(watched.root, listing.folder) == digest:
        return finding
    known = view.files(watched.root, listing.folder)
    finding.beside = {
        Photo(watched.root, _path(listing.folder, name)): beside
        for name, beside in unknown_beside(listing, known).items()
    }
    names = dict.fromkeys((*differing(listing, known), *changed_beside(listing, known)))
    finding.hints = _paths(listing.folder, list(names))
    finding.gone = _paths(listing.folder, absent(listing, known))
    if not finding.hints and not finding.gone:
        finding.agreed = FolderDigest(watched.root, listing.folder, digest)
    return finding


def _vanished_folders(watched: WatchedFolder, view: FolderView, beneath: str) -> Iterator[Finding]:
    for folder in view.folders(watched.root, beneath):
        if folder and _is_gone(watched.root, folder):
            known = view.files(watched.root, folder)
            names = [name for name, row in known.items() if row.state is not State.MISSING]
            yield Finding(folder=folder, gone=_paths(folder, names))


def _is_gone(root: str, folder: str) -> bool:
    try:
        return not is_folder(root, folder)
    except OSError:
        return False


def _paths(folder: str, names: list[str]) -> list[str]:
    return [_path(folder, name) for name in names]


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
