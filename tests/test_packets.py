"""XMP packets: who and what they name, whatever else is in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tags_helpers import HEAD, TAIL, bag, packet

from captiond import packets
from captiond.models import Tags

ELEMENTS = """
    <rs:Regions rdf:parseType="Resource"><rs:RegionList><rdf:Bag>
      <rdf:li rdf:parseType="Resource"><rs:Name>Anna Berg</rs:Name><rs:Type>Face</rs:Type></rdf:li>
      <rdf:li rdf:parseType="Resource"><rs:Name>Rex</rs:Name><rs:Type>Pet</rs:Type></rdf:li>
      <rdf:li rdf:parseType="Resource"><rs:Type>Focus</rs:Type></rdf:li>
    </rdf:Bag></rs:RegionList></rs:Regions>"""
ATTRIBUTES = """
    <rs:Regions><rdf:Description><rs:RegionList><rdf:Bag>
      <rdf:li><rdf:Description rs:Type="Face" rs:Name="Ben &amp; Co"><rs:Area rs:x="1"/>
      </rdf:Description></rdf:li></rdf:Bag></rs:RegionList></rdf:Description></rs:Regions>"""
MICROSOFT = """
    <MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>
      <rdf:li MPReg:Rectangle="0, 0, 1, 1" MPReg:PersonDisplayName="Cleo"/>
      <rdf:li><rdf:Description MPReg:PersonDisplayName="Dan"/></rdf:li>
    </rdf:Bag></MPRI:Regions></MP:RegionInfo>"""


def test_faces_are_read_as_programs_write_them():
    """mwg-rs and Microsoft's regions, as elements and as attributes; a pet is nobody."""
    inner = ELEMENTS + ATTRIBUTES + MICROSOFT + bag("ext:PersonInImage", "Eva", "anna berg")
    assert packets.read(packet(inner)).people == ("Anna Berg", "Ben & Co", "Cleo", "Dan", "Eva")


def test_keywords_are_the_leaves_of_hierarchies():
    """dc:subject as it is, of lr:hierarchicalSubject and digiKam:TagsList the last level."""
    inner = (
        bag("dc:subject", "Oslo", "boat/ship")
        + bag("lr:hierarchicalSubject", "Places|Norway|Oslo", "Things|Boat")
        + bag("digiKam:TagsList", "People/Anna Berg")
    )
    assert packets.read(packet(inner)).keywords == ("Oslo", "boat/ship", "Boat", "Anna Berg")


def test_what_captiond_wrote_is_nobodys_word():
    """Keywords that captiond listed as its own are not taken, those beside them are."""
    inner = bag("dc:subject", "Boat", "Oslo", "black/white") + ELEMENTS
    tags = bag("digiKam:TagsList", "boat", "black-white", "Places/Oslo")
    listed = bag("captiond:CaptionKeywords", "boat", "black/white")
    expected = Tags(people=("Anna Berg",), keywords=("Oslo",))
    assert packets.read(packet(inner + tags + listed)) == expected
    assert packets.read(packet(listed + tags + inner)) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no packet",
        b"<x",
        packet(bag("dc:subject", "a"))[:-9],
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + packet(bag("dc:subject", "&a;")),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + packet(bag("dc:subject", "a")),
        packet("<a>" * 100 + "</a>" * 100 + bag("dc:subject", "a")),
        packet(bag("dc:subject", "a") + " " * packets.LIMIT_BYTES),
        b'<?xml version="1.0" encoding="rot13"?>' + packet(bag("dc:subject", "a")),
        b'<?xml version="1.0" encoding="idna"?>' + packet(bag("dc:subject", "a")),
        b'<?xml version="1.0" encoding="' + b"x" * 900 + b'"?>' + packet(bag("dc:subject", "a")),
        b"\xff\xfe" + packet(bag("dc:subject", "a")),
    ],
)
def test_rubbish_and_tricks_count_as_silence(content):
    """What is cut off, declares a document type, is too deep or too large names nobody."""
    assert packets.read(content) == Tags()


def test_a_packet_is_read_whatever_wraps_it():
    """The packet's processing instructions, its padding and UTF-16 are all XMP."""
    inner = packet(bag("dc:subject", "ship")).decode()
    declared = b"<?xml version='1.0' encoding='UTF-8'?>" + inner.encode()
    assert packets.read(declared).keywords == ("ship",)
    wrapped = f'<?xpacket begin="\ufeff" id="x"?>{inner}{" " * 2000}<?xpacket end="w"?>'
    for encoding in ("utf-8", "utf-16"):
        assert packets.read(wrapped.encode(encoding)).keywords == ("ship",)


def test_names_are_clean_short_and_few():
    """Line breaks, directions and escapes go; there are only so many, of so many characters."""
    many = [f"word {n}" for n in range(500)]
    items = ("a\nb", "\u202egnp", "x" * 900, *many)
    found = packets.read(packet(bag("dc:subject", *items))).keywords
    assert found[:3] == ("a b", "gnp", "x" * packets.TAG_CHARACTERS)
    assert len(found) == packets.KEYWORDS


def test_lists_within_lists_do_not_mix():
    """A list inside another property's structure is not taken for that property's."""
    inner = f"<rs:Story><rdf:Seq><rdf:li>{bag('dc:creator', 'Zoe')}</rdf:li></rdf:Seq></rs:Story>"
    assert packets.read(packet(inner)) == Tags()


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda t: f"{HEAD}{t}{TAIL}".encode()))
def test_no_bytes_raise(content):
    """Whatever the bytes, there are tags, bounded ones."""
    found = packets.read(content)
    assert len(found.people) <= packets.PEOPLE
    assert len(found.keywords) <= packets.KEYWORDS
