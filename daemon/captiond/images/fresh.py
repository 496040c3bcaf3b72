"""Makes the image that goes out: a JPEG of nothing but upright sRGB pixels."""

from __future__ import annotations

from dataclasses import dataclass

import pyvips

from captiond.images import likeness

JPEG_QUALITY = 85
GLANCE_PX = 24
ICC = "icc-profile-data"

_WHITE = 255


@dataclass(frozen=True, slots=True)
class Fresh:
    """A JPEG, its size, and a few hundred RGB pixels that sum it up.

    `pixels` is a digest of what it shows, `likeness` a perceptual hash.
    """

    data: bytes
    width: int
    height: int
    glance: bytes
    pixels: str
    likeness: str


def encoded(small: pyvips.Image) -> Fresh:
    """Return the small image as a JPEG of nothing but its pixels, in sRGB."""
    plain = _in_srgb(small).colourspace("srgb")
    if plain.hasalpha():
        plain = plain.flatten(background=_WHITE)
    pixels = plain.cast("uchar").write_to_memory()
    plain = pyvips.Image.new_from_memory(pixels, plain.width, plain.height, plain.bands, "uchar")
    plain = plain.copy(interpretation="srgb")
    data = plain.jpegsave_buffer(Q=JPEG_QUALITY, keep="none")
    across, down = (max(1, edge // GLANCE_PX) for edge in (plain.width, plain.height))
    small = plain.shrink(across, down)
    glance = bytes(small.write_to_memory())
    return Fresh(
        data,
        plain.width,
        plain.height,
        glance,
        pixels=likeness.digest_of(pixels, plain.width, plain.height),
        likeness=likeness.hash_of(glance, small.width, small.height),
    )


def _in_srgb(small: pyvips.Image) -> pyvips.Image:
    """Heed the colour profile of the photo, as far as it has one that makes sense."""
    fallback = {"input_profile": "cmyk"} if small.interpretation == "cmyk" else {}
    if small.get_typeof(ICC):
        try:
            return small.icc_transform("srgb", embedded=True, **fallback)
        except pyvips.Error:  # a rubbish profile: the pixels are a picture all the same
            small = small.copy()
            small.remove(ICC)
    return small.icc_transform("srgb", **fallback) if fallback else small
