"""The images that leave the machine, as the loopback server received them: pixels, nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from images_helpers import PHOTOS, corners, encoded, segments
from photoshop_helpers import psd
from PIL import Image, PngImagePlugin
from raw_helpers import make_dng

from captiond.settings import (
    CaptionerSettings,
    FolderSettings,
    GeminiSettings,
    IndexSettings,
    Settings,
    WatchSettings,
)
from captiond.testing.gemini_server import GeminiServer
from captiond.verbs.onepass import scan

SECRET = b"KILROY"
MADE = {  # what Pillow makes, beside the photos that lie in tests/photos
    "stereo.mpo": ("MPO", {"save_all": True, "append_images": [Image.new("RGB", (120, 80))]}),
    "plain.jp2": ("JPEG2000", {}),
    "palette.gif": ("GIF", {"comment": SECRET}),
    "page.tif": ("TIFF", {}),
    "picture.webp": ("WEBP", {"lossless": True}),
    "profile.jpg": ("JPEG", {"icc_profile": SECRET * 20}),
}
REAL = (
    "rocket.jpg",
    "gps.jpg",
    "cat.png",
    "coffee.webp",
    "astronaut.heic",
    "rocket.avif",
    "cat.jxl",
    "PXL_20240101_120000000.MP.jpg",
    "small.bmp",
    "DSC_0042.DNG",
    "cmyk.jpg",
)
PLAIN = {0xE0, 0xDB, 0xC0, 0xC2, 0xC4, 0xDA}
"""JFIF, tables, the frame, the scan: no EXIF, XMP, IPTC, ICC, comment."""


def laid_out(folder: Path) -> int:
    """Lay out photos of every format with a secret wherever metadata fit; return how many."""
    folder.mkdir()
    for name in REAL:
        shutil.copy(PHOTOS / name, folder / name)
    for number, (name, (form, options)) in enumerate(MADE.items()):
        picture = corners(width=120 + 8 * number)
        (folder / name).write_bytes(encoded(picture, form, **options))
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", SECRET.decode())
    (folder / "texts.png").write_bytes(encoded(corners(width=200), "PNG", pnginfo=texts))
    (folder / "deep.psd").write_bytes(psd(corners(width=240), bits=16))
    (folder / "developed.dng").write_bytes(make_dng(corners(width=160)))
    tags = [
        "-Artist=KILROY",
        "-GPSLatitude=59.9",
        "-GPSLatitudeRef=N",
        "-XMP-dc:Creator=KILROY",
        "-XMP-dc:Rights=KILROY",
        "-IPTC:By-line=KILROY",
        "-Comment=KILROY",
    ]
    files = [path for path in folder.iterdir() if path.suffix != ".bmp"]
    subprocess.run(
        ["exiftool", "-q", "-q", "-m", "-overwrite_original", *tags, *files], check=False
    )
    for name in ("rocket.jpg", "cmyk.jpg"):  # as phones append a film
        with (folder / name).open("ab") as file:
            file.write(b"....ftypmp42" + SECRET)
    holding = sum(SECRET in path.read_bytes() for path in folder.iterdir())
    assert holding >= 18
    return len(list(folder.iterdir()))


@pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not here; .ci/run installs it"
)
async def test_what_is_sent_of_a_photo_is_its_pixels(tmp_path):
    """No EXIF, place, XMP, IPTC, comment, profile, second picture or film goes out."""
    count = laid_out(tmp_path / "photos")
    (tmp_path / "key").write_text("a-key")
    async with GeminiServer(keep=99) as server:
        ended = await scan(_settings(tmp_path, server), lambda _: None)
        assert (ended.captioned, ended.set_aside) == (count, 0)
        received = [request.image for request in server.received]
    assert len(received) == count
    for data in received:
        assert SECRET not in data
        assert set(segments(data)) <= PLAIN
        assert data.index(b"\xff\xd9") == len(data) - 2


def _settings(tmp_path: Path, server: GeminiServer) -> Settings:
    return Settings(
        index=IndexSettings(path=str(tmp_path / "index.db")),
        captioner=CaptionerSettings(context=False),
        gemini=GeminiSettings(base_url=server.base_url, api_key_file=str(tmp_path / "key")),
        watch=WatchSettings(settle_seconds=0.1),
        folders=[FolderSettings(path=str(tmp_path / "photos"), sidecars=[])],
    )
