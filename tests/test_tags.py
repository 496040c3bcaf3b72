"""Tags of files: people and keywords in a photo's own metadata and in its sidecars."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from images_helpers import DIGEST, LIMITS, opened
from PIL import Image
from sidecars_helpers import make_photo, write
from tags_helpers import bag, exiftool, face, jpeg_with, needs_exiftool, packet

from captiond.images.decoder import Decoder
from captiond.images.prepare import prepare
from captiond.models import Photo, Tags
from captiond.sidecars.tags import read_tags
from captiond.testing.photo_maker import make_jpeg, tiny_jpeg

FACES = bag("ext:PersonInImage", "Anna Berg")


def tags_of(path: Path) -> Tags:
    with opened(path) as fd:
        return prepare(fd, DIGEST, LIMITS).tags


def test_a_decoder_child_tells_who_is_on_a_photo(tmp_path: Path) -> None:
    """The packet is parsed in the child, and what it names comes over the wire."""
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg_with(packet(FACES + bag("dc:subject", "ferry"))))
    decoder = Decoder(LIMITS)
    try:
        with opened(path) as fd:
            assert decoder.prepare(fd, DIGEST).tags == Tags(("Anna Berg",), ("ferry",))
    finally:
        decoder.close()


@pytest.mark.parametrize("kind", ["webp", "png", "tiff", "avif"])
def test_packets_are_found_in_other_formats(tmp_path: Path, kind: str) -> None:
    """XMP is read wherever Pillow finds it."""
    path = tmp_path / f"a.{kind}"
    content = packet(bag("dc:subject", "ferry"))
    with Image.new("RGB", (16, 16)) as image:
        if kind == "png":
            from PIL.PngImagePlugin import PngInfo

            info = PngInfo()
            info.add_itxt("XML:com.adobe.xmp", content.decode())
            image.save(path, pnginfo=info)
        elif kind == "tiff":
            image.save(path, tiffinfo={700: content})
        else:
            image.save(path, xmp=content)
    assert tags_of(path) == Tags((), ("ferry",))


@needs_exiftool
def test_what_exiftool_wrote_is_read(tmp_path: Path) -> None:
    """Faces of a region list, persons, keywords of XMP and of IPTC, as a program writes them."""
    path = tmp_path / "a.jpg"
    path.write_bytes(make_jpeg(width=16, height=16, noise=0))
    exiftool(face("Anna Berg"), "-XMP-dc:Subject=ferry", "-IPTC:Keywords=Hafen", path)
    exiftool("-IPTC:Keywords+=Ferry", "-PersonInImage=Ben", path)
    assert tags_of(path) == Tags(("Ben", "Anna Berg"), ("ferry", "Hafen"))


@needs_exiftool
def test_pets_are_nobody_and_umlauts_survive(tmp_path: Path) -> None:
    """A pet's region is no person; IPTC in Latin 1 is read, too."""
    path = tmp_path / "a.jpg"
    path.write_bytes(make_jpeg(width=16, height=16, noise=0))
    exiftool(face("Rex", "Pet"), "-charset", "iptc=latin1", "-IPTC:Keywords=Brücke", path)
    assert tags_of(path) == Tags((), ("Brücke",))


def test_a_photo_without_metadata_names_nobody(tmp_path: Path) -> None:
    """No packet, or one that is rubbish, leaves the tags empty and the photo whole."""
    for number, content in enumerate(
        [tiny_jpeg(0), jpeg_with(b"<x:xmpmeta"), jpeg_with(b"\0\xff")]
    ):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(content)
        assert tags_of(path) == Tags()


def test_both_names_of_a_sidecar_are_read(tmp_path: Path) -> None:
    """`IMG.jpg.xmp` and `IMG.xmp` together tell who and what."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.jpg.xmp").write_bytes(packet(bag("dc:subject", "ferry")))
    (tmp_path / "IMG.xmp").write_bytes(packet(FACES + bag("dc:subject", "Ferry", "harbour")))
    assert read_tags(photo) == Tags(("Anna Berg",), ("ferry", "harbour"))


def test_a_stem_that_two_photos_share_is_not_read(tmp_path: Path) -> None:
    """`IMG.xmp` may be about the raw file of the pair."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.xmp").write_bytes(packet(FACES))
    (tmp_path / "IMG.CR3").write_bytes(b"raw")
    assert read_tags(photo) == Tags()


def test_captionds_own_keywords_do_not_come_back(tmp_path: Path) -> None:
    """What captiond wrote is nobody's word, whole or after a person added a face to it."""
    photo = make_photo(tmp_path)
    write(photo, "xmp")
    assert read_tags(photo) == Tags()
    sidecar = tmp_path / "IMG.jpg.xmp"
    edited = sidecar.read_bytes().replace(
        b"</rdf:Description>",
        b'<e:PersonInImage xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><rdf:Bag>'
        b"<rdf:li>Anna Berg</rdf:li></rdf:Bag></e:PersonInImage></rdf:Description>",
    )
    sidecar.write_bytes(edited)
    assert read_tags(photo) == Tags(people=("Anna Berg",))


@pytest.mark.parametrize("what", ["pipe", "link", "folder", "huge", "long"])
def test_what_is_no_sidecar_counts_as_silence(tmp_path: Path, what: str) -> None:
    """A pipe, a link, a folder, a large file, a long name: nobody is named, and nothing hangs."""
    photo = Photo(str(tmp_path), "x" * 253 if what == "long" else "IMG.jpg")
    path = tmp_path / "IMG.jpg.xmp"
    secret = tmp_path / "secret"
    secret.write_bytes(packet(FACES))
    if what == "pipe":
        os.mkfifo(path)
    elif what == "link":
        path.symlink_to(secret)
    elif what == "folder":
        path.mkdir()
    elif what == "huge":
        path.write_bytes(packet(FACES + " " * (2 << 20)))
    assert read_tags(photo) == Tags()
