"""How large a photo is, by its header alone."""

from __future__ import annotations

import os
from pathlib import Path

import pillow_heif
import pytest
from images_helpers import PHOTOS, encoded, opened, written
from PIL import Image

from captiond.errors import NotAPhoto, Undecodable
from captiond.images import kinds
from captiond.images.sizes import check_size, measure

SIZE = (321, 123)
KNOWN = sorted(
    path
    for path in PHOTOS.iterdir()
    if path.suffix.lower() in {".jpg", ".png", ".heic", ".gif", ".webp", ".tif", ".avif", ".bmp"}
)


def measured(path: Path) -> tuple[int, int] | None:
    with opened(path) as fd:
        size = measure(fd, kinds.tell(fd))
        assert os.lseek(fd, 0, os.SEEK_CUR) == 0
        return size


def made() -> dict[str, bytes]:
    """Return an image of SIZE in every form that a header may have."""
    plain, clear = Image.new("RGB", SIZE, "red"), Image.new("RGBA", SIZE, (1, 2, 3, 4))
    return {
        "progressive": encoded(plain, "JPEG", progressive=True),
        "long profile": encoded(plain, "JPEG", icc_profile=bytes(200_000)),
        "exif": encoded(plain, "JPEG", exif=b"Exif\0\0" + bytes(60_000)),
        "lossy": encoded(plain, "WEBP"),
        "lossless": encoded(plain, "WEBP", lossless=True),
        "extended": encoded(clear, "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
        "jp2": encoded(plain, "JPEG2000"),
        "codestream": encoded(plain, "JPEG2000", no_jp2=True),
        "tiff": encoded(plain, "TIFF"),
        "compressed": encoded(plain, "TIFF", compression="tiff_deflate"),
        "bmp": encoded(plain, "BMP"),
        "gif": encoded(plain, "GIF"),
        "interlaced": encoded(plain, "PNG"),
        "avif": encoded(plain, "AVIF"),
    }


MADE = made()


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: path.name)
def test_real_photos_tell_their_size_as_pillow_has_it(path):
    """Turned or not, and before a HEIC's odd last row is cropped away: it is what is decoded."""
    pillow_heif.register_heif_opener()
    with Image.open(path) as image:
        told = sorted(image.size)
    assert sorted(measured(path)) == pytest.approx(told, abs=1)


@pytest.mark.parametrize("form", MADE)
def test_every_form_of_header_is_understood(tmp_path, form):
    """Whatever stands before the size: profiles, metadata, an alpha channel."""
    assert measured(written(tmp_path, MADE[form])) == SIZE


@pytest.mark.parametrize("form", MADE)
def test_a_header_that_is_cut_off_or_garbled_does_no_harm(tmp_path, form):
    """It tells a size, or none; nothing is raised and every read has an end."""
    data = MADE[form]
    for end in (*range(0, 400, 7), len(data) // 2):
        head = data[:end] + b"\xff" * 64
        try:
            size = measured(written(tmp_path, head))
        except (NotAPhoto, Undecodable):
            assert end < 20
            continue
        assert size is None or min(size) >= 0


def test_a_jpeg_of_endless_segments_ends(tmp_path):
    """Nobody reads a file to its end for a size."""
    path = written(tmp_path, b"\xff\xd8" + b"\xff\xe1\x00\x02" * 100_000)
    assert measured(path) is None


def test_what_is_too_large_is_refused():
    """The limit itself is allowed."""
    check_size(10_000, 10_000, max_megapixels=100)
    with pytest.raises(Undecodable, match=r"^too large: 10001 x 10000 pixels are 100 megapixels"):
        check_size(10_001, 10_000, max_megapixels=100)
