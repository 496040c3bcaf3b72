"""Reads a photo's caption back from what captiond wrote beside it.

So a lost index costs no request, nor does a library that moved to another machine.
"""

from __future__ import annotations

from captiond import files
from captiond.errors import SidecarForeign, SidecarImpossible
from captiond.models import Caption, Photo, Recipe
from captiond.sidecars.base import Reading, Sidecar, Subject
from captiond.sidecars.json import Json
from captiond.sidecars.txt import Txt
from captiond.sidecars.xmp import Xmp

RICHEST_FIRST: tuple[Sidecar, ...] = (Json(), Xmp(), Txt())
LIMIT_BYTES = 2 << 20
"""A caption of 100,000 signs makes an XMP of 0.8 MB."""


def read_sidecars(photo: Photo, digest: str, recipe: Recipe) -> Caption | None:
    """Return the caption of captiond's that stands beside these bytes and may be reused.

    By this very recipe if there is one, else the newest that the recipe accepts. Raises
    SidecarUnwritable when a sidecar cannot be reached now.
    """
    read = [caption for sidecar in RICHEST_FIRST if (caption := _read(photo, sidecar)) is not None]
    fitting = [one for one in read if one.digest == digest and recipe.accepts(one)]
    return max(fitting, key=lambda one: (one.recipe == recipe.key, one.created_at), default=None)


def _read(photo: Photo, sidecar: Sidecar) -> Caption | None:
    name = sidecar.file_name(photo.name)
    try:
        content = files.read_beneath(photo.root, photo.folder, name, limit_bytes=LIMIT_BYTES)
        if content is None:
            return None
        reading = sidecar.read(content) or _read_marks(photo, sidecar, content)
    except (SidecarForeign, SidecarImpossible):
        return None
    return None if reading is None else reading.caption


def _read_marks(photo: Photo, sidecar: Sidecar, content: bytes) -> Reading | None:
    """Return what the file's attribute says, if the file says the same: nobody edited it since."""
    marks = files.marks_beneath(photo.root, photo.folder, sidecar.file_name(photo.name))
    reading = None if marks is None else Json().read(marks)
    if reading is None:
        return None
    subject = Subject(photo.name, reading.caption, reading.version)
    return reading if sidecar.render(subject) == content else None
