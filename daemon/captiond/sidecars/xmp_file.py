"""Opens an XMP file as a tree, and puts the tree back where it was.

What stands before and after the packet (a BOM, `<?xpacket ...?>`, comments) is kept as it is, and
so are the encoding and the line ends.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass

from lxml import etree

from captiond.errors import SidecarForeign
from captiond.sidecars.base import MERGE_LIMIT_BYTES

MOST_MARKS = 200_000
"""So many "<" and "=" at most.

A tree takes memory by its nodes, not by its bytes: 32 MB of `<a/>` would take 1.3 GB. So the worst
that is let in takes 150 MB beside its own 32. Sidecars with a long history of edits have 20,000.
"""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARATION = re.compile(rb"<\?xml[ \t\r\n](.*?)\?>", re.DOTALL)
_ENCODING = re.compile(rb"""encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']""")
_AROUND = re.compile(rb"(?:[ \t\r\n]++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class XmpFile:
    """The root of the tree, and what is needed to write it as it came; texts in UTF-8."""

    root: etree._Element
    bom: bytes
    encoding: str
    head: bytes
    tail: bytes
    line_end: bytes

    def told(self) -> str:
        """Return a digest of what the tree says."""
        return hashlib.sha256(self._body()).hexdigest()

    def content(self) -> bytes:
        """Return the whole file."""
        body = self._body()
        if self.line_end != b"\n":
            body = body.replace(b"\n", self.line_end)
        text = b"".join((self.head, body, self.tail))
        if self.encoding != "utf-8":
            text = text.decode().encode(self.encoding)
        return self.bom + text

    def _body(self) -> bytes:
        return etree.tostring(self.root, encoding="UTF-8", xml_declaration=False, with_tail=False)


def open_file(content: bytes) -> XmpFile:
    """Return the file as a tree. Raises SidecarForeign with the reason alone."""
    if not content:
        raise SidecarForeign("it is empty")
    if len(content) > MERGE_LIMIT_BYTES:
        raise SidecarForeign(f"it is over {MERGE_LIMIT_BYTES >> 20} MB")
    bom, encoding, text = _decode(content)
    around = _AROUND.match(text)
    start = around.end() if around else 0
    if text.startswith(b"<!", start):
        raise SidecarForeign("it has a document type")
    if text.count(b"<") + text.count(b"=") > MOST_MARKS:
        raise SidecarForeign("it has too many tags and attributes")
    root = _parse(text)
    end = _end_of(root, text, start)
    line_end = b"\r\n" if text.find(b"\r\n", start, end) >= 0 else b"\n"
    return XmpFile(root, bom, encoding, text[:start], text[end:], line_end)


def _decode(content: bytes) -> tuple[bytes, str, bytes]:
    """Return the mark of the byte order, the encoding, and the rest in UTF-8."""
    bom, encoding = next((pair for pair in _BOMS if content.startswith(pair[0])), (b"", "utf-8"))
    text = content.removeprefix(bom)
    try:
        text = text if encoding == "utf-8" else text.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise SidecarForeign("it is not in UTF-16, as it begins") from error
    declared = _DECLARATION.match(text)
    named = _ENCODING.search(declared[1]) if declared else None
    if named and not encoding.startswith(named[1].decode("ascii", "replace").lower()):
        raise SidecarForeign("its encoding is not the one that it declares, or not Unicode")
    return bom, encoding, text


def _parse(text: bytes) -> etree._Element:
    declared = _DECLARATION.match(text)
    # Deeper than 256 levels and texts over 10 MB are refused by the parser's own limits.
    parser = etree.XMLParser(
        encoding="UTF-8", resolve_entities=False, no_network=True, strip_cdata=False
    )
    try:
        return etree.fromstring(text[declared.end() :] if declared else text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SidecarForeign("it is not well-formed XML in Unicode") from error


def _end_of(root: etree._Element, text: bytes, start: int) -> int:
    """Return where the root element ends. Raises SidecarForeign."""
    name = f"{root.prefix}:" if root.prefix else ""
    close = text.rfind(f"</{name}{etree.QName(root).localname}".encode())
    at = text.find(b">", close) if close >= 0 else text.rfind(b"/>") + 1
    if at <= start or _AROUND.fullmatch(text, at + 1) is None:
        raise SidecarForeign("where it ends is not plain")
    return at + 1
