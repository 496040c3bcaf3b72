"""What people wrote, edited or removed in an XMP stays so, told by the file's own marks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sidecars_helpers import caption, subject
from sidecars_rdf_helpers import facts
from sidecars_xmp_helpers import ABOUT, MERGED, MINE, NEXT, WORDS, alt, bag, edited, packet, told

from captiond.models import Handwriting
from captiond.sidecars.base import Subject
from captiond.sidecars.xmp import Xmp

XMP = Xmp()
HUMAN = subject(caption="Ben's boat", title="Ben", keywords=("Ben",), origin="human", model="")
PROVENANCE = {"CaptionWriter", "CaptionModel", "CaptionOrigin", "CaptionRecipe", "CaptionLanguage"}


@pytest.mark.parametrize(
    "theirs",
    [
        packet(attributes='dc:description="The quay"'),
        packet("<dc:description>The quay</dc:description>"),
        packet(alt("dc:description", ("x-default", "The quay"))),
        packet(alt("dc:description", ("de", "The quay"))),
        packet(alt("dc:description", ("de", "Der Kai"), ("x-default", "The quay"))),
        packet(alt("dc:description", ("x-default", " "), ("fr", "The quay"))),
        packet(attributes='tiff:ImageDescription="The quay"'),
        packet(alt("tiff:ImageDescription", ("x-default", "The quay"))),
        packet(alt("exif:UserComment", ("x-default", "The quay"))),
        packet(alt("dc:description", ("x-default", "SONY DSC")), 'exif:UserComment="The quay"'),
        packet(
            "<dc:description><rdf:Description rdf:value='The quay' dc:note='n'/></dc:description>"
        ),
    ],
)
def test_a_caption_of_a_person_is_kept_in_any_form(theirs):
    """However it is written: no other caption stands beside it, and nobody else signs for it."""
    merged = XMP.merge(theirs, ABOUT)
    before, after = told(theirs), told(merged)
    for name in ("description", "ImageDescription", "UserComment", "ExtDescrAccessibility"):
        assert after.get(name) == before.get(name)
    assert not PROVENANCE & set(after)
    assert XMP.handwriting(merged).caption == XMP.handwriting(theirs).caption == "The quay"
    assert after["title"] == ["On the water@x-default"]
    assert XMP.read(merged) is None


def test_a_packet_stays_about_one_thing():
    """Photoshop gave each document a number of its own: readers refuse two subjects."""
    theirs = packet().replace(b'rdf:about=""', b'rdf:about="uuid:1"')
    assert {fact[0] for fact in facts(XMP.merge(theirs, ABOUT))} == {"uuid:1"}


@pytest.mark.parametrize(
    "junk", ["", "  ", "OLYMPUS DIGITAL CAMERA", "default", "Created with GIMP"]
)
@pytest.mark.parametrize("form", ["attribute", "text", "alternatives"])
def test_what_cameras_write_gives_way(junk, form):
    """Junk in any form counts as no caption and is replaced."""
    theirs = {
        "attribute": packet(attributes=f'dc:description="{junk}"'),
        "text": packet(f"<dc:description>{junk}</dc:description>"),
        "alternatives": packet(alt("dc:description", ("x-default", junk), ("en", junk))),
    }[form]
    assert XMP.handwriting(theirs) == Handwriting()
    assert told(XMP.merge(theirs, ABOUT))["description"] == ["Two ferries@x-default"]


def test_a_person_who_signed_stays_the_writer():
    """Another's name as the caption's writer is never replaced; the words are filled in."""
    theirs = packet(attributes='photoshop:CaptionWriter="Ada"')
    merged = XMP.merge(theirs, ABOUT)
    assert told(merged)["CaptionWriter"] == ["Ada"]
    assert told(merged)["description"] == ["Two ferries@x-default"]
    assert told(XMP.withdraw(merged)) == told(theirs)


def test_an_edited_caption_is_the_persons():
    """It is kept, stands wherever captiond's copies stood, and captiond's name goes from it."""
    for base in (MERGED, XMP.render(ABOUT)):
        theirs = base.replace(b">Two ferries<", b">Ben's ferries<", 1)
        assert XMP.handwriting(theirs) == Handwriting(caption="Ben's ferries")
        after = told(XMP.merge(theirs, NEXT))
        for name in ("description", "ImageDescription", "ExtDescrAccessibility"):
            assert after[name] == ["Ben's ferries@x-default"]
        assert not PROVENANCE & set(after)
        assert after["title"] == ["Crossing@x-default"]


@pytest.mark.parametrize(("name", "old"), [("title", "On the water"), ("alt_text", "Ships")])
def test_an_edited_title_or_alt_text_is_the_persons(name, old):
    """It is kept whatever is captioned later, and heard."""
    theirs = edited(MERGED, f">{old}<", ">Mine<")
    assert XMP.handwriting(theirs) == Handwriting(**{name: "Mine"})
    after = XMP.merge(theirs, NEXT)
    assert b">Mine<" in after
    assert XMP.handwriting(after) == Handwriting(**{name: "Mine"})


@pytest.mark.parametrize(
    ("field", "old"), [("caption", "Two ferries"), ("title", "On the water"), ("alt_text", "Ships")]
)
def test_an_edit_that_is_undone_by_hand_is_the_persons(field, old):
    """Captiond's very words, put back after an edit was heard, are kept and heard as theirs."""
    after = XMP.merge(edited(MERGED, f">{old}<", ">Mine<"), NEXT)
    theirs = after.replace(b">Mine<", f">{old}<".encode(), 1)
    assert XMP.handwriting(theirs) == Handwriting(**{field: old})
    merged = XMP.merge(theirs, NEXT)
    assert XMP.handwriting(merged) == Handwriting(**{field: old})
    assert b"Mine" not in merged
    gone = edited(after, ">Mine<", "><")
    assert XMP.handwriting(gone) == Handwriting(taken_back=frozenset({field}))
    assert XMP.handwriting(XMP.merge(gone, ABOUT)) == XMP.handwriting(gone)


@pytest.mark.parametrize(
    ("field", "old"), [("caption", "Two ferries"), ("title", "On the water"), ("alt_text", "Ships")]
)
def test_what_was_taken_back_is_not_written_again(field, old):
    """Neither the same words nor new ones come back, until somebody asks for this very caption."""
    for blank in ("><", ">  <"):
        theirs = edited(MERGED, f">{old}<", blank)
        assert XMP.handwriting(theirs) == Handwriting(taken_back=frozenset({field}))
        for about in (ABOUT, NEXT):
            after = XMP.merge(theirs, about)
            assert getattr(about.caption.description, field).encode() not in after
            assert XMP.merge(after, about) == after
            assert XMP.handwriting(after).taken_back == {field}
        again = XMP.merge(XMP.merge(theirs, NEXT), replace(NEXT, anew=True))
        assert XMP.handwriting(again) == Handwriting()
        assert getattr(NEXT.caption.description, field).encode() in again


def test_own_words_that_a_person_removes_are_not_written_again():
    """Where captiond wrote beside a title and keywords, their removal is heard and kept."""
    theirs = packet(alt("dc:title", ("x-default", "Ben")) + bag("dc:subject", "pond", "Duck"))
    known = subject(caption="Two ferries", title="Ben", keywords=("pond", "Duck", "ferry"))
    merged = XMP.merge(theirs, known)
    assert XMP.merge(merged, known) == merged
    assert XMP.handwriting(merged) == XMP.handwriting(theirs)
    gone = edited(merged, ">Ben<", "><").replace(b"<rdf:li>pond</rdf:li>", b"", 1)
    heard = XMP.handwriting(gone)
    assert (heard.taken_back, heard.keywords_taken_back) == ({"title"}, ("pond",))
    for about in (known, NEXT):
        after = told(XMP.merge(gone, about))
        assert not {"Ben@x-default", "Crossing@x-default"} & set(after.get("title", []))
        assert "pond" not in after["subject"]
        assert "Duck" in after["subject"]
    assert told(XMP.withdraw(merged)) == told(theirs)


def test_a_translation_by_a_person_stays():
    """An alternative in a language beside captiond's text is kept when that is replaced."""
    theirs = edited(
        MERGED,
        '<rdf:li xml:lang="x-default">On the water</rdf:li>',
        '<rdf:li xml:lang="x-default">On the water</rdf:li>'
        '<rdf:li xml:lang="nb">På vannet</rdf:li>',
    )
    assert XMP.handwriting(theirs) == Handwriting()
    after = XMP.merge(theirs, NEXT)
    assert told(after)["title"] == ["Crossing@x-default", "På vannet@nb"]
    assert after.index(b"Crossing") < after.index("På vannet".encode())
    assert told(XMP.withdraw(after))["title"] == ["På vannet@nb"]


def test_a_file_that_says_it_all_is_not_touched():
    """Where a person wrote every field, captiond adds nothing, not even marks."""
    theirs = packet(
        alt("dc:description", ("x-default", "a"))
        + alt("dc:title", ("x-default", "b"))
        + bag("dc:subject", "ferry", "sea")
    )
    about = subject(**(WORDS | {"alt_text": ""}), keywords=("ferry", "sea"))
    assert XMP.merge(theirs, about) == theirs


def test_a_date_of_others_stays():
    """Another program's date of its last change stays, captiond's own moves with its words."""
    theirs = packet(attributes='xmp:MetadataDate="2024-01-01T00:00:00Z"')
    assert told(XMP.merge(theirs, ABOUT))["MetadataDate"] == ["2024-01-01T00:00:00Z"]
    later = Subject("IMG.jpg", replace(NEXT.caption, created_at=1790000000.0), "1.2.3")
    assert told(XMP.merge(MERGED, later))["MetadataDate"] == [later.created_at]


def test_a_sealed_file_is_nobodys_hand():
    """What captiond wrote, and nobody touched, tells of no person, and nothing of it remains."""
    for about in (ABOUT, HUMAN, subject()):
        assert XMP.handwriting(XMP.render(about)) == Handwriting()
    assert XMP.withdraw(XMP.render(ABOUT)) is None


def test_words_of_a_person_are_not_signed_by_captiond():
    """A person's caption in a new file names no model, is read back as theirs, and stays."""
    content = XMP.render(HUMAN)
    assert XMP.is_ours(content)
    assert not {"CaptionWriter", "CaptionModel"} & set(told(content))
    assert told(content)["CaptionOrigin"] == ["human"]
    reading = XMP.read(content)
    assert reading is not None
    assert reading.caption == replace(
        HUMAN.caption,
        created_at=float(int(caption().created_at)),
        description=reading.caption.description,
    )
    left = told(XMP.withdraw(content))
    assert left["description"] == ["Ben's boat@x-default"]
    assert left["subject"] == ["Ben"]
    assert not any(name.startswith("Caption") for name in left)


def test_the_address_of_a_downloaded_photo_is_kept():
    """It goes to dc:source unless something stands there, and goes with captiond's words."""
    about = replace(ABOUT, source="https://example.org/a.jpg")
    for content in (XMP.render(about), XMP.merge(MINE, about)):
        after = told(content)
        assert after["source"] == after["CaptionSource"] == ["https://example.org/a.jpg"]
    theirs = packet(attributes='dc:source="the album"')
    merged = XMP.merge(theirs, about)
    assert told(merged)["source"] == ["the album"]
    assert told(XMP.withdraw(merged)) == told(theirs)
    assert told(XMP.withdraw(XMP.merge(MINE, about))) == told(MINE)


def test_the_seal_goes_with_the_first_change():
    """A file that captiond merged into after a person edited it bears no seal that does not fit."""
    theirs = edited(XMP.render(ABOUT), "On the water", "Mine")
    assert "CaptionSeal" in told(theirs)
    for about in (ABOUT, NEXT):
        after = XMP.merge(theirs, about)
        assert "CaptionSeal" not in told(after)
        assert XMP.merge(after, about) == after


def test_a_long_description_of_a_person_stays():
    """IPTC's extended description may be a person's where the caption is not: both stand."""
    story = alt("core:ExtDescrAccessibility", ("x-default", "A long story"))
    theirs = packet(story, 'xmlns:core="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"')
    merged = told(XMP.merge(theirs, ABOUT))
    assert merged["ExtDescrAccessibility"] == ["A long story@x-default"]
    assert merged["description"] == ["Two ferries@x-default"]


def test_copies_of_a_caption_that_was_taken_back_go():
    """Who removes the description in one program does not find it in the next."""
    theirs = MERGED.replace(b">Two ferries<", b"><", 1)
    assert theirs.count(b"Two ferries") == 2
    assert b"Two ferries" not in XMP.merge(theirs, ABOUT)


def test_what_a_person_took_back_elsewhere_is_remembered_here():
    """Words that a person removed from another sidecar go from the XMP, and do not come back."""
    left = subject(caption="", title="", alt_text="Ships", keywords=("sea",), origin="human")
    for content in (MERGED, XMP.render(ABOUT)):
        after = XMP.merge(content, left)
        assert not {"description", "title", *PROVENANCE} & set(told(after))
        assert told(after)["subject"] == ["sea"]
        assert XMP.merge(after, left) == after
        recaptioned = told(XMP.merge(after, ABOUT))
        assert not {"description", "title"} & set(recaptioned)
        assert recaptioned["subject"] == ["sea"]
