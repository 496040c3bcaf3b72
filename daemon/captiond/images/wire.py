"""Says how the daemon and a decoder child speak over their socket.

The child first sends Ready. Then, in turns: the daemon sends the digest along with the file's
descriptor; the child answers with a JSON head and the image. What comes from the child is not
trusted: it ran foreign parsers over foreign bytes.
"""

from __future__ import annotations

import struct

from msgspec import Struct

from captiond.models import Facts, Handwriting, Palette, Tags

DIGEST_BYTES = 64
SIZES = struct.Struct("!II")
"""Before each message of the child: how many bytes its head and its image have."""
MOST_HEAD_BYTES = 1 << 16
MOST_IMAGE_BYTES = 1 << 26


class Limits(Struct, frozen=True):
    """How large an image is sent, and what decoding may cost."""

    max_edge_px: int
    max_megapixels: int
    decode_seconds: float
    decode_megabytes: int


class Ready(Struct, frozen=True):
    """The child waits for photos; `missing` are the walls that could not be put around it."""

    missing: tuple[str, ...]


class Done(Struct, frozen=True, tag="done"):
    """The photo was prepared; `last` says that the child ends now, to be replaced by a new one."""

    width: int
    height: int
    facts: Facts
    palette: Palette
    tags: Tags
    handwriting: Handwriting
    last: bool


class Refused(Struct, frozen=True, tag="refused"):
    """The photo cannot be prepared; `is_photo` tells a damaged image from no image at all."""

    is_photo: bool
    reason: str
    last: bool


Answer = Done | Refused
