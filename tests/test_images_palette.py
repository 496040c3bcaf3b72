"""How a picture looks from afar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.images.palette import colour_name, of_pixels
from captiond.models import Palette

BYTE = st.integers(0, 255)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((200, 200, 205), "light grey"),
        ((60, 60, 62), "dark grey"),
        ((220, 20, 20), "red"),
        ((255, 140, 0), "orange"),
        ((110, 70, 30), "brown"),
        ((235, 220, 190), "beige"),
        ((250, 230, 30), "yellow"),
        ((110, 100, 20), "olive"),
        ((40, 150, 50), "green"),
        ((64, 210, 200), "turquoise"),
        ((100, 190, 240), "sky blue"),
        ((40, 70, 220), "blue"),
        ((15, 25, 70), "navy blue"),
        ((120, 40, 180), "purple"),
        ((255, 170, 180), "pink"),
    ],
)
def test_colours_have_their_everyday_names(rgb, name):
    """What most people would call it."""
    assert colour_name(*rgb) == name


@given(red=BYTE, green=BYTE, blue=BYTE)
def test_every_colour_has_a_name(red, green, blue):
    """There is no gap between the names."""
    assert colour_name(red, green, blue)


def test_the_largest_colour_comes_first_and_specks_are_left_out():
    """Shares are told in order; below a twelfth of the picture a colour is not worth a word."""
    pixels = b"\xff\xff\xff" * 70 + b"\x00\x00\x00" * 25 + b"\xff\x00\x00" * 5
    assert of_pixels(pixels).colours == (("white", 0.7), ("black", 0.25))


def test_brightness_and_saturation_run_from_nought_to_one():
    """Black is 0, white is 1; grey has no saturation, pure red all of it."""
    assert (of_pixels(b"\0\0\0").brightness, of_pixels(b"\xff\xff\xff").brightness) == (0.0, 1.0)
    assert (of_pixels(b"\x80\x80\x80").saturation, of_pixels(b"\xff\0\0").saturation) == (0.0, 1.0)


def test_no_pixels_have_no_palette():
    """Nothing is said of nothing."""
    assert of_pixels(b"") == Palette()
