"""Writes a photo's sidecars, and leaves alone what captiond did not write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from captiond.disk import files
from captiond.errors import SidecarForeign, SidecarImpossible
from captiond.models import Caption, Photo, Written
from captiond.sidecars.base import NOT_OURS, Errand, Layout, Outcome, Sidecar, Subject
from captiond.sidecars.clean import one_line
from captiond.sidecars.deciding import Decision, decide
from captiond.sidecars.names import SUFFIXES, Names, file_name, stem_of
from captiond.sidecars.places import EDITED, KINDS, Places
from captiond.sidecars.work import Work

_ERRAND = Errand()


def write_sidecars(
    photo: Photo,
    caption: Caption,
    layout: Layout,
    written: Mapping[str, Written],
    errand: Errand = _ERRAND,
    *,
    version: str,
) -> Outcome:
    """Write the sidecars of this layout; `written` is what captiond wrote here before.

    A second run with the same caption touches no file. Raises SidecarUnwritable: what could be
    written before it then stands, and is recognised as the same when this is tried again.
    """
    places = Places(photo, written, caption.digest)
    subject = Subject(photo.name, caption, version, errand.source, errand.anew)
    work = Work(places, written, errand.stamps)
    for kind in layout.kinds:
        try:
            _plan(kind, subject, layout.names, adopted=errand.adopted, work=work)
        except SidecarImpossible:
            work.notes.append(f"no {kind} was written: its file name would be too long")
        except SidecarForeign as error:
            work.notes.append(str(error))
    return work.carry_out()


def _plan(kind: str, subject: Subject, names: Names, *, adopted: bool, work: Work) -> None:
    """Plan what becomes of one kind. Raises SidecarForeign, SidecarImpossible."""
    name = _name(kind, names, work.places)
    content = work.places.read(name)
    whole = content is not None and work.places.is_whole(kind, name, content)
    known = work.written.get(kind)
    match decide(kind, subject, known, lies=content is not None, is_whole=whole, adopted=adopted):
        case Decision.WRITE:
            wanted = _render(subject, KINDS[kind], content)
            work.put(kind, name, wanted, over=content, marks=KINDS[kind].marks(subject))
        case Decision.MERGE if content is not None:
            _merge(kind, name, content, subject, adopted=adopted, work=work)
        case Decision.REMOVE if content is not None:
            work.remove(kind, name, content)
        case Decision.LEAVE:
            if known is not None and known.digest:
                work.stands[kind] = replace(known, digest=EDITED, deleted=False)
            if not adopted and not _says(content, subject):
                raise SidecarForeign(f"{files.told(name)} was left alone: {NOT_OURS}")
        case Decision.FORGO if known is not None and known.digest:
            work.stands[kind] = replace(known, deleted=True)


def _name(kind: str, names: Names, places: Places) -> str:
    """Return where the sidecar is, or is to be. Raises SidecarForeign for a name of two photos."""
    if own := places.own(kind):
        return own[0]
    photo = places.photo.name
    name = file_name(photo, SUFFIXES[kind], names)
    if names == "stem" and stem_of(photo) != photo and places.rivals:
        sharers = " and ".join(map(files.told, (photo, *places.rivals)))
        raise SidecarForeign(f"{sharers} would share {files.told(name)}: none was written")
    return name


def _merge(
    kind: str, name: str, content: bytes, subject: Subject, *, adopted: bool, work: Work
) -> None:
    """Plan captiond's words in another's file. Raises SidecarForeign."""
    sidecar = KINDS[kind]
    try:
        if adopted and sidecar.withdraw(content) == content:
            return
        merged = sidecar.merge(content, subject)
    except SidecarForeign as error:
        raise SidecarForeign(f"{files.told(name)} was left alone: {error}") from error
    work.put(kind, name, merged, over=content)


def _render(subject: Subject, sidecar: Sidecar, existing: bytes | None) -> bytes:
    """Return the sidecar; as it stands if only the version of captiond would change in it."""
    wanted = sidecar.render(subject)
    if existing in (None, wanted) or (written := sidecar.read(existing)) is None:
        return wanted
    as_then = sidecar.render(replace(subject, version=written.version))
    return existing if as_then == existing else wanted


def _says(content: bytes | None, subject: Subject) -> bool:
    """Tell whether a person's text is the very caption: there is nothing to tell then."""
    text = (content or b"").decode("utf-8-sig", "replace")
    return one_line(text) == one_line(subject.caption.description.caption)
