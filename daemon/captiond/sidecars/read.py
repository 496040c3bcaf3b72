"""Reads a photo's caption back from what captiond wrote beside it.

So a lost index costs no request, nor does a library that moved to another machine.
"""

from __future__ import annotations

import re
from collections.abc import Container

from captiond.errors import SidecarForeign, SidecarImpossible
from captiond.models import Caption, Photo, Recipe
from captiond.sidecars.base import MOST_CHARACTERS
from captiond.sidecars.names import candidates
from captiond.sidecars.places import Places

_RICHEST_FIRST = ("json", "xmp", "txt")
_KEY, _ORIGIN = re.compile("[0-9a-f]{16}|human"), re.compile("[a-z]{1,20}")


def read_sidecars(photo: Photo, digest: str, recipe: Recipe) -> Caption | None:
    """Return the caption of captiond's that stands beside these bytes and may be reused.

    The newest that the recipe accepts: what somebody brought back may be by an older recipe. Raises
    SidecarUnwritable when a sidecar cannot be reached now.
    """
    read = _read_all(photo, digest)
    fitting = [one for one in read if one.digest == digest and recipe.accepts(one)]
    return max(fitting, key=lambda one: (one.created_at, one.recipe == recipe.key), default=None)


def tells_caption(photo: Photo, names: Container[str], recipe: Recipe) -> bool:
    """Tell whether a sidecar of captiond's among `names` tells a caption that may be reused.

    Whether it still belongs to the photo shows only once that is read. Raises SidecarUnwritable
    when a sidecar cannot be reached now.
    """
    beside = any(name in names for name in candidates(photo.name))
    return beside and any(recipe.accepts(one) for one in _read_all(photo, None))


def _read_all(photo: Photo, digest: str | None) -> list[Caption]:
    """Return the captions of captiond's beside a photo, that of the richest sidecar first."""
    places = Places(photo, {}, digest)
    told = (_read(kind, name, places) for kind in _RICHEST_FIRST for name in places.own(kind))
    return [caption for caption in told if caption is not None]


def _read(kind: str, name: str, places: Places) -> Caption | None:
    try:
        content = places.read(name)
        reading = None if content is None else places.reading(kind, name, content)
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
