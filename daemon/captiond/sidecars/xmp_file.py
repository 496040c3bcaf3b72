"""Opens an XMP file as a tree, and puts the tree back where it was.

What stands before and after the packet (a BOM, `<?xpacket ...?>`, comments) is kept as it is, and
so are the encoding and the line ends.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from lxml import etree

from captiond.errors import SidecarForeign
from captiond.sidecars.base import MERGE_LIMIT_BYTES

MOST_MARKS = 400_000
"""So many tags and attributes at most, in either spelling of "<" and "=".

A tree costs memory by its nodes, not by its bytes: 32 MB of `<a/>` take 2.3 GB to parse. Sidecars
of Lightroom with hundreds of masks come to some 20,000.
"""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARATION = re.compile(r"<\?xml[ \t\r\n](.*?)\?>", re.DOTALL)
_ENCODING = re.compile(r"""encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']""")
_AROUND = re.compile(r"(?:[ \t\r\n]++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class XmpFile:
    """The root of the tree, and what is needed to write it as it came."""

    root: etree._Element
    bom: bytes
    encoding: str
    head: str
    tail: str
    line_end: str

    def told(self) -> str:
        """Return the tree as text, lines ending in a line feed."""
        return etree.tostring(self.root, encoding="unicode", with_tail=False)

    def content(self) -> bytes:
        """Return the whole file."""
        body = self.told().replace("\n", self.line_end)
        return self.bom + f"{self.head}{body}{self.tail}".encode(self.encoding)


def open_file(content: bytes) -> XmpFile:
    """Return the file as a tree. Raises SidecarForeign with the reason alone."""
    if not content:
        raise SidecarForeign("it is empty")
    if len(content) > MERGE_LIMIT_BYTES:
        raise SidecarForeign(f"it is over {MERGE_LIMIT_BYTES >> 20} MB")
    bom, encoding, text = _decode(content)
    start = _AROUND.match(text).end()  # type: ignore[union-attr] # it matches the empty text, too
    if text.startswith("<!", start):
        raise SidecarForeign("it has a document type")
    if text.count("<") + text.count("=") > MOST_MARKS:
        raise SidecarForeign("it has too many tags and attributes")
    root = _parse(text)
    end = _end_of(root, text, start)
    line_end = "\r\n" if "\r\n" in text[start:end] else "\n"
    return XmpFile(root, bom, encoding, text[:start], text[end:], line_end)


def _decode(content: bytes) -> tuple[bytes, str, str]:
    bom, encoding = next((pair for pair in _BOMS if content.startswith(pair[0])), (b"", "utf-8"))
    try:
        text = content[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise SidecarForeign(f"it is not in {encoding[:6].upper()}") from error
    declared = _DECLARATION.match(text)
    named = _ENCODING.search(declared[1]) if declared else None
    if named and not encoding.startswith(named[1].lower()):
        raise SidecarForeign("its encoding is not the one that it declares, or not Unicode")
    return bom, encoding, text


def _parse(text: str) -> etree._Element:
    declared = _DECLARATION.match(text)
    bare = text[declared.end() :] if declared else text
    # Deeper than 256 levels and texts over 10 MB are refused by the parser's own limits.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)
    try:
        return etree.fromstring(bare.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SidecarForeign("it is not well-formed XML") from error


def _end_of(root: etree._Element, text: str, start: int) -> int:
    """Return where the root element ends. Raises SidecarForeign."""
    name = f"{root.prefix}:" if root.prefix else ""
    close = text.rfind(f"</{name}{etree.QName(root).localname}")
    at = text.find(">", close) if close >= 0 else text.rfind("/>") + 1
    if at <= start or _AROUND.fullmatch(text, at + 1) is None:
        raise SidecarForeign("where it ends is not plain")
    return at + 1
