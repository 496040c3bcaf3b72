"""Photos made to measure."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from PIL import ExifTags, Image

from captiond.testing.photo_maker import distinct, make_jpeg, retouched, tiny_jpeg, with_exif


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
    image.load()
    return image


def test_a_photo_has_the_size_asked_for_and_can_be_made_again():
    """The same arguments give the same bytes, another seed another picture."""
    photo = make_jpeg(width=320, height=200, seed=1)
    assert opened(photo).size == (320, 200)
    assert photo == make_jpeg(width=320, height=200, seed=1)
    assert photo != make_jpeg(width=320, height=200, seed=2)


def test_noise_makes_photos_as_large_as_a_camera_s():
    """A photo of 1280 x 853 pixels has about 200 KB."""
    assert 150_000 < len(make_jpeg(width=1280, height=853)) < 250_000


def test_tiny_photos_are_distinct_by_the_thousand():
    """Each number gives another picture."""
    photos = [tiny_jpeg(number) for number in range(2000)]
    assert max(map(len, photos)) < 1000
    assert len({opened(photo).tobytes() for photo in photos}) == 2000


def test_a_picture_becomes_another_without_being_encoded_again():
    """Each number gives another one, of the same size in pixels and bytes."""
    photo = make_jpeg(width=64, height=64)
    others = [retouched(photo, number) for number in range(500)]
    assert {len(other) for other in others} == {len(photo)}
    assert len({opened(other).tobytes() for other in others}) == 500


def test_a_photo_becomes_distinct_without_being_encoded_again():
    """Only a comment is added."""
    photo = make_jpeg(width=64, height=64)
    assert len({distinct(photo, 1), distinct(photo, 2), photo}) == 3
    assert opened(distinct(photo, 1)).tobytes() == opened(photo).tobytes()


def test_metadata_is_written_as_a_camera_does():
    """Date, camera, place and orientation stand where EXIF has them."""
    photo = with_exif(
        tiny_jpeg(1),
        taken_at=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
        camera=("Canon", "EOS"),
        coordinates=(10.5, -20.25),
        orientation=6,
    )
    exif = opened(photo).getexif()
    assert (exif[ExifTags.Base.Model], exif[ExifTags.Base.Orientation]) == ("EOS", 6)
    details = exif.get_ifd(ExifTags.IFD.Exif)
    assert details[ExifTags.Base.DateTimeOriginal] == "2020:01:02 03:04:05"
    assert details[ExifTags.Base.OffsetTimeOriginal] == "+00:00"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert (gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLongitudeRef]) == ((10, 30, 0), "W")
