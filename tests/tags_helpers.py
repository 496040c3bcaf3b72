"""Builds photos and XMP packets that name people and keywords."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from captiond.testing.photo_maker import tiny_jpeg

HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:lr="http://ns.adobe.com/lightroom/1.0/" '
    'xmlns:digiKam="http://www.digikam.org/ns/1.0/" '
    'xmlns:rs="http://www.metadataworkinggroup.com/schemas/regions/" '
    'xmlns:MP="http://ns.microsoft.com/photo/1.2/" '
    'xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" '
    'xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#" '
    'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:captiond="urn:captiond:1.0/"><rdf:Description rdf:about="">'
)
TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>"
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is missing")


def packet(inner: str) -> bytes:
    """Return an XMP packet around these properties."""
    return f"{HEAD}{inner}{TAIL}".encode()


def bag(name: str, *items: str) -> str:
    """Return a property that is a list of texts."""
    inner = "".join(f"<rdf:li>{item}</rdf:li>" for item in items)
    return f"<{name}><rdf:Bag>{inner}</rdf:Bag></{name}>"


def jpeg_with(content: bytes, number: int = 0) -> bytes:
    """Return a JPEG that carries an XMP packet."""
    body = b"http://ns.adobe.com/xap/1.0/\0" + content
    return b"\xff\xd8\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + tiny_jpeg(number)[2:]


def exiftool(*arguments: str | Path) -> None:
    """Have exiftool write metadata, quietly."""
    command = ["exiftool", "-q", "-overwrite_original", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def face(name: str, kind: str = "Face") -> str:
    """Return a region as exiftool takes it."""
    return (
        "-RegionInfo={AppliedToDimensions={W=16,H=16,Unit=pixel},RegionList=[{Area={W=0.1,H=0.1,"
        f"X=0.5,Y=0.5,Unit=normalized}},Name={name},Type={kind}}}]}}"
    )
