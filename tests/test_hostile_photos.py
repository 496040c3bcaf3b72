"""Photos made to harm: each ends as a picture or as a sentence, and the daemon goes on."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import suppress

import pytest
from images_helpers import ROCKET, asked, corners, encoded, pooled, resident_bytes, written

from captiond.errors import NotAPhoto, PhotoError, Undecodable
from captiond.models import Prepared

MOST_BYTES_MORE = 100 << 20


async def outcome(pool, data: bytes, folder, name: str = "photo.jpg") -> Prepared | PhotoError:
    """Return what became of it; then see that the next photo is none the worse."""
    try:
        result: Prepared | PhotoError = await asked(pool, written(folder, data, name))
    except PhotoError as error:
        result = error
    assert (await asked(pool)).width == 640
    return result


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """Return a grey PNG whose pixels are `chunks`, or black."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((width + 1) * height), 9)
    middle = b"".join(chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), middle, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


async def test_a_png_that_is_within_the_limit_of_pixels_costs_the_child_alone(tmp_path):
    """Twenty-five megapixels in a few kilobytes: shown, while the daemon stays small."""
    data = png(5000, 5000)
    before = resident_bytes()
    assert len(data) < 50_000
    async with pooled() as pool:
        made = await outcome(pool, data, tmp_path)
        assert isinstance(made, Prepared)
        assert made.width == 1536
    assert resident_bytes() - before < MOST_BYTES_MORE


async def test_a_png_of_more_pixels_than_allowed_is_refused(tmp_path):
    """Told by its header, whatever the rest unpacks to."""
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0)
    data = png(1, 1).replace(png(1, 1)[8:33], chunk(b"IHDR", header))
    async with pooled() as pool:
        assert isinstance(await outcome(pool, data, tmp_path), Undecodable)


async def test_a_jpeg_of_a_thousand_scans_ends_in_time(tmp_path):
    """Each scan goes over all pixels again; the time limit ends it, or it is refused."""
    stored = corners(width=2000, height=2000)
    data = encoded(stored, "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    bomb = data[:start] + data[start:-2] * 2000 + b"\xff\xd9"
    async with pooled(decode_seconds=1) as pool:
        result = await outcome(pool, bomb, tmp_path)
    assert isinstance(result, Prepared | Undecodable)


async def test_a_sparse_file_of_twenty_gigabytes_is_judged_by_its_start(tmp_path):
    """Nothing but a hole is told at once; a hole behind a photo fails alone, or not at all."""
    hole, tail = tmp_path / "hole.jpg", written(tmp_path, ROCKET.read_bytes(), "tail.jpg")
    hole.touch()
    for path in (hole, tail):
        with path.open("r+b") as file:
            file.truncate(20 << 30)
    async with pooled(decode_seconds=5) as pool:
        with pytest.raises(NotAPhoto, match="zeros"):
            await asked(pool, hole)
        with suppress(Undecodable):
            assert (await asked(pool, tail)).width == 640
        assert (await asked(pool)).width == 640


@pytest.mark.parametrize("loops", [False, True])
async def test_a_tiff_of_very_many_directories_ends(tmp_path, loops):
    """Directory after directory, or a ring of them: the first page is all that is asked for."""
    data, at = bytearray(b"II*\0\x08\0\0\0"), 8
    for number in range(20_000):
        at += 2 + 12 + 4
        follows = 8 if loops and number == 19_999 else at
        data += struct.pack("<HHHIII", 1, 256, 4, 1, 1, follows)
    async with pooled(decode_seconds=5) as pool:
        assert isinstance(await outcome(pool, bytes(data), tmp_path, "a.tif"), PhotoError)


async def test_a_jpeg_with_metadata_of_fifty_megabytes_ends_in_time(tmp_path):
    """Eight hundred full segments of EXIF, which Pillow joins one by one: 45 s if it may."""
    content = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(65_000)
    before = resident_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    plain = encoded(corners(), "JPEG")
    async with pooled(decode_seconds=1) as pool:
        result = await outcome(pool, plain[:2] + segment * 800 + plain[2:], tmp_path)
        assert isinstance(result, Prepared | Undecodable)
        assert resident_bytes() - before < MOST_BYTES_MORE


@pytest.mark.parametrize("packed", [False, True])
async def test_a_png_with_a_text_of_many_megabytes_ends_in_time(tmp_path, packed):
    """As it stands, or packed and a hundred times over."""
    text = zlib.compress(bytes(20_000_000)) if packed else bytes(20_000_000)
    note = b"XML:com.adobe.xmp\0" + bytes([packed]) + b"\0\0\0" + text
    data = png(64, 48, *[chunk(b"iTXt", note)] * (100 if packed else 1))
    async with pooled(decode_seconds=1) as pool:
        result = await outcome(pool, data, tmp_path)
    assert isinstance(result, Prepared | Undecodable)


async def test_a_file_that_is_two_things_is_a_photo_and_nothing_else(tmp_path):
    """A JPEG that is an archive as well, a GIF that is a script: pixels are all that comes out."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("evil.sh", "rm -rf /")
    script = b"GIF89a/*\x01\0" + encoded(corners(), "GIF")[10:] + b"*/=1;alert(1)//"
    async with pooled() as pool:
        both = await outcome(pool, ROCKET.read_bytes() + archive.getvalue(), tmp_path)
        assert isinstance(both, Prepared)
        assert b"evil" not in both.data
        result = await outcome(pool, script, tmp_path, "a.gif")
        assert isinstance(result, Undecodable) or b"alert" not in result.data
