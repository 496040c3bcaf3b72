"""What must not, or cannot, be decoded is refused with a sentence."""

from __future__ import annotations

import struct
import zlib

import pytest
import pyvips
from images_helpers import PHOTOS, corners, encoded, prepared, shown_corners, written
from PIL import PngImagePlugin

from captiond.errors import NotAPhoto, Undecodable
from captiond.images.prepare import arm


@pytest.fixture(scope="module", autouse=True)
def _armed():
    arm()


@pytest.mark.parametrize(
    "name", ["rocket.jpg", "cat.png", "coffee.webp", "small.bmp", "astronaut.heic", "rocket.avif"]
)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_photo_that_is_cut_off_is_refused(tmp_path, name, share):
    """Half a photo is never captioned."""
    data = (PHOTOS / name).read_bytes()
    path = written(tmp_path, data[: int(len(data) * share)])
    with pytest.raises(Undecodable, match=r"^the \w+ is (cut off|damaged or cut off)$"):
        prepared(path)


@pytest.mark.parametrize(
    ("data", "likeness"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?><svg/>", "XML text"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html>", "HTML text"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript document"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"8BPS\0\3" + bytes(40), "a Photoshop document of an unknown kind"),
        (b"\0\0\1\0\1\0" + bytes(40), "no image format known here"),  # ICO
        (b"\x0a\x05\x01\x08" + bytes(60) + b"x", "no image format known here"),  # PCX
        (b"MATLAB 5.0 MAT-file", "no image format known here"),
        (b"P6 1 1 255 abc", "no image format known here"),
        (bytes(4096), "an unwritten one, with zeros"),
        (b"\x89PNG", "no image format known here"),
    ],
)
def test_other_formats_named_like_photos_are_not_opened(tmp_path, data, likeness):
    """Only photo formats are opened, whatever the file is called."""
    with pytest.raises(NotAPhoto) as caught:
        prepared(written(tmp_path, data))
    assert str(caught.value) == f"not an image: the file starts like {likeness}"


def test_libvips_itself_opens_nothing_else():
    """Were the first bytes misjudged, the loaders of other formats would still be shut."""
    for data in (
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"P5 1 1 255 a",
    ):
        with pytest.raises(pyvips.Error):
            pyvips.Image.new_from_buffer(data, "")


@pytest.mark.parametrize(
    "data",
    [
        b"II*\0",
        b"MM\0*\0\0\0",
        b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 254, 4, 0, 1),
        b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 65535, 330, 4, 2**32 - 1, 8),
        b"II*\0" + b"\xff" * 4,
    ],
)
def test_a_tiff_of_a_few_bytes_is_refused_like_any_other(tmp_path, data):
    """Its first directory is looked into to tell its kind: what is not there counts as none."""
    with pytest.raises(Undecodable, match=r"^the TIFF is "):
        prepared(written(tmp_path, data))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_raw_file_dressed_as_a_tiff_is_not_opened_as_one(tmp_path, order):
    """A NEF or ARW opens as a TIFF that shows a thumbnail: it is told by its first directory."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}HHHII", 1, 254, 4, 1, 1)
    path = written(tmp_path, start + struct.pack(f"{order}I", 8) + directory, "photo.tif")
    with pytest.raises(Undecodable, match=r"^the raw file is cut off$"):
        prepared(path)


def test_a_decompression_bomb_is_refused_by_its_size(tmp_path):
    """A PNG of 20,000 x 20,000 pixels in a few hundred bytes is refused before it is decoded."""
    with pytest.raises(Undecodable) as caught:
        prepared(written(tmp_path, png_header(20_000, 20_000)))
    assert str(caught.value) == (
        "too large: 20000 x 20000 pixels are 400 megapixels, over images.max_megapixels = 250"
    )


def png_header(width: int, height: int) -> bytes:
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100_000))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def test_a_bomb_in_the_text_of_a_png_costs_only_the_metadata(tmp_path):
    """A text chunk that unpacks to 100 MB is not unpacked, and the photo is still shown."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 100_000_000, zip=True)
    made = prepared(written(tmp_path, encoded(corners(), "PNG", pnginfo=text)))
    assert shown_corners(made) == ["red", "green", "blue", "white"]
    assert (made.facts.width, made.facts.height) == (120, 80)
