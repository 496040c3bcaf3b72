"""What counts as nobody's words, wherever it stands."""

from __future__ import annotations

import pytest

from captiond.handwriting import is_junk

CAMERAS = [
    "OLYMPUS DIGITAL CAMERA",
    "SONY DSC",
    "SAMSUNG",
    "SAMSUNG DIGITAL CAMERA",
    "MINOLTA DIGITAL CAMERA",
    "SANYO DIGITAL CAMERA",
    "KODAK Digital Still Camera",
    "DCF 1.0",
    "EPSON DSC picture",
    "Created with GIMP",
    "default",
    "null",
    "KONICA MINOLTA DIGITAL CAMERA",
    "MEDION DIGITAL CAMERA",
    "MOULTRIE DIGITAL GAME CAMERA",
    "DIGITAL CAMERA",
    "SAMSUNG CAMERA PICTURES",
    "HELLOMOTO",
    "DCIM\\100MEDIA\\DJI_0001.JPG",
    "C:\\DCIM\\100GOPRO\\GOPR3115.GPR",
    "<KENOX S1050 / Samsung S1050>",
]


@pytest.mark.parametrize("text", CAMERAS)
def test_what_cameras_write_is_junk(text):
    """Padded as they do, with line ends, in whatever letters; as a part of a sentence it is not."""
    assert all(map(is_junk, (text, f"{text}         ", f" {text}\r\n", text.upper(), text.lower())))
    assert is_junk(text.replace(" ", "  "))
    assert not is_junk(f"{text} on a shelf")


@pytest.mark.parametrize(
    "text",
    [
        "Our first digital camera",
        "DCIM of an old phone",
        "Samsung / Kenox",
        "<3 Kenox>",
        "DCIM",
        "Screenshot",
    ],
)
def test_what_people_write_of_cameras_is_no_junk(text):
    """Only what a camera writes to the letter is."""
    assert not is_junk(text)


@pytest.mark.parametrize("text", ["", "   ", "\n", "\u3000", "\t \r\n"])
def test_blanks_are_junk(text):
    """A camera that has nothing to say fills the field with them."""
    assert is_junk(text)
