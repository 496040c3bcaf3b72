"""Which names are photos."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.intake.filters import Filter
from captiond.suffixes import PHOTO_SUFFIXES

NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1)


@pytest.mark.parametrize(
    ("name", "is_photo"),
    [
        ("a.jpg", True),
        ("A.JPEG", True),
        ("a.HeIc", True),
        ("two.dots.png", True),
        ("new\nline.tif", True),
        ("caf\udce9.webp", True),
        ("IMG_0001.CR2", True),
        ("a.jxl", True),
        ("a.mp4", False),
        ("a.jpg.xmp", False),
        ("a.jpg.part", False),
        ("a.crdownload", False),
        ("jpg", False),
        (".jpg", False),
        (".hidden.jpg", False),
        ("._a.jpg", False),
        (".captiond-x.jpg", False),
        ("Thumbs.db", False),
    ],
)
def test_names_of_photos(name: str, is_photo: bool):
    """Plain image suffixes in any case are photos; video, hidden and unfinished are not."""
    assert Filter().is_photo("", name) is is_photo


@pytest.mark.parametrize(
    ("name", "entered"),
    [
        ("2024", True),
        ("node_modules", True),
        ("a.jpg", True),
        ("@eaDir", False),
        ("#recycle", False),
        ("$RECYCLE.BIN", False),
        (".stversions", False),
        (".stfolder", False),
        ("copy.tmp", False),
    ],
)
def test_names_of_folders(name: str, entered: bool):
    """Folders of the system, hidden and unfinished ones are not entered."""
    assert Filter().enters("", name) is entered


@pytest.mark.parametrize(
    ("pattern", "folder", "name", "ignored"),
    [
        ("*_draft.jpg", "trips", "a_draft.jpg", True),
        ("*_draft.jpg", "trips", "a.jpg", False),
        ("trips/*", "trips/rome", "a.jpg", True),
        ("trips/*", "more/trips", "a.jpg", False),
        ("private", "", "private", True),
        ("private/", "", "private", True),
        ("[ab].jpg", "", "b.jpg", True),
        ("A.jpg", "", "a.jpg", False),
    ],
)
def test_patterns_of_the_user(pattern: str, folder: str, name: str, ignored: bool):
    """A glob is matched against the name and against the path beneath the root."""
    assert Filter((pattern,)).enters(folder, name) is not ignored


@given(NAMES, NAMES)
def test_a_photo_has_a_visible_name_and_a_known_suffix(folder: str, name: str):
    """Whatever is taken for a photo shows its name and ends in a photo's suffix."""
    if Filter().is_photo(folder, name):
        assert not name.startswith(".")
        assert name.rpartition(".")[2].lower() in PHOTO_SUFFIXES


def test_the_fingerprint_changes_with_the_rules():
    """Other patterns give another fingerprint, equal ones the same."""
    assert Filter(("a",)).fingerprint == Filter(("a",)).fingerprint
    assert len({Filter(p).fingerprint for p in [(), ("a",), ("b",), ("a", "b"), ("ab",)]}) == 5
