"""Takes back what captiond wrote beside a photo, and leaves what people wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from captiond.disk import files
from captiond.errors import SidecarForeign, SidecarImpossible, SidecarUnwritable
from captiond.models import Photo, Written
from captiond.sidecars.base import NOT_OURS, Outcome
from captiond.sidecars.places import KINDS, Places
from captiond.sidecars.work import Work


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What became of a photo's sidecars: the names of those removed and of those changed.

    `outcome` holds what captiond remembers from then on; its notes tell which were left alone.
    """

    removed: tuple[str, ...]
    changed: tuple[str, ...]
    outcome: Outcome


def withdraw_sidecars(
    photo: Photo, written: Mapping[str, Written], *, dry_run: bool = False
) -> Withdrawn:
    """Remove the sidecars that are wholly captiond's, take its words out of others' XMP.

    A dry run tells the same, and touches nothing. Raises SidecarUnwritable when one cannot be
    reached now; what was done before it stands.
    """
    work = Work(Places(photo, written), written, None)
    work.stands.clear()
    for kind in KINDS:
        for name in work.places.own(kind):
            try:
                _withdraw(kind, name, work)
            except (SidecarForeign, SidecarImpossible) as error:
                work.notes.append(str(error))
    removed, changed = tuple(work.removals), tuple(work.drafts)
    outcome = Outcome(written, tuple(work.notes)) if dry_run else work.carry_out()
    return Withdrawn(removed, changed, outcome)


def remove_sidecars(photo: Photo, written: Mapping[str, Written]) -> tuple[str, ...]:
    """Remove what captiond wrote beside a photo that is gone; return the names.

    Only what is wholly captiond's and nobody edited. () also where the folder is gone. Raises
    SidecarUnwritable when one cannot be reached now.
    """
    try:
        places = Places(photo, written)
        return tuple(name for kind in written if (name := _remove(kind, places, written[kind])))
    except SidecarUnwritable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return ()
        raise


def _remove(kind: str, places: Places, known: Written) -> str:
    """Remove what was written of a kind; return its name, "" if it was left."""
    try:
        content = places.read(known.name) if known.digest else None
        whole = content is not None and places.is_whole(kind, known.name, content)
        if content is None or not whole:
            return ""
        photo = places.photo
        gone = files.remove_beneath(photo.root, photo.folder, known.name, holding=content)
    except (SidecarForeign, SidecarImpossible):
        return ""
    return known.name if gone else ""


def _withdraw(kind: str, name: str, work: Work) -> None:
    """Plan what becomes of one sidecar. Raises SidecarForeign, SidecarImpossible."""
    if (content := work.places.read(name)) is None:
        return
    left = None if work.places.is_whole(kind, name, content) else _left(kind, name, content)
    if left is None:
        work.remove(kind, name, content)
    elif left != content:
        work.drafts[name] = files.Draft(name, left, replaces=content)
    elif kind != "xmp":
        raise SidecarForeign(f"{files.told(name)} was left alone: {NOT_OURS}")


def _left(kind: str, name: str, content: bytes) -> bytes | None:
    try:
        return KINDS[kind].withdraw(content)
    except SidecarForeign as error:
        raise SidecarForeign(f"{files.told(name)} was left alone: {error}") from error
