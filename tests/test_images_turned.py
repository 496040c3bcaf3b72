"""Pictures that their container turns, whatever EXIF says beside it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from images_helpers import corners, encoded, prepared, shown_corners, written
from PIL import Image

from captiond.images.prepare import arm

UPRIGHT = ((120, 80), ["red", "green", "blue", "white"])
UNDO = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose


@pytest.fixture(scope="module", autouse=True)
def _armed():
    arm()


def shown(path: Path) -> tuple[tuple[int, int], list[str]]:
    made = prepared(path)
    return (made.facts.width, made.facts.height), shown_corners(made)


def held(orientation: int) -> Image.Image:
    """Return the corners as a camera held so has them."""
    turn = UNDO[orientation]
    return corners() if turn is None else corners().transpose(Image.Transpose(turn))


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


@pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not here; .ci/run installs it"
)
@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
@pytest.mark.parametrize(("turn", "told"), [(1, 6), (3, 3), (5, 1), (6, 1), (6, 6), (8, 3)])
def test_the_box_that_turns_a_picture_counts(tmp_path, form, turn, told):
    """`irot` and `imir` do, once; EXIF says the same in a phone's file, and may say anything."""
    data = encoded(held(turn), form, exif=exif(turn))  # the encoders make boxes of it
    path = written(tmp_path, data, f"photo.{form.lower()}")
    tag = ["exiftool", "-q", "-overwrite_original", "-n", f"-Orientation={told}", path]
    subprocess.run(tag, check=True)
    assert shown(path) == UPRIGHT


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_xl_is_turned_once(tmp_path, orientation):
    """By the codestream, as the format has it: EXIF in a box beside it turns nothing more."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(held(orientation), "JPEG", quality=95, exif=exif(orientation)))
    with Image.open(path) as jpeg:
        jpeg.save(tmp_path / "whole.jxl", lossless_jpeg=True)
    assert shown(tmp_path / "whole.jxl") == UPRIGHT
    boxes = list(_boxes((tmp_path / "whole.jxl").read_bytes()))
    assert b"jbrd" in dict(boxes)  # with it the very JPEG is made again, EXIF and all
    plain = b"".join(box for kind, box in boxes if kind not in {b"jbrd", b"brob"})
    for told in (orientation, 6):
        told_exif = _box(b"Exif", bytes(4) + exif(told).removeprefix(b"Exif\0\0"))
        path = written(tmp_path, plain + told_exif, "pixels.jxl")
        assert shown(path) == UPRIGHT


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        size = int.from_bytes(data[:4], "big") or len(data)
        yield data[4:8], data[:size]
        data = data[size:]


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body
