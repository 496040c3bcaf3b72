"""Writes a photo's sidecars, and leaves alone what captiond did not write."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto

from captiond import files
from captiond.errors import SidecarForeign, SidecarImpossible
from captiond.models import Caption, Photo, Written
from captiond.sidecars.base import LIMIT_BYTES, Layout, Outcome, Sidecar, Subject
from captiond.sidecars.json import Json
from captiond.sidecars.txt import Txt
from captiond.sidecars.xmp import Xmp

KINDS: Mapping[str, Sidecar] = {kind.kind: kind for kind in (Xmp(), Txt(), Json())}
_NO_PHOTO = {"xmp", "txt", "json", "aae", "thm", "wav", "mov", "mp4"}
"""Extensions of files that go with a photo of the same stem."""


class Decision(Enum):
    """What is done about one sidecar."""

    WRITE = auto()
    SAME = auto()
    FOREIGN = auto()


def decide(
    existing: bytes | None, wanted: bytes, *, written: Written | None, sidecar: Sidecar
) -> Decision:
    """Decide about a sidecar by what lies there, None for nothing.

    Ours, and so replaceable, is what has the digest that captiond last wrote, or its own marks.
    """
    if existing is None:
        return Decision.WRITE
    if existing == wanted:
        return Decision.SAME
    if written is not None and _digest(existing) == written.digest:
        return Decision.WRITE
    return Decision.WRITE if sidecar.is_ours(existing) else Decision.FOREIGN


def write_sidecars(
    photo: Photo,
    caption: Caption,
    layout: Layout,
    written: Mapping[str, Written],
    *,
    version: str,
) -> Outcome:
    """Write the sidecars of this layout; `written` is what captiond wrote here before.

    A second run with the same caption touches no file. Raises SidecarUnwritable: what could be
    written before it then stands, and is recognised as the same when this is tried again.
    """
    stands, notes, drafts = dict(written), [], []
    subject = Subject(photo.name, caption, version)
    for kind in layout.kinds:
        sidecar = KINDS[kind]
        try:
            draft = _draft(photo, subject, sidecar, written.get(kind))
        except SidecarImpossible:
            stands.pop(kind, None)
            notes.append(f"no {kind} was written: its file name would be too long")
            continue
        except SidecarForeign as error:
            stands.pop(kind, None)
            notes.append(str(error))
            continue
        stands[kind] = Written(draft.name, _digest(draft.data))
        if draft.replaces != draft.data:
            drafts.append(draft)
    if drafts:
        files.write_beneath(photo.root, photo.folder, drafts)
    return Outcome(stands, tuple(notes))


def _draft(
    photo: Photo, subject: Subject, sidecar: Sidecar, written: Written | None
) -> files.Draft:
    """Return what is to stand there. Raises SidecarForeign, SidecarImpossible."""
    name = sidecar.file_name(photo.name)
    existing = files.read_beneath(photo.root, photo.folder, name, limit_bytes=LIMIT_BYTES)
    wanted = _render(subject, sidecar, existing)
    if decide(existing, wanted, written=written, sidecar=sidecar) is Decision.FOREIGN:
        raise SidecarForeign(f"{files.told(name)} was left alone: captiond did not write it so")
    if existing is None and sidecar.kind == "xmp":
        _check_stem(photo)
    return files.Draft(name, wanted, replaces=existing, marks=sidecar.marks(subject))


def _render(subject: Subject, sidecar: Sidecar, existing: bytes | None) -> bytes:
    """Return the sidecar; as it stands if only the version of captiond would change in it."""
    wanted = sidecar.render(subject)
    if existing in (None, wanted) or (written := sidecar.read(existing)) is None:
        return wanted
    as_then = sidecar.render(replace(subject, version=written.version))
    return existing if as_then == existing else wanted


def _check_stem(photo: Photo) -> None:
    """See that the photo has no `IMG.xmp`: programs that find two follow one of them.

    Raises SidecarForeign.
    """
    stem = photo.name.rpartition(".")[0] or photo.name
    name = f"{stem}.xmp"
    try:
        found = files.read_beneath(photo.root, photo.folder, name, limit_bytes=LIMIT_BYTES)
    except SidecarForeign:
        found = b""
    if found is None or shares_stem(photo, stem):
        return
    raise SidecarForeign(f"{files.told(name)} was left alone, and a second XMP was not written")


def shares_stem(photo: Photo, stem: str) -> bool:
    """Tell whether another photo could own the stem's sidecar: the raw file of a pair."""
    beside = files.names_beneath(photo.root, photo.folder)
    others = (name.rpartition(".") for name in beside if name != photo.name)
    return any(head == stem and ext.lower() not in _NO_PHOTO for head, _, ext in others)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
