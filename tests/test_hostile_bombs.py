"""Bombs of every kind, lies and two-faced files, all at once before the real daemon."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bomb_helpers import (
    GIGABYTE,
    gif_of,
    gif_of_frames,
    heic_of,
    heic_of_frames,
    jpeg_of,
    sparse,
    tiff_of,
    webp_of,
    write_with_metadata,
)
from daemon_helpers import Home, gemini, wait_until
from images_helpers import PHOTOS, ROCKET
from test_hostile_corpora import MOST_KB_OF_THE_DAEMON, status_kb

JPEG = ROCKET.read_bytes()
PNG = (PHOTOS / "cat.png").read_bytes()
ELF = b"\x7fELF\2\1\1" + bytes(200)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
HUGE = r"too large: \d+ x \d+ pixels are \d+ megapixels, over images\.max_megapixels = 250"
BEYOND = r"too large: 20\.0 GiB, and no photo has more than 4"
UNREADABLE = f"{HUGE}|the \\w+ is .*|decoding the .*"
SLOW = "|not decoded within images.decode_seconds = 5"
CRASHED = r"|the decoder crashed on it \(SIG[A-Z]+\), or it needs more memory than .* = 512"
LADEN = f"captioned|the JPEG .*|decoding the .*{CRASHED}{SLOW}"

LARGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "hole.jpg": (lambda path: sparse(path, 20 * GIGABYTE), BEYOND),
    "ends.jpg": (
        lambda path: sparse(path, 20 * GIGABYTE, head=JPEG[:20_000], tail=JPEG[20_000:]),
        BEYOND,
    ),
    "zeros.jpg": (
        lambda path: sparse(path, 4 * GIGABYTE),
        "not an image: the file starts like an unwritten one, with zeros",
    ),
    "exif.jpg": (
        lambda path: write_with_metadata(path, 0xE1, b"Exif\0\0II*\0", megabytes=200),
        LADEN,
    ),
    "xmp.jpg": (
        lambda path: write_with_metadata(
            path, 0xE1, b"http://ns.adobe.com/xap/1.0/\0", megabytes=200
        ),
        LADEN,
    ),
    "profile.jpg": (
        lambda path: write_with_metadata(path, 0xE2, b"ICC_PROFILE\0\1\1", megabytes=200),
        LADEN,
    ),
}


def files() -> dict[str, tuple[bytes, str]]:
    """Return what lies in the folder, and what is said of it in the end."""
    return {
        "wide.jpg": (jpeg_of(65_500, 65_500), HUGE),
        "wide.gif": (gif_of(65_535, 65_535), HUGE),
        "wide.webp": (webp_of(16_383, 16_383), UNREADABLE),
        "wide.tif": (tiff_of(1_000_000, 1_000_000), HUGE),
        "wide.heic": (heic_of(60_000, 60_000), UNREADABLE),
        "frames.gif": (gif_of_frames(300_000), "captioned" + SLOW),
        "frames.heic": (heic_of_frames(100), "captioned"),
        "archive.jpg": (JPEG + b"PK\3\4" + bytes(500), "captioned"),
        "page.jpg": (JPEG + b"<html><script>alert(1)</script>", "captioned"),
        "program.png": (PNG + ELF, "captioned"),
        "document.jpg": (b"%PDF-1.7\n" + JPEG, "not an image: the file starts like a PDF document"),
        "drawing.jpg": (SVG, "not an image: the file starts like an SVG drawing"),
        "shell.jpg": (b"#!/bin/sh\nexit 0\n", "not an image: the file starts like no image .*"),
        "good.jpg": (JPEG[:-2] + b"\xff\xfe\0\4ok\xff\xd9", "captioned"),
    }


@pytest.mark.slow  # 600 MB of metadata are hashed and looked through
def test_bombs_end_with_a_sentence_and_the_daemon_stays_small(tmp_path: Path) -> None:
    """No crash, no hang, and none of it is captioned that is not a picture."""
    with gemini("--answer", "offline") as url:
        limits = "[images]\ndecode_seconds = 5\ndecode_megabytes = 512"
        home = Home(tmp_path, url, sidecars=("txt",), extra=limits)
        small = files()
        for name, (data, _) in small.items():
            (home.photos / name).write_bytes(data)
        for name, (write, _) in LARGE.items():
            write(home.photos / name)
        final = "select count(*) from library where state in ('captioned', 'failed', 'skipped')"
        with home.daemon() as daemon:
            count = len(small) + len(LARGE)
            wait_until(lambda: home.rows(final) == [(count,)], seconds=120, what="the end")
            peak = status_kb(daemon.pid, "VmHWM")
    for name in LARGE:
        (home.photos / name).unlink()
    told = {
        Path(path).name: state if state == "captioned" else reason
        for path, state, reason in home.rows("select path, state, reason from library")
    }
    expected = {name: pattern for name, (_, pattern) in {**small, **LARGE}.items()}
    wrong = {n: said for n, said in told.items() if not re.fullmatch(expected[n], said)}
    assert wrong == {}
    assert '"photo.crashed"' not in home.log.read_text()
    assert peak < MOST_KB_OF_THE_DAEMON


@pytest.mark.parametrize("ends", [b"", JPEG[:20_000]])
def test_a_sparse_file_of_twenty_gigabytes_is_refused_before_it_is_read(tmp_path, ends):
    """Its size is enough: reading it would take more than a minute, for nothing."""
    path = tmp_path / "photos" / "a.jpg"
    home = Home(tmp_path, "http://127.0.0.1:9")
    sparse(path, 20 * GIGABYTE, head=ends, tail=ends)
    started = time.monotonic()
    done = home.run("caption", str(path), check=False)
    path.unlink()
    assert done.returncode == 1
    assert re.search(BEYOND, done.stderr)
    assert time.monotonic() - started < 20  # 76 s, were it hashed first
