"""Keywords of people and of captiond in one XMP, and which of them were removed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sidecars_xmp_helpers import ABOUT, MERGED, NEXT, bag, packet, told

from captiond.models import Handwriting
from captiond.sidecars.xmp import Xmp

XMP = Xmp()


def test_a_removed_keyword_is_remembered():
    """It is gone from every list, is not added again, and is a person's if they bring it back."""
    theirs = MERGED.replace(b"<rdf:li>ferry</rdf:li>", b"", 1)
    assert XMP.handwriting(theirs) == Handwriting(keywords_taken_back=("ferry",))
    after = XMP.merge(theirs, ABOUT)
    lists = ("subject", "hierarchicalSubject", "TagsList", "CaptionKeywords")
    assert [told(after)[name] for name in lists] == [["sea"]] * 4
    assert XMP.merge(after, ABOUT) == after
    assert XMP.handwriting(after) == Handwriting(keywords_taken_back=("ferry",))
    back = after.replace(b"<rdf:li>sea</rdf:li>", b"<rdf:li>sea</rdf:li><rdf:li>Ferry</rdf:li>", 1)
    assert XMP.handwriting(back) == Handwriting(keywords=("Ferry",))
    assert told(XMP.merge(back, ABOUT))["subject"] == ["Ferry", "sea"]
    assert told(XMP.merge(after, replace(ABOUT, anew=True)))["subject"] == ["ferry", "sea"]


@pytest.mark.parametrize("name", [b"TagsList", b"hierarchicalSubject", b"subject"])
def test_a_keyword_removed_by_any_program_is_removed(name):
    """Immich knows one list, Lightroom two, digiKam three: a keyword gone from one is gone."""
    head, start, tail = MERGED.partition(b":" + name + b">")
    theirs = head + start + tail.replace(b"<rdf:li>ferry</rdf:li>", b"", 1)
    assert XMP.handwriting(theirs).keywords_taken_back == ("ferry",)
    assert told(XMP.merge(theirs, ABOUT))["subject"] == ["sea"]


def test_a_list_that_a_program_does_not_know_tells_nothing():
    """A program that drops a whole list took no keyword back; the list is not made again."""
    head, _, rest = MERGED.partition(b"<digiKam:TagsList>")
    theirs = head + rest.partition(b"</digiKam:TagsList>")[2]
    assert XMP.handwriting(theirs) == Handwriting()
    after = told(XMP.merge(theirs, NEXT))
    assert after["subject"] == ["bridge", "sea"]
    assert "TagsList" not in after


def test_keywords_of_people_stay_and_are_not_doubled():
    """New words replace captiond's own keywords only; "Sea" and "sea" are one."""
    theirs = packet(bag("dc:subject", "Sea", "Oslo") + bag("lr:hierarchicalSubject", "Places|Oslo"))
    merged = XMP.merge(theirs, ABOUT)
    assert told(merged)["subject"] == ["Oslo", "Sea", "ferry"]
    assert told(merged)["CaptionKeywords"] == ["ferry"]
    assert told(XMP.merge(merged, NEXT))["subject"] == ["Oslo", "Sea", "bridge"]
    assert XMP.handwriting(merged) == Handwriting(keywords=("Sea", "Oslo"))


def test_no_new_list_hides_a_persons_keywords():
    """Programs read one list or another: one is not made where it would hold captiond's alone."""
    after = told(XMP.merge(packet(bag("dc:subject", "Oslo")), ABOUT))
    assert after["subject"] == ["Oslo", "ferry", "sea"]
    assert not {"hierarchicalSubject", "TagsList"} & set(after)


def test_keywords_that_stand_as_one_text_are_left():
    """A single text is no list, and stays; the keywords go where there are lists."""
    theirs = packet(bag("digiKam:TagsList", "Oslo"), 'dc:subject="Oslo; boats"')
    merged = XMP.merge(theirs, ABOUT)
    assert told(merged)["subject"] == ["Oslo; boats"]
    assert told(merged)["TagsList"] == ["Oslo", "ferry", "sea"]
    assert XMP.merge(merged, ABOUT) == merged
    assert told(XMP.withdraw(merged)) == told(theirs)
    nowhere = packet(attributes='dc:subject="Oslo; boats"')
    assert "CaptionKeywords" not in told(XMP.merge(nowhere, ABOUT))
