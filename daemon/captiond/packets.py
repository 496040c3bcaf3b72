"""Reads who and what an XMP packet names: people on the photo, keywords.

People stand in the face regions of two schemas (Lightroom and digiKam write mwg-rs, Windows MP) and
in the IPTC property; keywords in dc:subject and as levels of a hierarchy. The parser is expat and
keeps nothing; a packet with a document type is refused, so it has no entities to expand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.parsers import expat

from captiond.models import Tags
from captiond.visible import on_one_line

PEOPLE = 20
KEYWORDS = 30
TAG_CHARACTERS = 64
LIMIT_BYTES = 2 << 20
"""Real packets have up to some hundred kilobytes, a history of edits for the most part."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_REGIONS = "http://www.metadataworkinggroup.com/schemas/regions/ "
_MICROSOFT = "http://ns.microsoft.com/photo/1.2/t/Region# "
_OURS = "urn:captiond:1.0/ CaptionKeywords"
_PERSON_IN_IMAGE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ PersonInImage"
_KEYWORDS = {
    "http://purl.org/dc/elements/1.1/ subject": "",
    "http://ns.adobe.com/lightroom/1.0/ hierarchicalSubject": "|",
    "http://www.digikam.org/ns/1.0/ TagsList": "/",
}
"""Each list of keywords with what divides the levels of its hierarchy."""

LI = f"{_RDF}li"
DEEPEST = 60
_MOST_TEXT = 4 * TAG_CHARACTERS


class Refused(Exception):
    """This is no packet that is read."""


def read(packet: bytes) -> Tags:
    """Return what people wrote into the packet; rubbish counts as silence.

    Keywords that captiond wrote are not taken: a list of its own tells which.
    """
    if len(packet) > LIMIT_BYTES:
        return Tags()
    reader = _Reader()
    try:
        reader.parse(packet)
    except (expat.ExpatError, Refused, ValueError):
        return Tags()
    ours = set(map(keyword_key, reader.ours))
    return tidy(reader.people, (one for one in reader.keywords if keyword_key(one) not in ours))


def keyword_key(word: str) -> str:
    """Return what equal keywords have in common, whatever their case.

    Programs make a dash of what would divide a keyword into levels ("black/white").
    """
    return " ".join(word.split()).casefold().replace("|", "-").replace("/", "-")


def tidy(people: Iterable[str], keywords: Iterable[str]) -> Tags:
    """Return names and keywords on one line each, each once, a bounded number of them."""
    return Tags(_distinct(people)[:PEOPLE], _distinct(keywords)[:KEYWORDS])


def strict_parser() -> expat.XMLParserType:
    """Return a parser that raises Refused for a document type, so that there are no entities.

    Names are `NAMESPACE NAME`.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True  # else each line feed comes by itself
    parser.StartDoctypeDeclHandler = _refuse
    parser.XmlDeclHandler = _check_encoding
    return parser


class _Reader:
    """What was found so far, and where in the packet the parser stands."""

    def __init__(self) -> None:
        self.people: list[str] = []
        self.keywords: list[str] = []
        self.ours: list[str] = []
        self._path: list[str] = []
        self._text = ""
        self._region: dict[str, str] = {}

    def parse(self, packet: bytes) -> None:
        """Read the packet; raises ExpatError, Refused, ValueError."""
        parser = strict_parser()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(packet, True)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._path) >= DEEPEST:
            raise Refused
        self._path.append(name)
        self._text = ""
        for key, value in attributes.items():
            self._note(key, value)

    def _characters(self, text: str) -> None:
        self._text = (self._text + text)[:_MOST_TEXT]

    def _end(self, name: str) -> None:
        text, self._text = self._text, ""
        self._path.pop()
        if name == LI:
            self._item(text)
        else:
            self._note(name, text)

    def _note(self, name: str, text: str) -> None:
        """Take a property, whether it stands as an attribute or as an element."""
        if name.startswith((_REGIONS, _MICROSOFT)):
            self._region[name] = text

    def _item(self, text: str) -> None:
        """Take an item of a list, which has ended: a region, a person or a keyword."""
        region, self._region = self._region, {}
        # A region is a face unless it says otherwise: a pet, the focus, a bar code.
        if region.get(f"{_REGIONS}Type", "Face") == "Face":
            self.people.append(region.get(f"{_REGIONS}Name", ""))
        self.people.append(region.get(f"{_MICROSOFT}PersonDisplayName", ""))
        of = self._path[-2] if len(self._path) > 1 else ""  # the list, and whose list it is
        if of == _PERSON_IN_IMAGE:
            self.people.append(text)
        elif of == _OURS:
            self.ours.append(text)
        elif of in _KEYWORDS:
            divider = _KEYWORDS[of]
            self.keywords.append(text.rpartition(divider)[2] if divider else text)


def _refuse(*declaration: object) -> None:
    raise Refused(declaration)


def _check_encoding(version: str, encoding: str | None, standalone: int) -> None:
    """Refuse what expat leaves to Python's codecs, some of which are imported by their name."""
    if (encoding or "utf-8").lower() not in {"utf-8", "utf-16"}:
        raise Refused(version, encoding, standalone)


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    once: dict[str, str] = {}
    for word in words:
        clean = on_one_line(word)[:TAG_CHARACTERS].strip()
        if clean:
            once.setdefault(clean.casefold(), clean)
    return tuple(once.values())
