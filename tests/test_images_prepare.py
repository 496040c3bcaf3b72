"""A photo becomes an image that may be sent."""

from __future__ import annotations

from datetime import datetime

import pytest
import pyvips
from images_helpers import (
    BLUE,
    DIGEST,
    PHOTOS,
    RED,
    WHITE,
    corners,
    encoded,
    nearly,
    pixels_of,
    prepared,
    segments,
    shown_corners,
    written,
)
from PIL import Image, ImageCms

from captiond.errors import NotAPhoto, Undecodable
from captiond.images.prepare import arm
from captiond.testing.photo_maker import make_jpeg, with_exif

SHOWN = {
    "DSC_0042.DNG": ("raw", 480, 320),
    "DSC_0042.JPG": ("jpeg", 480, 320),
    "IMG_0001.HEIC": ("heic", 451, 300),
    "PXL_20240101_120000000.MP.jpg": ("jpeg", 451, 300),
    "alpha.png": ("png", 400, 266),
    "anim.gif": ("gif", 225, 150),
    "astronaut.heic": ("heic", 512, 512),
    "bad/png_named.jpg": ("png", 200, 133),
    "cat.jxl": ("jxl", 451, 300),
    "cat.png": ("png", 451, 300),
    "china.jpg": ("jpeg", 640, 427),
    "cmyk.jpg": ("jpeg", 451, 300),
    "coffee.webp": ("webp", 600, 400),
    "flower.jpg": ("jpeg", 640, 427),
    "gps.jpg": ("jpeg", 600, 400),
    "gray16.png": ("png", 300, 200),
    "hopper.jpg": ("jpeg", 512, 600),
    "human_description.jpg": ("jpeg", 451, 300),
    "junk_description.jpg": ("jpeg", 400, 266),
    "orient3.jpg": ("jpeg", 400, 400),
    "orient5.jpg": ("jpeg", 400, 400),
    "orient6.heic": ("heic", 400, 400),
    "orient6.jpg": ("jpeg", 400, 400),
    "orient8.jpg": ("jpeg", 400, 400),
    "pages.tif": ("tiff", 300, 200),
    "rocket.avif": ("avif", 640, 427),
    "rocket.jpg": ("jpeg", 640, 427),
    "sidecars/A.jpg": ("jpeg", 300, 200),
    "sidecars/human.jpg": ("jpeg", 300, 200),
    "small.bmp": ("bmp", 200, 133),
}
NO_PHOTOS = {
    "IMG_0001.MOV": (NotAPhoto, "not an image: the file starts like a video"),
    "bad/html.png": (NotAPhoto, "not an image: the file starts like HTML text"),
    "bad/truncated.jpg": (Undecodable, "the JPEG is cut off"),
    "bad/zero.jpg": (NotAPhoto, "not an image: the file is empty"),
}
UPRIGHT = ["orient3.jpg", "orient5.jpg", "orient6.jpg", "orient8.jpg", "orient6.heic"]


@pytest.fixture(scope="module", autouse=True)
def _armed():
    arm()


def test_every_photo_has_an_expected_outcome():
    """The tables of this module name every photo there is."""
    files = (path for path in PHOTOS.rglob("*") if path.is_file())
    names = {str(path.relative_to(PHOTOS)) for path in files}
    photos = {name for name in names if not name.endswith((".xmp", "LICENSES"))}
    assert photos == SHOWN.keys() | NO_PHOTOS.keys()


@pytest.mark.parametrize("name", SHOWN)
def test_a_photo_becomes_a_plain_jpeg_of_its_shown_size(name):
    """Whatever the format, an RGB JPEG comes out, and the facts tell format and size."""
    made = prepared(PHOTOS / name)
    image = pixels_of(made)
    assert (made.facts.format, made.facts.width, made.facts.height) == SHOWN[name]
    assert (image.mode, image.size) == ("RGB", (made.width, made.height))
    assert (made.mime, made.facts.digest) == ("image/jpeg", DIGEST)
    assert made.palette.colours


@pytest.mark.parametrize("name", NO_PHOTOS)
def test_what_is_no_readable_photo_says_why(name):
    """A file that cannot become an image is refused with a sentence for a person."""
    error, sentence = NO_PHOTOS[name]
    with pytest.raises(error) as caught:
        prepared(PHOTOS / name)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_but_pixels_is_sent(name):
    """No EXIF, XMP, ICC profile, comment, other segment or trailer survives."""
    data = prepared(PHOTOS / name).data
    assert set(segments(data)) <= {0xE0, 0xDB, 0xC0, 0xC2, 0xC4, 0xDA}
    assert data.endswith(b"\xff\xd9")
    assert data.count(b"\xff\xd9") == 1
    assert pixels_of(prepared(PHOTOS / name)).info.keys() <= {
        "jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression",
    }  # fmt: skip


@pytest.mark.parametrize("name", UPRIGHT)
def test_an_orientation_is_applied_exactly_once(name):
    """All turned astronauts look the same: the red "UP" stands top left."""
    image = pixels_of(prepared(PHOTOS / name)).convert("RGB")
    upright = pixels_of(prepared(PHOTOS / "orient6.jpg")).convert("RGB")
    assert count_red(image.crop((0, 0, 110, 100))) > 300
    assert mean_difference(image, upright) < 6


def count_red(image: Image.Image) -> int:
    data = image.tobytes()
    return sum(
        red > 200 and green < 60 and blue < 60
        for red, green, blue in zip(data[0::3], data[1::3], data[2::3], strict=True)
    )


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / len(one.tobytes())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_are_shown_upright(tmp_path, form, orientation):
    """The pixels lie as the camera was held, and the picture stands as it was seen."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose
    stored = corners()
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = prepared(written(tmp_path, encoded(stored, form, exif=exif.tobytes())))
    assert (made.facts.width, made.facts.height) == (120, 80)
    assert shown_corners(made) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("width", "height", "edge", "expected"),
    [
        (3000, 2000, 1536, (1536, 1024)),
        (2000, 3000, 1024, (683, 1024)),
        (6000, 500, 1536, (1536, 128)),
        (640, 427, 1536, (640, 427)),
    ],
)
def test_the_longest_edge_is_bounded_but_never_enlarged(tmp_path, width, height, edge, expected):
    """A large photo shrinks to the edge wanted; a small one keeps its size."""
    path = written(tmp_path, make_jpeg(width=width, height=height))
    made = prepared(path, max_edge_px=edge)
    assert (made.width, made.height) == expected
    assert (made.facts.width, made.facts.height) == (width, height)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_shrunk_by_the_jpeg_decoder_still_stands_upright(tmp_path, orientation):
    """Shrinking on load and turning do not get into each other's way."""
    stored = corners(width=2400, height=1600)
    if orientation == 6:
        stored = stored.transpose(Image.Transpose.ROTATE_90)
    data = with_exif(encoded(stored, "JPEG"), orientation=orientation)
    made = prepared(written(tmp_path, data), max_edge_px=300)
    assert (made.width, made.height) == (300, 200)
    assert shown_corners(made) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG2000"])
def test_sixteen_bit_grey_keeps_its_greys(tmp_path, form):
    """A 16-bit picture is scaled, not cut off at white."""
    with Image.open(PHOTOS / "gray16.png") as image:
        made = prepared(written(tmp_path, encoded(image, form)))
    darkest, lightest = pixels_of(made).convert("L").getextrema()
    assert darkest < 20
    assert lightest > 230
    assert 0.35 < made.palette.brightness < 0.45


def test_what_is_transparent_becomes_white(tmp_path):
    """Alpha is flattened on white, whoever decodes."""
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    for form in ("PNG", "WEBP", "AVIF"):
        made = prepared(written(tmp_path, encoded(clear, form)))
        assert nearly(pixels_of(made).getpixel((20, 20)), WHITE)


def test_a_palette_picture_shows_its_colours(tmp_path):
    """Palette indexes become the colours they stand for, transparency included."""
    made = prepared(written(tmp_path, encoded(corners().quantize(8), "PNG")))
    assert shown_corners(made) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("form", ["GIF", "TIFF", "WEBP"])
def test_the_first_picture_of_several_is_taken(tmp_path, form):
    """Animations show their first frame, documents their first page."""
    pages = [Image.new("RGB", (60, 40), colour) for colour in (RED, BLUE)]
    data = encoded(pages[0], form, save_all=True, append_images=pages[1:])
    made = prepared(written(tmp_path, data))
    assert (made.width, made.height) == (60, 40)
    assert nearly(pixels_of(made).getpixel((30, 20)), RED)


def test_colours_are_converted_to_srgb(tmp_path):
    """Red in Display P3 numbers is sent as the same red in sRGB numbers."""
    red = pyvips.Image.black(64, 64).new_from_image([200, 40, 30]).copy(interpretation="srgb")
    wide = red.icc_transform("p3", input_profile="srgb")
    assert not nearly(tuple(wide(5, 5)), (200, 40, 30))
    for form in ("jpg", "png"):
        path = tmp_path / f"wide.{form}"
        path.write_bytes(wide.write_to_buffer(f".{form}"))
        assert nearly(pixels_of(prepared(path)).getpixel((32, 32)), (200, 40, 30), within=5)


def test_a_rubbish_colour_profile_harms_nothing(tmp_path):
    """A photo with a broken profile is shown as if it had none."""
    for form in ("JPEG", "PNG", "AVIF"):
        data = encoded(corners(), form, icc_profile=b"rubbish" * 100)
        made = prepared(written(tmp_path, data))
        assert shown_corners(made) == ["red", "green", "blue", "white"]


def test_a_tiff_that_pillow_cannot_open_is_shown_all_the_same(tmp_path):
    """Metadata comes second: libvips decodes TIFFs that Pillow does not know."""
    grey = pyvips.Image.black(64, 48, bands=3).copy(interpretation="rgb16") + 32_768
    path = tmp_path / "deep.tif"
    path.write_bytes(grey.cast("float").copy(interpretation="scrgb").tiffsave_buffer())
    made = prepared(path)
    assert (made.facts.format, made.facts.width, made.facts.height) == ("tiff", 64, 48)


def test_a_tiff_that_libvips_cannot_show_is_shown_by_pillow(tmp_path):
    """Lab, as Photoshop saves it, with eight bits a channel: the colours are right."""
    space = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    lab = ImageCms.profileToProfile(corners(), *space, outputMode="LAB")
    made = prepared(written(tmp_path, encoded(lab, "TIFF"), "lab.tif"))
    assert shown_corners(made) == ["red", "green", "blue", "white"]


def test_the_facts_come_along(tmp_path):
    """Date, camera and place are read from the file whose pixels are sent without them."""
    data = with_exif(
        make_jpeg(width=64, height=48),
        taken_at=datetime.fromisoformat("2021-03-04T05:06:07+01:00"),
        camera=("Canon", "Canon EOS R5"),
        coordinates=(-33.8568, 151.2153),
    )
    facts = prepared(written(tmp_path, data)).facts
    assert (facts.taken_at, facts.camera) == ("2021-03-04T05:06:07+01:00", "Canon EOS R5")
    assert (facts.latitude, facts.longitude) == (-33.8568, 151.2153)
