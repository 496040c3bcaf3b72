"""Reads the caption, title and alternative text that an XMP packet tells, but for captiond's own.

For packets within photos, whose bytes anyone may have made: the parser is expat, as in `packets`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from xml.parsers import expat

from captiond import packets
from captiond.handwriting import is_junk
from captiond.models import Handwriting

_DC = "http://purl.org/dc/elements/1.1/ "
_IPTC = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/ "
_OURS = "urn:captiond:1.0/ "
_LANG = "http://www.w3.org/XML/1998/namespace lang"
_FIELDS = {
    "caption": (
        (f"{_DC}description", "http://ns.adobe.com/tiff/1.0/ ImageDescription"),
        f"{_OURS}CaptionDigest",
    ),
    "title": (
        (f"{_DC}title", "http://ns.adobe.com/photoshop/1.0/ Headline"),
        f"{_OURS}CaptionTitleDigest",
    ),
    "alt_text": ((f"{_IPTC}AltTextAccessibility",), f"{_OURS}CaptionAltTextDigest"),
}
"""Each field with where it may stand, and where captiond notes the digest of what it wrote."""

_OUR_KEYWORDS = f"{_OURS}CaptionKeywords"
_WANTED = {
    _OUR_KEYWORDS,
    *(name for places, digest in _FIELDS.values() for name in (*places, digest)),
}


def read(packet: bytes) -> Handwriting:
    """Return what people wrote into the packet, keywords too; rubbish counts as silence."""
    told = _texts(packet)
    if told is None:
        return Handwriting()
    texts = {name: _persons(told, *where) for name, where in _FIELDS.items()}
    return Handwriting(
        caption=texts["caption"],
        title=texts["title"],
        alt_text=texts["alt_text"],
        keywords=packets.read(packet).keywords,
    )


def without_ours(hand: Handwriting, packet: bytes) -> Handwriting:
    """Return what is written elsewhere in a photo but for what the packet marks as captiond's.

    Programs copy a description from XMP into IPTC and EXIF.
    """
    told = _texts(packet) or {}
    digests = {text for _, name in _FIELDS.values() for _, text in told.get(name, ())}
    keywords = {packets.keyword_key(text) for _, text in told.get(_OUR_KEYWORDS, ())}

    def theirs(text: str) -> str:
        return "" if _digest(text) in digests else text

    return Handwriting(
        caption=theirs(hand.caption),
        title=theirs(hand.title),
        alt_text=theirs(hand.alt_text),
        keywords=tuple(one for one in hand.keywords if packets.keyword_key(one) not in keywords),
    )


def _texts(packet: bytes) -> Mapping[str, list[tuple[str, str]]] | None:
    """Return the wanted properties with their languages and texts, None for rubbish."""
    if len(packet) > packets.LIMIT_BYTES:
        return None
    reader = _Reader()
    try:
        reader.parse(packet)
    except (expat.ExpatError, packets.Refused, ValueError):
        return None
    return reader.texts


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()


def _persons(
    texts: Mapping[str, list[tuple[str, str]]], places: tuple[str, ...], digest: str
) -> str:
    """Return a person's text of these places, the default language first."""
    ours = {text for _, text in texts.get(digest, ())}
    for place in places:
        found = sorted(texts.get(place, ()), key=lambda one: one[0] != "x-default")
        for _, text in found:
            if not is_junk(text) and _digest(text) not in ours:
                return text
    return ""


class _Reader:
    """The wanted properties: as attributes, as texts, as items of lists."""

    def __init__(self) -> None:
        self.texts: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._path: list[str] = []
        self._language = ""
        self._text = ""

    def parse(self, packet: bytes) -> None:
        """Read the packet; raises ExpatError, Refused, ValueError."""
        parser = packets.strict_parser()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(packet, True)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._path) >= packets.DEEPEST:
            raise packets.Refused
        self._path.append(name)
        self._text, self._language = "", attributes.get(_LANG, "")
        for key, value in attributes.items():
            if key in _WANTED:
                self.texts[key].append(("", value.strip()))

    def _characters(self, text: str) -> None:
        self._text += text

    def _end(self, name: str) -> None:
        text, self._text = self._text.strip(), ""
        self._path.pop()
        # an item lies in a list, which lies in the property
        of = self._path[-2] if name == packets.LI and len(self._path) > 1 else name
        if text and of in _WANTED:
            self.texts[of].append((self._language, text))
