"""Writes an XMP sidecar, for photo programs, alone or into one that others wrote; reads it back.

docs/sidecars.md says which program reads what.

Never written: dates of the photo, places, ratings, `xmp:CreatorTool`, and the properties by which
IPTC marks a *picture* as made by a model. The own properties have names that no other namespace
uses: exiftool's JSON drops the prefix, and `captiond:Model` would become the camera in Immich.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from captiond.errors import SidecarForeign
from captiond.models import HUMAN, Handwriting
from captiond.sidecars import xmp_keywords as keywords
from captiond.sidecars import xmp_provenance as provenance
from captiond.sidecars import xmp_texts as texts
from captiond.sidecars.base import Reading, Subject
from captiond.sidecars.clean import clean
from captiond.sidecars.names import SUFFIXES, Names, file_name
from captiond.sidecars.seal import BLANK, is_sealed, seal
from captiond.sidecars.xmp_file import open_file
from captiond.sidecars.xmp_names import NAMESPACES, WRITTEN, tag
from captiond.sidecars.xmp_packet import Packet

CAPTIOND = NAMESPACES["captiond"]
_MARK = b"<captiond:CaptionSeal>"


class Xmp:
    """`IMG.jpg.xmp`."""

    kind = "xmp"

    def file_name(self, photo_name: str, names: Names = "full") -> str:
        """Return the sidecar's file name beside the photo."""
        return file_name(photo_name, SUFFIXES[self.kind], names)

    def render(self, subject: Subject) -> bytes:
        """Return a new packet, indented, sealed."""
        root = _blank()
        packet = Packet(root)
        packet.set_text(provenance.SEAL, BLANK)
        _fill(packet, subject)
        etree.indent(root)
        xml = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
        return seal(xml + b"\n", _MARK)

    def merge(self, content: bytes, subject: Subject) -> bytes:
        """Return a file of others with captiond's words in it; the same bytes if nothing changes.

        What a person wrote or removed stays so. Raises SidecarForeign with the reason alone.
        """
        file = open_file(content)
        packet, before = Packet(file.root), file.told()
        _fill(packet, subject)
        if file.told() == before:
            return content
        packet.set_text(provenance.SEAL, "")
        return file.content()

    def handwriting(self, content: bytes) -> Handwriting:
        """Return what people wrote or took back. Raises SidecarForeign with the reason alone."""
        if self.is_ours(content):
            return Handwriting()
        packet = Packet(open_file(content).root)
        told = keywords.read(packet)
        return Handwriting(
            caption=texts.theirs(packet, texts.CAPTION),
            title=texts.theirs(packet, texts.TITLE),
            alt_text=texts.theirs(packet, texts.ALT_TEXT),
            keywords=told.theirs,
            taken_back=frozenset(
                one.name for one in texts.FIELDS if texts.is_taken_back(packet, one)
            ),
            keywords_taken_back=told.removed,
        )

    def withdraw(self, content: bytes) -> bytes | None:
        """Return the file without captiond's words; None when nothing else is in it.

        Raises SidecarForeign with the reason alone.
        """
        file = open_file(content)
        packet, before = Packet(file.root), file.told()
        provenance.withdraw(packet)
        if file.told() == before:
            return content
        return None if packet.says_nothing() else file.content()

    def is_ours(self, content: bytes) -> bool:
        """Tell whether the packet bears its own seal: nobody else wrote to it."""
        return is_sealed(content, _MARK)

    def read(self, content: bytes) -> Reading | None:
        """Return captiond's caption, None if a person's stands there.

        Whoever can compute a digest may write anything here: it is read as a stranger's file is.
        """
        try:
            return provenance.read(Packet(open_file(content).root))
        except (SidecarForeign, ValueError):
            return None

    def marks(self, subject: Subject) -> Sequence[bytes]:
        """Return none: the packet bears its own."""
        del subject
        return ()


def _blank() -> etree._Element:
    """Return a packet about a photo that says nothing yet."""
    root = etree.Element(tag("x:xmpmeta"), nsmap={"x": NAMESPACES["x"]})
    inner = {prefix: NAMESPACES[prefix] for prefix in ("rdf", *WRITTEN)}
    etree.SubElement(root, tag("rdf:RDF"), nsmap=inner)
    return root


def _fill(packet: Packet, subject: Subject) -> None:
    words, anew = subject.caption.description, subject.anew
    by_hand = subject.caption.origin == HUMAN
    has_caption, *_ = (
        texts.fill(packet, field, clean(text), anew=anew, by_hand=by_hand)
        for field, text in (
            (texts.CAPTION, words.caption),
            (texts.TITLE, words.title),
            (texts.ALT_TEXT, words.alt_text),
        )
    )
    keywords.fill(packet, words.keywords, anew=anew, by_hand=by_hand)
    provenance.fill(packet, subject, has_caption=has_caption)
    if provenance.stands(packet):  # else captiond has written nothing there, not even marks
        for field in texts.FIELDS:
            texts.heed(packet, field)
        keywords.heed(packet)
