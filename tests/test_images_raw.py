"""Raw files, JPEG XL and other containers."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest
from images_helpers import (
    PHOTOS,
    asked,
    corners,
    encoded,
    opened,
    pixels_of,
    pooled,
    prepared,
    shown_corners,
    written,
)
from PIL import Image
from raw_helpers import make_dng

from captiond.errors import Undecodable
from captiond.images import kinds
from captiond.images.prepare import NO_JPEG_XL, arm

SHOWN = ["red", "green", "blue", "white"]
STORED = {  # as the sensor sees what stands upright so
    1: corners(),
    3: corners().transpose(Image.Transpose.ROTATE_180),
    6: corners().transpose(Image.Transpose.ROTATE_90),
    8: corners().transpose(Image.Transpose.ROTATE_270),
}


@pytest.fixture(scope="module", autouse=True)
def _armed():
    arm()


@pytest.mark.parametrize("orientation", STORED)
def test_a_raw_file_without_a_preview_is_developed(tmp_path, orientation):
    """Its pixels are shown upright, in its colours, at half their size."""
    path = written(tmp_path, make_dng(STORED[orientation], orientation=orientation), "a.dng")
    made = prepared(path)
    assert (made.facts.format, made.facts.width, made.facts.height) == ("raw", 120, 80)
    assert (made.width, made.height) == (60, 40)
    assert made.facts.camera == "Acme One"
    image = pixels_of(made)
    red, green, blue, white = (image.getpixel(at) for at in ((8, 8), (52, 8), (8, 32), (52, 32)))
    for colour, channel in ((red, 0), (green, 1), (blue, 2)):
        assert colour[channel] > 200
        assert sum(colour) - colour[channel] < 90
    assert min(white) > 200


@pytest.mark.parametrize("orientation", STORED)
def test_the_preview_of_a_raw_file_is_turned_like_its_pixels(tmp_path, orientation):
    """Cameras store it as the sensor lies."""
    preview = encoded(STORED[orientation], "JPEG", quality=95)
    data = make_dng(STORED[orientation], orientation=orientation, preview=preview)
    made = prepared(written(tmp_path, data, "a.dng"))
    assert (made.facts.width, made.facts.height) == (120, 80)
    assert (made.width, made.height) == (120, 80)
    assert shown_corners(made) == SHOWN


@pytest.mark.parametrize("orientation", [6, 8])
def test_a_preview_that_stands_already_is_not_turned_again(tmp_path, orientation):
    """Some programs turn the preview alone."""
    data = make_dng(
        STORED[orientation], orientation=orientation, preview=encoded(corners(), "JPEG", quality=95)
    )
    made = prepared(written(tmp_path, data, "a.dng"))
    assert shown_corners(made) == SHOWN


def test_a_preview_like_a_stamp_is_not_taken(tmp_path):
    """The pixels say more than a thumbnail."""
    preview = encoded(corners(width=30, height=20), "JPEG")
    data = make_dng(corners(), preview=preview)
    assert prepared(written(tmp_path, data, "a.dng")).width == 60


def test_a_real_raw_file_is_told_by_its_bytes_and_its_size_by_its_pixels():
    """Not the thumbnail of 96 x 64 that it shows as a TIFF."""
    with opened(PHOTOS / "DSC_0042.DNG") as fd:
        assert kinds.tell(fd) is kinds.RAW
    made = prepared(PHOTOS / "DSC_0042.DNG")
    assert (made.facts.width, made.facts.height) == (480, 320)


@pytest.mark.parametrize(
    "start",
    [
        b"II*\0\x10\0\0\0CR\2\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"MMOR\0\0\0\x08",
        b"FOVb\1\0\3\0",
        b"\0MRM\0\0\0\0",
        b"II\x1a\0\0\0HEAPCCDR",
        b"II*\0\x10\0\0\0IIII",
    ],
)
def test_raw_files_of_other_makers_go_to_libraw_and_broken_ones_fail(tmp_path, start):
    """CR2, CR3, RAF, ORF, RW2, X3F, MRW, CRW, IIQ are known by their first bytes."""
    path = written(tmp_path, start + bytes(4000), "a.cr2")
    with opened(path) as fd:
        assert kinds.tell(fd) is kinds.RAW
    with pytest.raises(Undecodable, match="raw file"):
        prepared(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_raw_file_that_is_cut_off_fails(tmp_path, share):
    """It is no picture of nothing."""
    data = make_dng(corners())
    with pytest.raises(Undecodable, match="raw file"):
        prepared(written(tmp_path, data[: int(len(data) * share)], "a.dng"))


def test_a_raw_file_whose_last_pixels_are_missing_fails(tmp_path):
    """LibRaw makes up those of compressed tiles: they would be captioned as black."""
    data = make_dng(corners())
    count = struct.Struct("<HHII")
    told = count.pack(279, 4, 1, 120 * 80 * 2)
    assert told in data
    longer = data.replace(told, count.pack(279, 4, 1, 120 * 80 * 2 + 1))
    assert prepared(written(tmp_path, data, "a.dng")).width == 60
    with pytest.raises(Undecodable, match="the raw file is cut off"):
        prepared(written(tmp_path, longer, "b.dng"))


def test_a_raw_file_that_is_too_large_is_refused_before_it_is_decoded(tmp_path):
    """By the size that its header tells."""
    path = written(tmp_path, make_dng(Image.new("RGB", (1200, 1000))), "a.dng")
    with pytest.raises(Undecodable, match="too large: 1200 x 1000"):
        prepared(path, max_megapixels=1)


async def test_raw_files_are_decoded_behind_shut_doors(tmp_path):
    """LibRaw works without files, within its memory, and its pixels too."""
    developed = written(tmp_path, make_dng(corners()), "a.dng")
    async with pooled() as pool:
        assert (await asked(pool, PHOTOS / "DSC_0042.DNG")).facts.format == "raw"
        assert (await asked(pool, developed)).width == 60
        assert (await asked(pool, PHOTOS / "cat.jxl")).facts.format == "jxl"
        assert len(pool.pids()) == 1


@pytest.mark.parametrize("form", ["MPO", "JPEG2000"])
def test_other_containers_show_their_first_picture(tmp_path, form):
    """A stereo camera's file holds two, a codestream none around it."""
    more = {"save_all": True, "append_images": [Image.new("RGB", (120, 80))]}
    data = encoded(corners(), form, **(more if form == "MPO" else {"no_jp2": True}))
    assert shown_corners(prepared(written(tmp_path, data))) == SHOWN


@pytest.mark.parametrize(
    ("mode", "top"), [("F", 1), ("F", 255), ("F", 65_535), ("I", 65_535), ("I", 2**31 - 1)]
)
def test_greys_of_32_bits_are_neither_black_nor_white(tmp_path, mode, top):
    """Floats often end at 1, whole numbers anywhere."""
    ramp = Image.linear_gradient("L").convert("F").point(lambda value: value * (top / 255) + 0)
    path = written(tmp_path, encoded(ramp.convert(mode), "TIFF"), "a.tif")
    shown = pixels_of(prepared(path)).convert("L")
    darkest, lightest = shown.getextrema()
    assert darkest == 0
    assert lightest >= 254
    assert 120 < shown.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) < 136


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_ink_shows_its_colours(tmp_path, form):
    """Adobe stores that of a JPEG as light; a TIFF has it as ink."""
    image = pixels_of(prepared(written(tmp_path, encoded(corners().convert("CMYK"), form))))
    red, green, blue, white = (image.getpixel(at) for at in ((5, 5), (115, 5), (5, 75), (115, 75)))
    for colour, channel in ((red, 0), (green, 1), (blue, 2)):
        assert colour[channel] == max(colour) > 2 * min(colour)
    assert min(white) > 250


@pytest.mark.parametrize("mode", ["1", "LA", "P", "F", "CMYK"])
def test_every_mode_of_a_tiff_is_shown(tmp_path, mode):
    """Ink, floats, greys with alpha."""
    image = corners().convert("L").convert("F") if mode == "F" else corners()
    path = written(tmp_path, encoded(image.convert(mode), "TIFF"), "a.tif")
    shown = pixels_of(prepared(path)).convert("L")
    darkest, lightest = shown.getextrema()
    assert darkest < 120
    assert lightest > 200


def test_without_the_extra_jpeg_xl_says_what_to_install():
    """It is no dependency: its licence is another."""
    script = """
import os, sys
class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pillow_jxl":
            raise ImportError(name)
sys.meta_path.insert(0, Without)
from captiond.errors import Undecodable
from captiond.images.prepare import arm, prepare
from captiond.images.wire import Limits
arm()
try:
    prepare(os.open(sys.argv[1], os.O_RDONLY), "d", Limits(1536, 250, 60, 2048))
except Undecodable as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, PHOTOS / "cat.jxl"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        ran.stdout.strip()
        == NO_JPEG_XL
        == ("JPEG XL images are read with an extra: install captiond[jxl]")
    )
