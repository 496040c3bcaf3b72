"""Names the colours of a picture."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Iterable

from captiond.models import Palette

LEAST_SHARE = 0.08
MOST_COLOURS = 4

_HUES = (
    (12, "red"),
    (40, "orange"),
    (66, "yellow"),
    (90, "lime"),
    (160, "green"),
    (190, "turquoise"),
    (205, "sky blue"),
    (250, "blue"),
    (285, "purple"),
    (325, "magenta"),
    (345, "pink"),
    (361, "red"),
)
"""Where each hue ends, in degrees of the colour circle."""


def of_pixels(rgb: bytes) -> Palette:
    """Return the palette of packed 8-bit RGB pixels; a few hundred are enough.

    Brightness is luma (Rec. 601), saturation the mean chroma: both from 0 to 1.
    """
    pixels = list(zip(rgb[0::3], rgb[1::3], rgb[2::3], strict=True))
    if not pixels:
        return Palette()
    count = len(pixels)
    luma = sum(299 * r + 587 * g + 114 * b for r, g, b in pixels) / (255_000 * count)
    chroma = sum(max(pixel) - min(pixel) for pixel in pixels) / (255 * count)
    return Palette(
        colours=tuple(_dominant((colour_name(*pixel) for pixel in pixels), count)),
        brightness=round(luma, 3),
        saturation=round(chroma, 3),
    )


def colour_name(red: int, green: int, blue: int) -> str:
    """Return the English name of a colour, each part from 0 to 255."""
    hue, lightness, _ = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    chroma = (max(red, green, blue) - min(red, green, blue)) / 255
    if lightness < 0.12:  # noqa: PLR2004 in the dark all colours are black
        return "black"
    if chroma < 0.1:  # noqa: PLR2004 hardly any hue left
        return _grey(lightness)
    return _tinted(hue * 360, lightness, chroma)


def _grey(lightness: float) -> str:
    if lightness > 0.9:  # noqa: PLR2004 paper
        return "white"
    if lightness > 0.65:  # noqa: PLR2004 silver
        return "light grey"
    return "grey" if lightness > 0.3 else "dark grey"  # noqa: PLR2004 slate


def _tinted(hue: float, lightness: float, chroma: float) -> str:
    name = next(name for end, name in _HUES if hue < end)
    if name in {"orange", "yellow"} and chroma < 0.35 and lightness > 0.6:  # noqa: PLR2004 sand
        return "beige"
    if name in {"red", "orange"} and lightness < 0.45 and hue > 8 and hue < 40:  # noqa: PLR2004 wood
        return "brown"
    if name == "yellow" and lightness < 0.4:  # noqa: PLR2004 moss
        return "olive"
    if name == "red" and lightness > 0.7:  # noqa: PLR2004 light red is pink
        return "pink"
    if name in {"blue", "sky blue"} and lightness < 0.25:  # noqa: PLR2004 a late sky
        return "navy blue"
    return name


def _dominant(names: Iterable[str], count: int) -> Iterable[tuple[str, float]]:
    ranked = Counter(names).most_common(MOST_COLOURS)
    for at, (name, hits) in enumerate(ranked):
        if at == 0 or hits / count >= LEAST_SHARE:
            yield name, round(hits / count, 3)
