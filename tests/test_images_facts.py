"""What a photo's metadata says of it."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images_helpers import DIGEST, PHOTOS
from PIL import ExifTags, Image, TiffImagePlugin

from captiond.images import facts
from captiond.models import Facts
from captiond.testing.photo_maker import tiny_jpeg

# Pillow warns of rubbish; a decoder child runs with -W ignore.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

MAKE, MODEL = ExifTags.Base.Make, ExifTags.Base.Model
TAKEN, OFFSET = ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal
NORTH, SOUTH, EAST = "N", "S", "E"


def read(data: bytes) -> Facts:
    with Image.open(io.BytesIO(data)) as image:
        return facts.read(image, name="jpeg", digest=DIGEST)


def with_segment(marker: int, content: bytes) -> bytes:
    size = (len(content) + 2).to_bytes(2, "big")
    return b"\xff\xd8" + bytes([0xFF, marker]) + size + content + tiny_jpeg(0)[2:]


def gps(latitude: object, longitude: object, *, ns: object = NORTH, ew: object = EAST) -> dict:
    keys = ExifTags.GPS
    return {
        keys.GPSLatitudeRef: ns,
        keys.GPSLatitude: latitude,
        keys.GPSLongitudeRef: ew,
        keys.GPSLongitude: longitude,
    }


def test_a_camera_photo_tells_date_camera_and_coordinates():
    """Date with its offset, make and model, decimal degrees: as written in Oslo."""
    found = read((PHOTOS / "gps.jpg").read_bytes())
    assert found == Facts(
        digest=DIGEST,
        format="jpeg",
        width=600,
        height=400,
        taken_at="2019-07-04T12:34:56+02:00",
        camera="FUJIFILM X100V",
        latitude=pytest.approx(59.9133, abs=1e-3),
        longitude=pytest.approx(10.739, abs=1e-3),
    )


@pytest.mark.parametrize(
    ("written", "offset", "expected"),
    [
        ("2019:07:04 12:34:56", "+02:00", "2019-07-04T12:34:56+02:00"),
        ("2019:07:04 12:34:56", None, "2019-07-04T12:34:56"),
        ("2019:07:04 12:34:56\0", "rubbish", "2019-07-04T12:34:56"),
        ("2019:07:04 12:34:56.78", "-03:30", "2019-07-04T12:34:56-03:30"),
        (b"2019:07:04 12:34:56", b"+02:00\0", "2019-07-04T12:34:56+02:00"),
    ],
)
def test_a_date_keeps_the_offset_the_camera_wrote(written, offset, expected):
    """Local time, and an offset only where there is a sensible one."""
    assert facts.taken_at({TAKEN: written, OFFSET: offset}) == expected


@pytest.mark.parametrize(
    "written", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2019:13:04 12:34:56", "", None, 7]
)
def test_a_rubbish_date_is_no_date(written):
    """What cameras write before their clock is set counts as silence."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[TAKEN] = written if isinstance(written, str) else "x"
    assert read(with_segment(0xE1, exif.tobytes())).taken_at is None
    with pytest.raises(ValueError, match="time data"):
        facts.taken_at({TAKEN: "x"})


def test_a_date_before_photography_is_no_date():
    """The first photograph was taken in 1826."""
    assert facts.taken_at({TAKEN: "0001:01:01 00:00:00"}) is None


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("FUJIFILM\0\0\0", "X100V\0junk", "FUJIFILM X100V"),
        ("  SONY\n", "\x1b[31mDSC\u202e-1", "SONY [31mDSC -1"),
        (None, "Pixel 7", "Pixel 7"),
        ("Leica", None, "Leica"),
        ("", "", None),
        (None, None, None),
    ],
)
def test_a_camera_is_named_once_and_cleanly(make, model, expected):
    """The make is not said twice; NULs, control and direction characters go."""
    assert facts.camera({MAKE: make, MODEL: model}) == expected


def test_south_and_west_are_negative():
    """Degrees, minutes and seconds become decimal degrees with a sign."""
    found = facts.coordinates(gps((33, 51, 24.48), (151, 12, 55.08), ns=SOUTH))
    assert found == (-33.8568, 151.2153)
    assert facts.coordinates(gps((33, 0, 0), (70, 30, 0), ns="S", ew="W\0")) == (-33.0, -70.5)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [((0, 0, 0), (0, 0, 0)), ((91, 0, 0), (10, 0, 0)), ((10, 0, 0), (181, 0, 0))],
)
def test_a_place_that_is_none_is_left_out(latitude, longitude):
    """Null island and what lies off the globe are no coordinates."""
    assert facts.coordinates(gps(latitude, longitude)) is None


def test_a_zero_denominator_is_no_coordinate():
    """0/0, as cameras without a fix write it, is left out."""
    nothing = TiffImagePlugin.IFDRational(0, 0)
    assert math.isnan(float(nothing))
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps((nothing,) * 3, (nothing,) * 3))
    found = read(with_segment(0xE1, exif.tobytes()))
    assert (found.latitude, found.longitude) == (None, None)


def test_a_place_is_read_from_iptc():
    """City and country as IPTC has them."""
    records = iptc(90, "København".encode()) + iptc(101, b"Denmark")
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + len(records).to_bytes(4, "big") + records
    assert read(with_segment(0xED, block)).place == "København, Denmark"


def iptc(record: int, text: bytes) -> bytes:
    return bytes([0x1C, 2, record]) + len(text).to_bytes(2, "big") + text


@pytest.mark.parametrize(
    "fields",
    [
        'photoshop:City="Trondheim" photoshop:Country="Norway &amp; more"/>',
        "><photoshop:City>Trondheim</photoshop:City>\n<photoshop:Country>Norway &amp; more</",
    ],
)
def test_a_place_is_read_from_xmp(fields):
    """City and country as XMP has them, as attributes or as elements."""
    packet = f"http://ns.adobe.com/xap/1.0/\0<rdf:Description {fields}".encode()
    assert read(with_segment(0xE1, packet)).place == "Trondheim, Norway & more"


TIFF_STARTS = [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]
ANYTHING = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.lists(st.one_of(st.floats(), st.integers(), st.text(max_size=3)), max_size=4),
)


@given(rubbish=st.binary(max_size=300))
@settings(deadline=None)
def test_rubbish_in_place_of_exif_is_silence(rubbish):
    """Whatever bytes stand where EXIF should, size and format are told."""
    found = read(with_segment(0xE1, b"Exif\0\0" + rubbish))
    assert found.format == "jpeg"
    assert {found.width, found.height} == {16}


@given(
    start=st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]), body=st.binary(max_size=200)
)
@settings(deadline=None)
def test_rubbish_in_exif_is_silence(start, body):
    """Directories that lie about their entries harm nothing."""
    found = read(with_segment(0xE1, b"Exif\0\0" + start + body))
    assert {found.width, found.height} == {16}


@given(block=st.binary(max_size=200))
@settings(deadline=None)
def test_rubbish_in_iptc_is_silence(block):
    """Photoshop blocks that are none harm nothing."""
    found = read(with_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0" + block))
    assert found.place is None or found.place.isprintable()


@given(make=ANYTHING, model=ANYTHING)
def test_a_camera_of_any_type_is_clean_text_or_nothing(make, model):
    """Tags of the wrong type are left out; text is printable and short."""
    named = facts.camera({MAKE: make, MODEL: model})
    assert named is None or (named.isprintable() and 0 < len(named) <= 201)


@given(latitude=ANYTHING, longitude=ANYTHING, ns=ANYTHING, ew=ANYTHING)
def test_coordinates_of_any_type_lie_on_earth_or_nowhere(latitude, longitude, ns, ew):
    """Rubbish is told by the exceptions that `read` takes for silence, and by nothing else."""
    try:
        found = facts.coordinates(gps(latitude, longitude, ns=ns, ew=ew))
    except facts.RUBBISH:
        return
    assert found is None or (abs(found[0]) <= 90 and abs(found[1]) <= 180)
