"""Which photos count as one picture."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest
from images_helpers import LIMITS
from PIL import Image, ImageEnhance

from captiond.akin import are_alike, are_one_burst, may_be_one_exposure, paired, seconds_apart
from captiond.images.prepare import prepare
from captiond.models import Facts

PHOTOS = Path(__file__).parent / "photos"
NAMES = ("china.jpg", "flower.jpg", "hopper.jpg", "rocket.jpg", "coffee.webp", "cat.png")


def facts_of(path: Path) -> Facts:
    """Return the facts of a file, as a decoder child tells them."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return prepare(fd, path.name, LIMITS).facts
    finally:
        os.close(fd)


def frame(second="00", *, camera="X100", likeness="00" * 8) -> Facts:
    taken_at = f"2024-05-01T10:00:{second}"
    return Facts(
        digest=second,
        format="JPEG",
        width=4,
        height=3,
        taken_at=taken_at,
        camera=camera,
        likeness=likeness,
    )


@pytest.mark.parametrize(
    ("name", "others", "mates"),
    [
        ("a.CR2", ["a.jpg", "b.jpg", "a.xmp.jpg"], ["a.jpg"]),
        ("A.JPG", ["a.cr2", "a.dng"], ["a.cr2", "a.dng"]),
        ("a.nef", ["a.tif", "a.heic", "a.jpg"], ["a.jpg"]),
        ("a.tif", ["a.nef", "a.jpg"], []),
        ("a.tif", ["a.nef"], ["a.nef"]),
        ("a.jpg", ["a.heic", "a.png"], []),
        ("a.cr2", ["a.dng"], []),
    ],
)
def test_pair_is_a_raw_file_and_the_camera_s_own_picture(name, others, mates):
    """By the stem in whatever case; what an editor made of it comes after that."""
    assert paired(name, [name, *others]) == mates


def test_two_seconds_are_one_exposure():
    """What is not known speaks against no pair; an offset counts where both tell one."""
    ten = "2024-05-01T10:00:00"
    assert seconds_apart(ten, "2024-05-01T10:00:03+02:00") == 3
    assert seconds_apart(f"{ten}+01:00", f"{ten}+02:00") == 3600
    assert seconds_apart(ten, "0000:00:00 nonsense") is None
    assert may_be_one_exposure(ten, None)
    assert may_be_one_exposure(ten, "2024-05-01T10:00:02")
    assert not may_be_one_exposure(ten, "2024-05-01T10:00:03")


def test_burst_is_one_camera_within_seconds_and_alike():
    """Each of the three is needed."""
    assert are_one_burst(frame("00"), frame("10"))
    assert not are_one_burst(frame("00"), frame("11"))
    assert not are_one_burst(frame(), frame(camera="X200"))
    assert not are_one_burst(frame(camera=None), frame(camera=None))
    assert not are_one_burst(frame(), frame(likeness="ff" * 8))
    assert not are_one_burst(frame(), replace(frame(), likeness=None))
    assert not are_one_burst(frame(), replace(frame(), taken_at=None))


def test_photos_of_different_things_are_not_alike():
    """No two of the collection are taken for frames of one scene."""
    seen = {name: facts_of(PHOTOS / name) for name in NAMES}
    for one, other in itertools.combinations(NAMES, 2):
        assert not are_alike(seen[one], seen[other]), (one, other)


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg", "rocket.jpg"])
def test_frames_of_a_hand_held_burst_are_alike(tmp_path, name):
    """A shake, another exposure and another compression; a pan by a fifth of the picture is not."""
    frames = {}
    with Image.open(PHOTOS / name) as photo:
        wide, tall = photo.size
        shaken = photo.crop((wide // 100, tall // 100, wide, tall))
        brighter = ImageEnhance.Brightness(photo).enhance(1.3)
        panned = photo.crop((wide // 5, 0, wide, tall))
        for number, image in enumerate((photo, shaken, brighter, panned)):
            path = tmp_path / f"{number}.jpg"
            image.save(path, "JPEG", quality=70)
            frames[number] = facts_of(path)
    assert are_alike(frames[0], frames[1])
    assert are_alike(frames[0], frames[2])
    assert not are_alike(frames[0], frames[3])


def test_pixels_tell_pictures_apart_and_metadata_do_not(tmp_path):
    """An edit of one pixel is another picture; the same one, compressed losslessly, is not."""
    with Image.open(PHOTOS / "cat.png") as photo:
        plain = photo.convert("RGB")
    plain.save(tmp_path / "a.png")
    plain.save(tmp_path / "b.png", compress_level=0, dpi=(300, 300))
    red, green, blue = plain.getpixel((5, 5))
    plain.putpixel((5, 5), ((red + 128) % 256, green, blue))
    plain.save(tmp_path / "c.png")
    first, same, other = (facts_of(tmp_path / f"{name}.png").pixels for name in "abc")
    assert first == same != other
