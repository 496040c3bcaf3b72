"""Makes photos that decode: of any size, by the thousand, with metadata."""

from __future__ import annotations

import io
import random
from datetime import datetime

from PIL import ExifTags, Image, ImageChops

_SOI = b"\xff\xd8"
_COMMENT, _EXIF = b"\xff\xfe", b"\xff\xe1"
_QUANTIZATION = b"\xff\xdb"
_TILE_PX = 512


def make_jpeg(
    *, width: int, height: int, seed: int = 0, noise: float = 0.07, quality: int = 85
) -> bytes:
    """Return a JPEG of soft colours under grain; the same arguments give the same picture.

    `noise` from 0 to 1 decides how many bytes a pixel takes: as a camera's at 0.07; 1280 x 853
    pixels are about 200 KB then, 6000 x 4000 about 4 MB.
    """
    rng = random.Random(seed)  # noqa: S311 pictures, no secrets
    soft = Image.frombytes("RGB", (8, 6), rng.randbytes(8 * 6 * 3))
    picture = soft.resize((width, height), Image.Resampling.BICUBIC)
    if noise:
        picture = ImageChops.add(picture, _grain((width, height), noise, rng), offset=-128)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def tiny_jpeg(number: int) -> bytes:
    """Return a JPEG of 16 x 16 pixels and some 700 bytes, another picture for each number."""
    return make_jpeg(width=16, height=16, seed=number, noise=0)


def distinct(jpeg: bytes, number: int) -> bytes:
    """Return the same picture in other bytes: the number stands in a comment."""
    return _with_segment(jpeg, _COMMENT, f"photo {number}".encode())


def retouched(jpeg: bytes, number: int) -> bytes:
    """Return another picture of the same size without encoding it: with other contrasts.

    `number` is less than 7 ** 6.
    """
    table = jpeg.index(_QUANTIZATION) + len(_QUANTIZATION) + 3  # its length and its number
    steps = bytearray(jpeg)
    for place in range(6):
        number, more = divmod(number, 7)
        steps[table + place] = min(steps[table + place] + more, 255)
    return bytes(steps)


def with_exif(
    jpeg: bytes,
    *,
    taken_at: datetime | None = None,
    camera: tuple[str, str] | None = None,
    coordinates: tuple[float, float] | None = None,
    orientation: int | None = None,
) -> bytes:
    """Return the JPEG with metadata as a camera writes it; the pixels stay untouched.

    `camera` is (make, model); `coordinates` are (latitude, longitude) in decimal degrees.
    """
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    if camera is not None:
        exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = camera
    if taken_at is not None:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        details[ExifTags.Base.DateTimeOriginal] = f"{taken_at:%Y:%m:%d %H:%M:%S}"
        if taken_at.tzinfo is not None:
            details[ExifTags.Base.OffsetTimeOriginal] = taken_at.isoformat()[-6:]
    if coordinates is not None:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(_gps(*coordinates))
    return _with_segment(jpeg, _EXIF, exif.tobytes())


def _grain(size: tuple[int, int], noise: float, rng: random.Random) -> Image.Image:
    """Return grey noise around 128, as one tile laid out again and again."""
    tile = Image.frombytes("L", (_TILE_PX, _TILE_PX), rng.randbytes(_TILE_PX * _TILE_PX))
    tile = tile.point([round(128 + (value - 128) * noise) for value in range(256)])
    grain = Image.new("L", size)
    for left in range(0, size[0], _TILE_PX):
        for top in range(0, size[1], _TILE_PX):
            grain.paste(tile, (left, top))
    return Image.merge("RGB", (grain, grain, grain))


def _gps(latitude: float, longitude: float) -> dict[int, object]:
    return {
        ExifTags.GPS.GPSLatitudeRef: "N" if latitude >= 0 else "S",
        ExifTags.GPS.GPSLatitude: _sexagesimal(abs(latitude)),
        ExifTags.GPS.GPSLongitudeRef: "E" if longitude >= 0 else "W",
        ExifTags.GPS.GPSLongitude: _sexagesimal(abs(longitude)),
    }


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    minutes, seconds = divmod(round(degrees * 3600, 3), 60)
    return (minutes // 60, minutes % 60, seconds)


def _with_segment(jpeg: bytes, marker: bytes, content: bytes) -> bytes:
    if not jpeg.startswith(_SOI):
        raise ValueError("not a JPEG")
    return b"".join((_SOI, marker, (len(content) + 2).to_bytes(2, "big"), content, jpeg[2:]))
