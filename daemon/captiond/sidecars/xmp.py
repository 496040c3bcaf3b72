"""Writes a new XMP sidecar, for photo programs, and reads it back.

docs/sidecars.md says which program reads what.

Never written: dates of the photo, places, ratings, `xmp:CreatorTool`, and the properties by which
IPTC marks a *picture* as made by a model. The own properties have names that no other namespace
uses: exiftool's JSON drops the prefix, and `captiond:Model` would become the camera in Immich.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from lxml import etree

from captiond.models import Caption, Description
from captiond.sidecars.base import LIMIT_BYTES, Reading, Subject, unix_seconds
from captiond.sidecars.clean import clean, distinct, one_line
from captiond.sidecars.seal import BLANK, is_sealed, seal

CAPTIOND = "urn:captiond:1.0/"
"""A name, not an address. exiv2 adds a slash of its own to one that ends without."""

_NAMESPACES = {
    "x": "adobe:ns:meta/",
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
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_MARK = b"<captiond:CaptionSeal>"
_HEAD = b"<?xml version='1.0' encoding='UTF-8'?>"
_WRITER = re.compile(r"captiond/(\S+) \(.*\)")
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class Xmp:
    """`IMG.jpg.xmp`."""

    kind = "xmp"

    def file_name(self, photo_name: str) -> str:
        """Return the sidecar's file name beside the photo."""
        return f"{photo_name}.xmp"

    def render(self, subject: Subject) -> bytes:
        """Return the packet, indented, sealed."""
        packet = etree.Element(_tag("x:xmpmeta"), nsmap={"x": _NAMESPACES["x"]})
        inner = {prefix: uri for prefix, uri in _NAMESPACES.items() if prefix != "x"}
        rdf = etree.SubElement(packet, _tag("rdf:RDF"), nsmap=inner)
        about = etree.SubElement(rdf, _tag("rdf:Description"))
        about.set(_tag("rdf:about"), "")
        _add_words(about, subject)
        for name, text in _provenance(subject):
            if text:
                etree.SubElement(about, _tag(name)).text = text
        xml = etree.tostring(packet, encoding="UTF-8", xml_declaration=True, pretty_print=True)
        return seal(xml, _MARK)

    def is_ours(self, content: bytes) -> bool:
        """Tell whether the packet bears its own seal."""
        return is_sealed(content, _MARK)

    def read(self, content: bytes) -> Reading | None:
        """Return what the packet says; None unless it is sealed and whole.

        Whoever can compute a seal may write anything: no declaration is let in to the parser, so
        there are no entities and no document types, and no encoding but UTF-8 to hide them in.
        """
        head, _, body = content.partition(b"\n")
        if len(content) > LIMIT_BYTES or head != _HEAD or b"<!" in body:
            return None
        if not self.is_ours(content):
            return None
        try:
            packet = etree.fromstring(content, etree.XMLParser(resolve_entities=False))
            return _reading(packet)
        except (etree.XMLSyntaxError, ValueError):
            return None

    def marks(self, subject: Subject) -> Sequence[bytes]:
        """Return none: the packet bears its own."""
        del subject
        return ()


def _add_words(about: etree._Element, subject: Subject) -> None:
    words, language = subject.caption.description, subject.caption.language
    caption = clean(words.caption)
    for name, text in (
        ("dc:description", caption),
        ("tiff:ImageDescription", caption),
        ("Iptc4xmpCore:ExtDescrAccessibility", caption),
        ("Iptc4xmpCore:AltTextAccessibility", clean(words.alt_text)),
        ("dc:title", clean(words.title)),
    ):
        _add_text(about, name, text, language)
    keywords = distinct(words.keywords)
    _add_list(about, "dc:subject", "rdf:Bag", keywords)
    # A bar or a slash would make levels of a hierarchy of what is one keyword ("black/white").
    _add_list(about, "lr:hierarchicalSubject", "rdf:Bag", [k.replace("|", "-") for k in keywords])
    _add_list(about, "digiKam:TagsList", "rdf:Seq", [k.replace("/", "-") for k in keywords])


def _provenance(subject: Subject) -> Iterator[tuple[str, str]]:
    caption, words = subject.caption, subject.caption.description
    text = clean(words.caption)
    yield "photoshop:CaptionWriter", one_line(f"captiond/{subject.version} ({caption.model})")
    yield "xmp:MetadataDate", subject.created_at
    yield "captiond:CaptionModel", one_line(caption.model)
    yield "captiond:CaptionOrigin", one_line(caption.origin)
    yield "captiond:CaptionRecipe", caption.recipe
    yield "captiond:CaptionLanguage", clean(caption.language)
    yield "captiond:CaptionContent", caption.digest
    yield "captiond:CaptionText", clean(words.text)
    # Of the caption alone: it tells later whether a person rewrote the description.
    yield "captiond:CaptionDigest", hashlib.sha256(text.encode()).hexdigest()
    yield "captiond:CaptionSeal", BLANK


def _reading(packet: etree._Element) -> Reading:
    """Return what a packet of captiond's says. Raises ValueError."""
    about = packet.find("rdf:RDF/rdf:Description", _NAMESPACES)
    if about is None or not (writer := _WRITER.fullmatch(_text(about, "photoshop:CaptionWriter"))):
        raise ValueError("captiond did not write it")
    caption = Caption(
        digest=_text(about, "captiond:CaptionContent"),
        recipe=_text(about, "captiond:CaptionRecipe"),
        origin=_text(about, "captiond:CaptionOrigin"),
        language=_text(about, "captiond:CaptionLanguage"),
        model=_text(about, "captiond:CaptionModel"),
        created_at=unix_seconds(_text(about, "xmp:MetadataDate")),
        description=Description(
            caption=_text(about, "dc:description/rdf:Alt/rdf:li"),
            title=_text(about, "dc:title/rdf:Alt/rdf:li"),
            alt_text=_text(about, "Iptc4xmpCore:AltTextAccessibility/rdf:Alt/rdf:li"),
            keywords=tuple(distinct(_texts(about, "dc:subject/rdf:Bag/rdf:li"))),
            text=_text(about, "captiond:CaptionText"),
        ),
    )
    return Reading(caption, writer[1])


def _text(about: etree._Element, path: str) -> str:
    return next(iter(_texts(about, path)), "")


def _texts(about: etree._Element, path: str) -> list[str]:
    return [clean(element.text or "") for element in about.findall(path, _NAMESPACES)]


def _add_text(about: etree._Element, name: str, text: str, language: str) -> None:
    """Add a text in one language, which is also the default: `x-default` has to come first."""
    if not text:
        return
    alternatives = etree.SubElement(etree.SubElement(about, _tag(name)), _tag("rdf:Alt"))
    tags = [language] if _LANGUAGE_TAG.fullmatch(language) else []
    for tag in ["x-default", *tags]:
        item = etree.SubElement(alternatives, _tag("rdf:li"))
        item.set(_XML_LANG, tag)
        item.text = text


def _add_list(about: etree._Element, name: str, container: str, items: Sequence[str]) -> None:
    if not items:
        return
    array = etree.SubElement(etree.SubElement(about, _tag(name)), _tag(container))
    for text in items:
        etree.SubElement(array, _tag("rdf:li")).text = text


def _tag(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"
