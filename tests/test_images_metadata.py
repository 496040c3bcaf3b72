"""What is read of a photo's metadata, whatever they lie in."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess

import pytest
from images_helpers import PHOTOS, corners, encoded, prepared, shown_corners, written
from PIL import ExifTags, Image

from captiond.images import facts, packet, rawfacts
from captiond.images.prepare import arm

exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not here; .ci/run installs it"
)
BASE, GPS = ExifTags.Base, ExifTags.GPS
SHOWN = ["red", "green", "blue", "white"]
PACKET = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>%s</x:xmpmeta>"


@pytest.fixture(scope="module", autouse=True)
def _armed():
    arm()


def tagged(path, *tags):
    subprocess.run(["exiftool", "-q", "-q", "-m", "-overwrite_original", *tags, path], check=True)
    return prepared(path)


@exiftool
@pytest.mark.parametrize("form", ["JPEG2000", "GIF", "JXL", "MPO", "HEIF"])
def test_xmp_is_found_in_containers_that_pillow_does_not_look_into(tmp_path, form):
    """Or a person's caption would be overlooked, and another one paid for."""
    more = {"save_all": True, "append_images": [corners()]} if form == "MPO" else {}
    path = written(tmp_path, encoded(corners(), form, **more), f"photo.{form.lower()}")
    made = tagged(path, "-XMP-dc:Description=By hand", "-XMP-dc:Subject=one")
    assert (made.handwriting.caption, made.handwriting.keywords) == ("By hand", ("one",))
    assert shown_corners(made) == SHOWN


@exiftool
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_no_photo_is_turned_by_xmp(tmp_path, form):
    """Programs that turn the pixels leave it as it was, and browsers heed EXIF alone."""
    path = written(tmp_path, encoded(corners(), form), f"photo.{form.lower()}")
    made = tagged(path, "-XMP-tiff:Orientation#=6")
    assert (made.facts.width, made.facts.height) == (120, 80)
    assert shown_corners(made) == SHOWN


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ('exif:DateTimeOriginal="2024-06-01T12:30:00.25+02:00"', "2024-06-01T12:30:00+02:00"),
        ('photoshop:DateCreated="2024-06-01T12:30"', "2024-06-01T12:30:00"),
        ("><photoshop:DateCreated>2024-06-01T12:30:00Z<", "2024-06-01T12:30:00+00:00"),
        (
            'photoshop:DateCreated="2020-01-01T00:00:00" exif:DateTimeOriginal="2019-01-01T00:00"',
            "2019-01-01T00:00:00",
        ),
        ('photoshop:DateCreated="2024-06-01"', None),
        ('exif:DateTimeOriginal="0001-01-01T00:00:00"', None),
        ('exif:DateTimeOriginal="once upon a time"', None),
    ],
)
def test_a_date_is_read_from_xmp_where_exif_has_none(told, expected):
    """Scans and exports have it there; a day without a time is no moment."""
    image = Image.new("RGB", (1, 1))
    image.info["xmp"] = PACKET % f"<rdf:Description {told}".encode()
    assert facts.read(image, name="jpeg", digest="d").taken_at == expected
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[BASE.DateTimeOriginal] = "2001:01:01 01:01:01"
    both = Image.new("RGB", (1, 1))
    both.info.update(image.info, exif=exif.tobytes())
    assert facts.read(both, name="jpeg", digest="d").taken_at == "2001-01-01T01:01:01"


def test_a_date_of_digitizing_stands_in_and_that_of_the_last_change_never():
    """A scan has the former, an edit the latter."""
    digitized = {BASE.DateTimeDigitized: "2001:02:03 04:05:06", BASE.OffsetTimeDigitized: "-05:00"}
    assert facts.taken_at(digitized) == "2001-02-03T04:05:06-05:00"
    exif = Image.Exif()
    exif[BASE.DateTime] = "2001:02:03 04:05:06"
    data = encoded(corners(), "JPEG", exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        assert facts.read(image, name="jpeg", digest="d").taken_at is None


@pytest.mark.parametrize(
    ("make", "model", "numbers", "expected"),
    [
        ("Canon", "EF50mm f/1.8 STM", None, "Canon EF50mm f/1.8 STM"),
        ("Canon", "Canon EF50mm", None, "Canon EF50mm"),
        (None, "XF23mm\0junk", None, "XF23mm"),
        (None, None, (24, 70, 2.8, 2.8), "24-70 mm f/2.8"),
        (None, None, (50, 50, 1.4, 1.4), "50 mm f/1.4"),
        (None, None, (35, 35, float("nan"), float("nan")), "35 mm"),
        (None, None, (0, 0, 0, 0), None),
        (None, None, (float("nan"),) * 4, None),
    ],
)
def test_a_lens_is_named_by_its_maker_or_by_its_numbers(make, model, numbers, expected):
    """On one clean line."""
    told = {BASE.LensMake: make, BASE.LensModel: model, BASE.LensSpecification: numbers}
    assert facts.lens(told) == expected


def as_one_directory(tags: dict[int, object]) -> bytes:
    """Return these tags as a TIFF of nothing else."""
    exif = Image.Exif()
    exif.endian = "<"
    exif.update(tags)
    return exif.tobytes().removeprefix(b"Exif\0\0")


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def test_a_cr3_tells_camera_date_lens_and_place():
    """Canon puts each directory into a box of its own, and XMP into another."""
    camera = as_one_directory({BASE.Make: "Canon", BASE.Model: "Canon EOS R6"})
    shot = as_one_directory(
        {
            BASE.DateTimeOriginal: "2025:09:06 20:24:47",
            BASE.OffsetTimeOriginal: "-08:00",
            BASE.LensModel: "EF100mm",
        }
    )
    place = as_one_directory(
        {
            GPS.GPSLatitudeRef: "N",
            GPS.GPSLatitude: (37.0, 30.0, 0.0),
            GPS.GPSLongitudeRef: "W",
            GPS.GPSLongitude: (122.0, 0.0, 0.0),
        }
    )
    parts = box(b"CMT1", camera) + box(b"CMT2", shot) + box(b"CMT4", place)
    data = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", parts)
    found = facts.read(rawfacts.opened(io.BytesIO(data)), name="raw", digest="d")
    assert (found.camera, found.lens) == ("Canon EOS R6", "EF100mm")
    assert found.taken_at == "2025-09-06T20:24:47-08:00"
    assert (found.latitude, found.longitude) == (37.5, -122.0)
    with pytest.raises(struct.error):
        rawfacts.opened(io.BytesIO(data[:24]))


@pytest.mark.parametrize("start", [b"IIRO", b"IIRS", b"IIU\0", b"MMOR", b"II*\0", b"MM\0*"])
def test_raw_files_that_are_tiffs_but_for_their_start_tell_their_camera(start):
    """Olympus and Panasonic have a number of their own there."""
    exif = Image.Exif()
    exif.endian = "<" if start.startswith(b"II") else ">"
    exif[BASE.Model] = "Acme"
    data = start + exif.tobytes().removeprefix(b"Exif\0\0")[4:]
    opened = rawfacts.opened(io.BytesIO(data))
    assert facts.read(opened, name="raw", digest="d").camera == "Acme"


@pytest.mark.parametrize("before", [0, 5, (1 << 20) - 5, (1 << 20) + 7])
def test_a_packet_is_found_wherever_it_lies(before):
    """Also across what is read at once; the file's offset stays where it was."""
    whole = PACKET % b"x"
    file = io.BytesIO(bytes(before) + whole + b"more")
    file.seek(3)
    image = Image.new("RGB", (1, 1))
    packet.lay_out(image, file, is_in_view=True)
    assert (packet.of(image), file.tell()) == (whole, 3)


@pytest.mark.parametrize("data", [b"", b"<x:xmpmeta", b"<x:xmpmeta" * 400_000, bytes(3 << 20)])
def test_a_packet_that_does_not_end_is_none(data):
    """Nor is more kept of it than packets have."""
    image = Image.new("RGB", (1, 1))
    packet.lay_out(image, io.BytesIO(data), is_in_view=True)
    assert packet.of(image) == b""


def test_a_packet_elsewhere_is_not_looked_for_in_a_jpeg(tmp_path):
    """What is appended to a photo is not its metadata."""
    data = (PHOTOS / "rocket.jpg").read_bytes() + PACKET % b"<dc:description>Not mine</>"
    assert prepared(written(tmp_path, data)).handwriting.caption == ""
