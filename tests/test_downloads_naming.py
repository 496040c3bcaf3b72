"""File names made from addresses."""

from __future__ import annotations

import itertools

import pytest

from captiond.downloads.naming import LONGEST_BYTES, alternatives, name_for
from captiond.images import kinds
from captiond.intake.filters import Filter

SITE = "https://example.com"


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/a/Red%20boat.JPG?w=1", "jpeg", "Red boat.JPG"),
        ("/a/boat.jpeg", "jpeg", "boat.jpeg"),
        ("/a/boat.png", "jpeg", "boat.jpg"),
        ("/a/boat", "webp", "boat.webp"),
        ("/a/photo.php", "jpeg", "photo.php.jpg"),
        ("/a/DSC_1.NEF", "tiff", "DSC_1.NEF"),
        ("/a/DSC_1.RAF", "raw", "DSC_1.RAF"),
        ("/a/DSC_1.cr3", "raw", "DSC_1.cr3"),
        ("/a/DSC_1.jpg", "raw", "DSC_1.raw"),
        ("/a/scan.RWL", "tiff", "scan.RWL"),
        ("/a/..%2f..%2fetc%2fpasswd", "png", "_.._etc_passwd.png"),
        ("/a/.hidden.jpg", "jpeg", "hidden.jpg"),
        ("/a/x%00y%1b%0a%E2%80%AEgpj.jpg", "jpeg", "xy gpj.jpg"),
        ("/a/con%3Ax%5C.jpg", "jpeg", "con_x_.jpg"),
        ("/a/%E9t%E9.jpg", "jpeg", "\ufffdt\ufffd.jpg"),
        ("/%C3%A9t%C3%A9/%E6%B9%96.heic", "heic", "湖.heic"),
    ],
)
def test_the_last_part_of_the_path_becomes_the_name(path, kind, name):
    """Decoded and cleaned; the suffix is what the bytes are."""
    assert name_for(SITE + path, kind) == name


@pytest.mark.parametrize("path", ["", "/", "/a/", "/...", "/%2e%2e%2e.jpg", "/%20"])
def test_where_nothing_is_left_the_name_tells_one_address_from_another(path):
    """Eight characters of its digest."""
    name = name_for(SITE + path, "jpeg")
    assert name.startswith("photo-")
    assert len(name) == len("photo-12345678.jpg")


def test_a_long_name_is_cut_between_characters():
    """Sidecars still have room."""
    name = name_for(f"{SITE}/{'湖' * 300}.jpg", "jpeg")
    assert name == "湖" * (LONGEST_BYTES // 3) + ".jpg"


def test_every_format_gets_a_name_that_counts_as_a_photo():
    """What is fetched is captioned."""
    known = [kind for kind in vars(kinds).values() if isinstance(kind, kinds.Kind)]
    assert len(known) >= 10
    for kind in known:
        assert Filter().is_photo("", name_for(f"{SITE}/view", kind.name)), kind


def test_a_taken_name_gets_a_number_and_at_last_a_mark():
    """They end."""
    names = list(alternatives("a.jpg", SITE))
    assert names[:3] == ["a.jpg", "a (2).jpg", "a (3).jpg"]
    assert names[-1].startswith("a-")
    assert len(names) == len(set(names)) == 10
    assert all(len(one) > len(two) - 7 for one, two in itertools.pairwise(names))
