"""Reads a photo's caption back from what captiond wrote beside it.

So a lost index costs no request, nor does a library that moved to another machine.
"""

from __future__ import annotations

import re
from collections.abc import Container

from captiond import files
from captiond.errors import SidecarForeign, SidecarImpossible
from captiond.models import Caption, Photo, Recipe
from captiond.sidecars.base import LIMIT_BYTES, Reading, Sidecar, Subject
from captiond.sidecars.json import Json
from captiond.sidecars.txt import Txt
from captiond.sidecars.xmp import Xmp

RICHEST_FIRST: tuple[Sidecar, ...] = (Json(), Xmp(), Txt())
MOST_CHARACTERS = 20_000
"""All the words of the longest reply that is kept come to 15,650."""

_KEY, _ORIGIN = re.compile("[0-9a-f]{16}"), re.compile("[a-z]{1,20}")


def read_sidecars(photo: Photo, digest: str, recipe: Recipe) -> Caption | None:
    """Return the caption of captiond's that stands beside these bytes and may be reused.

    The newest that the recipe accepts: what somebody brought back may be by an older recipe. Raises
    SidecarUnwritable when a sidecar cannot be reached now.
    """
    read = [caption for sidecar in RICHEST_FIRST if (caption := _read(photo, sidecar)) is not None]
    fitting = [one for one in read if one.digest == digest and recipe.accepts(one)]
    return max(fitting, key=lambda one: (one.created_at, one.recipe == recipe.key), default=None)


def tells_caption(photo: Photo, names: Container[str], recipe: Recipe) -> bool:
    """Tell whether a sidecar of captiond's among `names` tells a caption that may be reused.

    Whether it still belongs to the photo shows only once that is read. Raises SidecarUnwritable
    when a sidecar cannot be reached now.
    """
    return any(
        (caption := _read(photo, sidecar)) is not None and recipe.accepts(caption)
        for sidecar in RICHEST_FIRST
        if sidecar.file_name(photo.name) in names
    )


def _read(photo: Photo, sidecar: Sidecar) -> Caption | None:
    name = sidecar.file_name(photo.name)
    try:
        content = files.read_beneath(photo.root, photo.folder, name, limit_bytes=LIMIT_BYTES)
        if content is None:
            return None
        reading = sidecar.read(content) or _read_marks(photo, sidecar, content)
    except (SidecarForeign, SidecarImpossible):
        return None
    return reading.caption if reading is not None and is_credible(reading.caption) else None


def is_credible(caption: Caption) -> bool:
    """Tell whether a captioner could have said so: whoever may write here can forge a seal."""
    words = caption.description
    texts = (words.caption, words.title, words.alt_text, words.text, *words.keywords)
    length = sum(map(len, (*texts, caption.language, caption.model)))
    named = _KEY.fullmatch(caption.recipe) and _ORIGIN.fullmatch(caption.origin)
    return bool(words.caption and named) and length <= MOST_CHARACTERS


def _read_marks(photo: Photo, sidecar: Sidecar, content: bytes) -> Reading | None:
    """Return what the file's attribute says, if the file says the same: nobody edited it since."""
    marks = files.marks_beneath(photo.root, photo.folder, sidecar.file_name(photo.name))
    reading = None if marks is None else Json().read(marks)
    if reading is None:
        return None
    subject = Subject(photo.name, reading.caption, reading.version)
    return reading if sidecar.render(subject) == content else None
