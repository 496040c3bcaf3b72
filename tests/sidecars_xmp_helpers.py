"""Builds XMP files of people, and tells what is in them."""

from __future__ import annotations

from sidecars_helpers import subject
from sidecars_rdf_helpers import facts, local

from captiond.sidecars.xmp import Xmp

WORDS = {"caption": "Two ferries", "title": "On the water", "alt_text": "Ships"}
ABOUT = subject(**WORDS, keywords=("ferry", "sea"))
NEXT = subject(caption="A bridge", title="Crossing", alt_text="Arch", keywords=("bridge", "sea"))


def packet(inner: str = "", attributes: str = "") -> bytes:
    """Return a file of a person's."""
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:digiKam="http://www.digikam.org/ns/1.0/" {attributes}>
   <xmp:Rating>3</xmp:Rating>
   {inner}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
""".encode()


def alt(name: str, *items: tuple[str, str]) -> str:
    inner = "".join(f'<rdf:li xml:lang="{tag}">{text}</rdf:li>' for tag, text in items)
    return f"<{name}><rdf:Alt>{inner}</rdf:Alt></{name}>"


def bag(name: str, *items: str) -> str:
    inner = "".join(f"<rdf:li>{text}</rdf:li>" for text in items)
    return f"<{name}><rdf:Bag>{inner}</rdf:Bag></{name}>"


def told(content: bytes | None) -> dict[str, list[str]]:
    """Return the texts of each property, sorted; tags of languages follow their text."""
    found: dict[str, list[str]] = {}
    for fact in facts(content or b""):
        found.setdefault(local(fact), []).append(str(fact[-1]).replace('"', ""))
    return {name: sorted(texts) for name, texts in found.items()}


def edited(content: bytes, old: str, new: str) -> bytes:
    """Return the file after a person was at it."""
    assert old.encode() in content
    return content.replace(old.encode(), new.encode())


MINE = packet()
MERGED = Xmp().merge(MINE, ABOUT)
