"""Link files: what they name."""

from __future__ import annotations

import plistlib

import pytest

from captiond.downloads.links import MOST_ADDRESSES, addresses_in
from captiond.intake.filters import Filter

URL = "https://example.com/boot.jpg"
SHORTCUT = f"[DEFAULT]\r\nBASEURL=x\r\n[InternetShortcut]\r\nURL={URL}\r\nIconIndex=0\r\n"


@pytest.mark.parametrize(
    "content",
    [
        SHORTCUT.encode(),
        SHORTCUT.encode("utf-8-sig"),
        SHORTCUT.encode("utf-16"),
        b"\xfe\xff" + SHORTCUT.encode("utf-16-be"),
        SHORTCUT.replace("BASEURL=x", "BASEURL=\xe9").encode("latin-1"),
        SHORTCUT.lower().replace("url=", "uRL = ").encode(),
    ],
)
def test_a_windows_shortcut_in_any_encoding(content):
    """With and without a byte order mark; other sections and keys do not count."""
    assert addresses_in("boot.URL", content) == [URL]


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_a_webloc_of_either_form(form):
    """As Finder and Safari write them."""
    assert addresses_in("x.webloc", plistlib.dumps({"URL": URL}, fmt=form)) == [URL]


def test_a_list_has_an_address_a_line():
    """Comments, blank lines and repetitions are passed over."""
    text = f"# my trip\n\n {URL} \r\n{URL}\nhttps://b.example/?a=1#x\n"
    assert addresses_in("trip.urls.txt", text.encode()) == [URL, "https://b.example/?a=1#x"]


def test_a_list_without_end_is_cut():
    """Ten thousand are enough for one file."""
    lines = "".join(f"https://a.example/{number}\n" for number in range(MOST_ADDRESSES + 5))
    assert len(addresses_in("a.urls.txt", lines.encode())) == MOST_ADDRESSES


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>
<plist><dict><key>URL</key><string>&c;</string></dict></plist>"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.webloc", b""),
        ("a.webloc", b"bplist00"),
        ("a.webloc", b"bplist00" + b"\xff" * 64),
        ("a.webloc", plistlib.dumps(["x"])),
        ("a.webloc", plistlib.dumps({"URL": 5})),
        ("a.webloc", plistlib.dumps({"Link": URL})),
        ("a.webloc", BOMB),
        ("a.webloc", b"<plist>" + b"<array>" * 100_000),
        ("a.webloc", b"<plist><integer>" + b"9" * 5000 + b"</integer></plist>"),
        ("a.url", b""),
        ("a.url", b"URL=https://x/"),
        ("a.url", b"[InternetShortcut]\nURL=\n"),
        ("a.url", b"[Other]\nURL=https://x/"),
        ("a.urls.txt", b"# nothing\n"),
    ],
)
def test_a_broken_or_empty_file_names_nothing(name, content):
    """Nothing that stands in one brings the daemon down."""
    assert addresses_in(name, content) == []


def test_link_files_are_known_by_their_names():
    """In any spelling; hidden and ignored ones are not."""
    rules = Filter(("*.private.url",))
    for name in ("a.url", "A.URL", "x.webloc", "trip.urls.txt"):
        assert rules.is_link_file("in", name)
    for name in ("a.txt", "urls.txt", ".a.url", "x.private.url", "a.jpg"):
        assert not rules.is_link_file("in", name)
