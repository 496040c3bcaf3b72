"""Names the properties of an XMP packet."""

from __future__ import annotations

NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "captiond": "urn:captiond:1.0/",
}
"""A prefix is what a new file calls it; an old one may have its own.

Captiond's is a name, not an address. exiv2 adds a slash of its own to one that ends without.
"""

WRITTEN = ("dc", "tiff", "Iptc4xmpCore", "lr", "digiKam", "photoshop", "xmp", "captiond")
"""The namespaces that captiond writes to."""

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def tag(name: str) -> str:
    """Return a name as lxml spells it: `{http://purl.org/dc/elements/1.1/}title` for `dc:title`."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


DESCRIPTION, LI, VALUE = tag("rdf:Description"), tag("rdf:li"), tag("rdf:value")
CONTAINERS = (tag("rdf:Alt"), tag("rdf:Bag"), tag("rdf:Seq"))
