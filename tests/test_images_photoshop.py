"""Photoshop documents are shown by the composite that is saved along."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest
from images_helpers import (
    PHOTOS,
    WHITE,
    corners,
    encoded,
    nearly,
    opened,
    pixels_of,
    prepared,
    shown_corners,
    written,
)
from photoshop_helpers import block, psd
from PIL import Image, ImageCms

from captiond.errors import Undecodable
from captiond.images import kinds
from captiond.images.prepare import arm
from captiond.images.psd import NO_COMPOSITE

SHOWN = ["red", "green", "blue", "white"]
CUTS = (0.02, 0.3, 0.9)


@pytest.fixture(scope="module", autouse=True)
def _armed():
    arm()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_documents_of_every_depth_and_size_show_their_composite(tmp_path, bits, version, packed):
    """What comes from a raw converter has 16 bits; beyond 30,000 pixels the file is another."""
    path = written(tmp_path, psd(corners(), bits=bits, version=version, packed=packed), "a.psd")
    made = prepared(path)
    assert (made.facts.format, made.facts.width, made.facts.height) == ("psd", 120, 80)
    assert shown_corners(made) == SHOWN


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("mode", ["L", "CMYK", "LAB"])
def test_documents_of_every_mode_show_their_colours(tmp_path, mode, bits):
    """Ink as a TIFF shows it, Lab as the colours that it stands for."""
    if mode == "LAB":
        space = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
        image = ImageCms.profileToProfile(corners(), *space, outputMode="LAB")
    else:
        image = corners().convert(mode)
    made = prepared(written(tmp_path, psd(image, bits=bits), "a.psd"))
    as_tiff = prepared(written(tmp_path, encoded(image, "TIFF"), "a.tif"))
    for at in ((5, 5), (115, 5), (5, 75), (115, 75)):
        assert nearly(pixels_of(made).getpixel(at), pixels_of(as_tiff).getpixel(at))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_in_a_document_is_white(tmp_path, mode, bits):
    """Whatever colour lies there; other channels are selections, and nothing of the picture."""
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0)).convert(mode)
    data = psd(clear, bits=bits)
    shown = pixels_of(prepared(written(tmp_path, data, "a.psd")))
    assert nearly(shown.getpixel((20, 20)), WHITE)
    opaque = data.replace(struct.pack(">hh", -1, 0), bytes(4), 1)
    shown = pixels_of(prepared(written(tmp_path, opaque, "b.psd")))
    assert not nearly(shown.getpixel((20, 20)), WHITE)


def test_a_document_of_layers_alone_is_refused(tmp_path):
    """Its composite is white: a caption of that would be paid for."""
    blank = block(1057, b"\0\0\0\1\0")
    with pytest.raises(Undecodable) as caught:
        prepared(written(tmp_path, psd(corners(), block=blank), "a.psd"))
    assert str(caught.value) == NO_COMPOSITE


@pytest.mark.parametrize("bits", [1, 32])
def test_a_document_of_a_rare_kind_says_so(tmp_path, bits):
    """Neither damaged nor cut off."""
    data = bytearray(psd(corners(), version=2))
    data[22:24] = struct.pack(">H", bits)
    with pytest.raises(Undecodable, match="of a rare kind that cannot be read"):
        prepared(written(tmp_path, bytes(data), "a.psb"))


@pytest.mark.parametrize("share", CUTS)
@pytest.mark.parametrize("packed", [False, True])
def test_a_document_that_is_cut_off_is_refused(tmp_path, packed, share):
    """Half a picture is never captioned."""
    data = psd(corners(), bits=16, packed=packed)
    with pytest.raises(Undecodable, match=r"cut off$"):
        prepared(written(tmp_path, data[: int(len(data) * share)], "a.psd"))


def test_a_document_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    """By the size that its header tells; so is one that claims more than its file has."""
    huge = struct.pack(">4sH6xHIIHH", b"8BPS", 2, 3, 300_000, 300_000, 16, 3)
    with pytest.raises(Undecodable, match="too large: 300000 x 300000"):
        prepared(written(tmp_path, huge + bytes(90), "a.psb"))
    lying = struct.pack(">4sH6xHIIHH", b"8BPS", 2, 65_535, 15_000, 15_000, 16, 3)
    with pytest.raises(Undecodable, match="is cut off"):
        prepared(written(tmp_path, lying + bytes(17) + b"\1" + bytes(90), "a.psb"))


@pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not here; .ci/run installs it"
)
def test_what_photoshop_notes_is_read(tmp_path):
    """Date, lens and caption, from the EXIF and XMP that lie among its resources."""
    path = written(tmp_path, psd(corners(), bits=16), "a.psd")
    tags = ["-EXIF:DateTimeOriginal=2020:01:02 03:04:05", "-EXIF:LensModel=A 50mm"]
    subprocess.run(
        ["exiftool", "-q", "-overwrite_original", *tags, "-XMP-dc:Description=By hand", path],
        check=True,
    )
    made = prepared(path)
    assert (made.facts.taken_at, made.facts.lens) == ("2020-01-02T03:04:05", "A 50mm")
    assert made.handwriting.caption == "By hand"


def test_a_document_is_told_by_its_bytes():
    """A photo beside it is none."""
    with opened(PHOTOS / "rocket.jpg") as fd:
        assert kinds.tell(fd) is kinds.JPEG
    assert kinds.look(psd(corners(), version=2)[:64]) is kinds.PSD
