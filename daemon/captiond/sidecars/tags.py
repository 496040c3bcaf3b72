"""Reads who and what the XMP sidecars beside a photo name."""

from __future__ import annotations

from captiond import packets
from captiond.errors import SidecarForeign, SidecarImpossible
from captiond.models import Photo, Tags
from captiond.sidecars.places import Places


def read_tags(photo: Photo) -> Tags:
    """Return what people wrote into `IMG.jpg.xmp` and `IMG.xmp`, both if there are two.

    The second may be another photo's where two have the stem. Raises SidecarUnwritable when one
    cannot be reached now.
    """
    places = Places(photo, {})
    found = [_read(places, name) for name in places.own("xmp")]
    return packets.tidy(
        (name for tags in found for name in tags.people),
        (word for tags in found for word in tags.keywords),
    )


def _read(places: Places, name: str) -> Tags:
    try:
        content = places.read(name)
    except (SidecarForeign, SidecarImpossible):
        return Tags()
    return Tags() if content is None else packets.read(content)
