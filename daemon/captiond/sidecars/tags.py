"""Reads who and what the XMP sidecars beside a photo name."""

from __future__ import annotations

from captiond import files, packets
from captiond.errors import SidecarForeign, SidecarImpossible
from captiond.models import Photo, Tags
from captiond.sidecars.write import shares_stem


def read_tags(photo: Photo) -> Tags:
    """Return what people wrote into `IMG.jpg.xmp` and `IMG.xmp`, both if there are two.

    The second is another photo's where two have the stem. Raises SidecarUnwritable when one cannot
    be reached now.
    """
    stem = photo.name.rpartition(".")[0]
    found = [_read(photo, f"{photo.name}.xmp")]
    if stem and (beside := _read(photo, f"{stem}.xmp")) != Tags() and not shares_stem(photo, stem):
        found.append(beside)
    return packets.tidy(
        (name for tags in found for name in tags.people),
        (word for tags in found for word in tags.keywords),
    )


def _read(photo: Photo, name: str) -> Tags:
    try:
        content = files.read_beneath(
            photo.root, photo.folder, name, limit_bytes=packets.LIMIT_BYTES
        )
    except (SidecarForeign, SidecarImpossible):
        return Tags()
    return Tags() if content is None else packets.read(content)
