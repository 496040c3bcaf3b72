"""What stands in each kind of sidecar, for any text."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from sidecars_helpers import CREATED_AT_ISO, subject

from captiond.sidecars.base import Sidecar
from captiond.sidecars.clean import clean, one_line
from captiond.sidecars.json import SCHEMA, Json
from captiond.sidecars.places import KINDS
from captiond.sidecars.txt import Txt
from captiond.sidecars.xmp import CAPTIOND, Xmp

EVERY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
NAMES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "captiond": CAPTIOND,
}


def texts(xml: bytes, path: str) -> list[str]:
    found = etree.fromstring(xml).findall(f".//rdf:Description/{path}", NAMES)
    return [element.text for element in found]


@pytest.mark.parametrize(
    ("sidecar", "name"),
    [(Txt(), "IMG.jpg.txt"), (Json(), "IMG.jpg.caption.json"), (Xmp(), "IMG.jpg.xmp")],
)
def test_each_kind_has_its_name(sidecar: Sidecar, name):
    """A sidecar carries the photo's whole name, so that two formats of one stem never collide."""
    assert sidecar.file_name("IMG.jpg") == name
    assert KINDS[sidecar.kind].file_name("IMG.jpg", "stem") == name.replace(".jpg", "")


@pytest.mark.parametrize("sidecar", KINDS.values())
@given(text=EVERY_TEXT)
def test_the_same_subject_gives_the_same_bytes(sidecar: Sidecar, text):
    """Rendering twice gives one result, in UTF-8 without a BOM and with a newline at its end."""
    rendered = sidecar.render(subject(caption=text))
    assert rendered == sidecar.render(subject(caption=text))
    assert not rendered.startswith(b"\xef\xbb\xbf")
    assert rendered.decode().endswith("\n")


# --- txt


@given(text=EVERY_TEXT)
def test_txt_is_one_line_for_any_text(text):
    """A text file has exactly one line, and never an empty one."""
    rendered = Txt().render(subject(caption=text)).decode()
    assert rendered.splitlines() == [rendered[:-1]]
    assert rendered.strip()


def test_txt_says_the_caption():
    """Line breaks in a caption become blanks."""
    assert Txt().render(subject(caption=" Two\r\nferries \u2028 ")) == b"Two ferries\n"


def test_txt_of_an_empty_caption_says_the_name():
    """A caption without a word gives way to the photo's name, which need not be UTF-8."""
    name = os.fsdecode(b"\xe9.jpg")
    assert Txt().render(subject(name, caption=" \x00")) == b"\\xe9.jpg\n"


def test_txt_is_never_known_by_its_looks():
    """A line of text bears no marks."""
    assert not Txt().is_ours(Txt().render(subject()))


# --- json


def test_json_has_the_documented_schema():
    """The document holds every documented key."""
    document = json.loads(Json().render(subject()))
    assert re.fullmatch(r"[0-9a-f]{64}", document["captiond"].pop("seal"))
    assert document == {
        "captiond": {"schema": 1, "version": "1.2.3"},
        "file": "IMG.jpg",
        "digest": "d" * 64,
        "recipe": "0123456789abcdef",
        "caption": "Two ferries & a <bridge>\nin the rain \U0001f6a2",
        "title": "Ferries",
        "alt_text": "Ferries under a bridge",
        "keywords": ["ferry", "black/white", "rain storm"],
        "text": "NO PARKING",
        "language": "en",
        "model": "gemini-3.5-flash-lite",
        "origin": "gemini",
        "created_at": CREATED_AT_ISO,
    }


def test_json_avoids_the_keys_that_other_programs_look_for():
    """PhotoPrism parses any JSON that holds one of these words as a key."""
    rendered = Json().render(subject())
    for key in (b"ExifToolVersion", b"albumData", b"photoTakenTime"):
        assert key not in rendered


@given(text=EVERY_TEXT)
def test_json_holds_any_text(text):
    """Whatever the captioner said comes back, cleaned."""
    document = json.loads(Json().render(subject(caption=text, text=text, keywords=(text,))))
    assert document["caption"] == document["text"] == clean(text)


def test_json_is_text_for_a_name_that_is_not_utf8():
    """A name that is no UTF-8 is shown, not repeated: JSON is text."""
    rendered = Json().render(subject(os.fsdecode(b"\xe9.jpg")))
    assert json.loads(rendered)["file"] == "\\xe9.jpg"


# --- xmp


@given(text=EVERY_TEXT)
def test_xmp_is_well_formed_for_any_text(text):
    """Any text gives well-formed XML that parses back to the cleaned text."""
    words = dict.fromkeys(("caption", "title", "alt_text", "text"), text)
    xml = Xmp().render(subject(**words, keywords=(text,)))
    expected = [clean(text)] if clean(text) else []
    assert texts(xml, "dc:description/rdf:Alt/rdf:li") == expected
    assert texts(xml, "dc:title/rdf:Alt/rdf:li") == expected
    assert texts(xml, "captiond:CaptionText") == expected
    assert texts(xml, "dc:subject/rdf:Bag/rdf:li") == [one_line(text)] * bool(one_line(text))


def test_xmp_says_the_caption_wherever_programs_look():
    """Description, image description and long description are the caption, as the default alone.

    darktable shows a text that is there as default and in its language as `A, lang="en" A`.
    """
    xml = Xmp().render(subject(language="pt-BR", caption="Duas balsas"))
    for name in ("dc:description", "tiff:ImageDescription", "Iptc4xmpCore:ExtDescrAccessibility"):
        items = etree.fromstring(xml).findall(f".//{name}/rdf:Alt/rdf:li", NAMES)
        assert [(*item.attrib.values(), item.text) for item in items] == [
            ("x-default", "Duas balsas")
        ]


def test_xmp_keywords_make_no_levels():
    """A bar or a slash within a keyword does not become a hierarchy; doubles are dropped."""
    xml = Xmp().render(subject(keywords=("black/white", "a|b", " ", "black/white")))
    assert texts(xml, "dc:subject/rdf:Bag/rdf:li") == ["black/white", "a|b"]
    assert texts(xml, "lr:hierarchicalSubject/rdf:Bag/rdf:li") == ["black/white", "a-b"]
    assert texts(xml, "digiKam:TagsList/rdf:Seq/rdf:li") == ["black-white", "a|b"]


def test_xmp_tells_where_the_words_come_from():
    """Writer, date and the own properties tell program, model and digest."""
    xml = Xmp().render(subject(caption="Two ferries"))
    assert texts(xml, "photoshop:CaptionWriter") == ["captiond/1.2.3 (gemini-3.5-flash-lite)"]
    assert texts(xml, "xmp:MetadataDate") == [CREATED_AT_ISO]
    assert texts(xml, "captiond:CaptionDigest") == [hashlib.sha256(b"Two ferries").hexdigest()]
    assert texts(xml, "captiond:CaptionRecipe") == ["0123456789abcdef"]


def test_xmp_leaves_out_what_is_empty():
    """No title, no property: an empty one would hide a title that lies elsewhere."""
    xml = Xmp().render(subject(title="", alt_text="", keywords=(), text=""))
    for name in ("dc:title", "Iptc4xmpCore:AltTextAccessibility", "dc:subject", "lr:*"):
        assert texts(xml, name) == []


def test_xmp_holds_nothing_else():
    """Dates of the photo, places, ratings, creator tools and marks of made pictures never occur."""
    about = etree.fromstring(Xmp().render(subject())).find(".//rdf:Description", NAMES)
    prefixes = {uri: prefix for prefix, uri in NAMES.items()}
    tags = [etree.QName(element) for element in about]
    assert {f"{prefixes[tag.namespace]}:{tag.localname}" for tag in tags} == {
        "dc:description",
        "dc:subject",
        "dc:title",
        "tiff:ImageDescription",
        "Iptc4xmpCore:AltTextAccessibility",
        "Iptc4xmpCore:ExtDescrAccessibility",
        "lr:hierarchicalSubject",
        "digiKam:TagsList",
        "photoshop:CaptionWriter",
        "xmp:MetadataDate",
        "captiond:CaptionAltTextDigest",
        "captiond:CaptionContent",
        "captiond:CaptionCreated",
        "captiond:CaptionDigest",
        "captiond:CaptionKeywords",
        "captiond:CaptionLanguage",
        "captiond:CaptionModel",
        "captiond:CaptionOrigin",
        "captiond:CaptionRecipe",
        "captiond:CaptionSeal",
        "captiond:CaptionText",
        "captiond:CaptionTitleDigest",
    }


# --- own marks


@pytest.mark.parametrize("sidecar", [Json(), Xmp()])
@given(text=EVERY_TEXT, name=st.sampled_from(["caption", "title", "text"]))
def test_what_captiond_wrote_is_known_without_the_index(sidecar: Sidecar, text, name):
    """A file as it was written bears its own seal, whatever it says."""
    assert sidecar.is_ours(sidecar.render(subject(**{name: text})))


@pytest.mark.parametrize("sidecar", [Json(), Xmp()])
def test_an_edited_file_is_not_ours(sidecar: Sidecar):
    """One changed, added or missing byte anywhere makes a file a person's."""
    ours = sidecar.render(subject())
    for at in range(len(ours)):
        assert not sidecar.is_ours(ours[:at] + bytes([ours[at] ^ 1]) + ours[at + 1 :])
    assert not sidecar.is_ours(ours + b"\n")
    assert not sidecar.is_ours(ours[:-1])


@pytest.mark.parametrize("sidecar", KINDS.values())
@given(content=st.binary())
def test_any_other_file_is_not_ours(sidecar: Sidecar, content):
    """Arbitrary bytes are never taken for captiond's."""
    assert not sidecar.is_ours(content)


def test_a_caption_that_speaks_of_seals_is_sealed_all_the_same():
    """Text that looks like the mark of a seal changes nothing."""
    tricky = '"seal": "' + "0" * 64 + '" <captiond:CaptionSeal>' + "0" * 64
    for sidecar in (Json(), Xmp()):
        assert sidecar.is_ours(sidecar.render(subject(caption=tricky, title=tricky)))


# --- the documentation


def test_the_documented_schema_is_the_written_one():
    """docs/sidecars.md shows every key of the JSON, and no other."""
    page = (Path(__file__).parent.parent / "docs" / "sidecars.md").read_text()
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    written = json.loads(Json().render(subject()))
    assert list(shown) == list(written)
    assert list(shown["captiond"]) == list(written["captiond"])
    assert shown["captiond"]["schema"] == SCHEMA


def test_the_documented_properties_are_the_written_ones():
    """docs/sidecars.md names every XMP property."""
    page = (Path(__file__).parent.parent / "docs" / "sidecars.md").read_text()
    about = etree.fromstring(Xmp().render(subject())).find(".//rdf:Description", NAMES)
    missing = [tag for element in about if (tag := etree.QName(element).localname) not in page]
    assert missing == []
