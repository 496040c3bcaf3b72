"""Names the colours of a picture."""

from __future__ import annotations

import colorsys
import functools
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

_COARSE = bytes(value & 0xF8 | value >> 5 for value in range(256))
"""Five bits a channel, 0 and 255 kept: naming a picture takes 0.4 ms instead of 2.5."""


def of_pixels(rgb: bytes) -> Palette:
    """Return the palette of packed 8-bit RGB pixels; a few hundred are enough.

    Brightness is luma (Rec. 601), saturation the mean chroma: both from 0 to 1.
    """
    count = len(rgb) // 3
    if not count:
        return Palette()
    reds, greens, blues = rgb[0::3], rgb[1::3], rgb[2::3]
    luma = (299 * sum(reds) + 587 * sum(greens) + 114 * sum(blues)) / (255_000 * count)
    highest, lowest = map(max, reds, greens, blues), map(min, reds, greens, blues)
    return Palette(
        colours=tuple(_dominant(_named(rgb.translate(_COARSE)), count)),
        brightness=round(luma, 3),
        saturation=round((sum(highest) - sum(lowest)) / (255 * count), 3),
    )


@functools.lru_cache(maxsize=1 << 15)
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


def _named(rgb: bytes) -> Counter[str]:
    """Count the pixels of each name; `rgb` is coarse, so that few colours are to be named."""
    names: Counter[str] = Counter()
    for colour, hits in Counter(zip(rgb[0::3], rgb[1::3], rgb[2::3], strict=True)).items():
        names[colour_name(*colour)] += hits
    return names


def _dominant(names: Counter[str], count: int) -> Iterable[tuple[str, float]]:
    for at, (name, hits) in enumerate(names.most_common(MOST_COLOURS)):
        if at == 0 or hits / count >= LEAST_SHARE:
            yield name, round(hits / count, 3)
