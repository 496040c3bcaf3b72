"""What a folder can hold that is no photo, or has no decent name: the real daemon on all of it."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from daemon_helpers import PHOTOS, Home, counters, gemini, wait_until

from captiond.disk.files import shown
from captiond.testing.photo_maker import tiny_jpeg

LINK = "not a plain file but a link, and links are not followed"
NAME = "the file name is not UTF-8; rename it to have it captioned"

REASONS = {
    b"zero.jpg": ("skipped", "empty file"),
    b"truncated.jpg": ("failed", "the JPEG is cut off"),
    b"page.png": ("skipped", "not an image: the file starts like HTML text"),
    b"zeros.jpg": ("skipped", "not an image: the file starts like an unwritten one, with zeros"),
    b"folder.jpg": ("skipped", "not a plain file but a directory"),
    b"pipe.jpg": ("skipped", "not a plain file but a pipe"),
    b"socket.jpg": ("skipped", "not a plain file but a socket"),
    b"photo-link.jpg": ("skipped", LINK),
    b"passwd.jpg": ("skipped", LINK),
    b"nowhere.jpg": ("skipped", LINK),
    b"folder-link.jpg": ("skipped", LINK),
    b"caf\xe9.jpg": ("skipped", NAME),
}
"""What cannot be captioned, with the state and the reason it ends in."""

GOOD = (
    b"folder.jpg/inside.jpg",
    b"new\nline.jpg",
    b"tab\tbell\a.jpg",
    b"escape\x1b[31m.jpg",
    "\U0001f99c parrot.jpg".encode(),
    "right-to-left \u202egpj.jpg".encode(),
    b"-rf.jpg",
    b"%s {0} $(id) '\"<b>.jpg",
    b" .JPG",
    b"jpeg-inside.png",
)
"""What can, whatever it is called."""

LONG = b"n" * 246 + b".jpg"
LONGEST = b"m" * 251 + b".jpg"


def make_good(photos: Path) -> None:
    """Write photos that differ in their bytes under every name that is to be captioned."""
    for number, name in enumerate((*GOOD, LONG, LONGEST)):
        path = photos / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(tiny_jpeg(number))


def make_bad(photos: Path, outside: Path) -> None:
    """Put everything that cannot be captioned into the folder; links lead to `outside`."""
    content = (PHOTOS / "rocket.jpg").read_bytes()
    (photos / "zero.jpg").touch()
    (photos / "truncated.jpg").write_bytes(content[:2000])
    (photos / "page.png").write_text("<!doctype html><title>no photo</title>")
    (photos / "zeros.jpg").write_bytes(bytes(1000))
    (photos / os.fsdecode(b"caf\xe9.jpg")).write_bytes(tiny_jpeg(100))
    os.mkfifo(photos / "pipe.jpg")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(photos / "socket.jpg"))
    outside.mkdir()
    (outside / "private.jpg").write_bytes(tiny_jpeg(101))
    (photos / "photo-link.jpg").symlink_to(outside / "private.jpg")
    (photos / "passwd.jpg").symlink_to("/etc/passwd")
    (photos / "nowhere.jpg").symlink_to("nowhere")
    (photos / "folder-link.jpg").symlink_to(outside)
    (photos / "folder-link").symlink_to(outside)


def outcomes(home: Home) -> dict[str, tuple[str, str | None]]:
    """Return state and reason of every row by its path beneath the watched folder."""
    found = home.rows("select path, state, reason from library")
    return {path.removeprefix(f"{home.photos}/"): (state, why) for path, state, why in found}


def expected() -> dict[str, tuple[str, str | None]]:
    """Return what `outcomes` is to be."""
    captioned: dict[bytes, tuple[str, str | None]] = dict.fromkeys(GOOD, ("captioned", None))
    notes = [f"no {kind} was written: its file name would be too long" for kind in ("xmp", "txt")]
    captioned[LONG] = ("captioned", None)  # ".xmp" and ".txt" just fit into 255 bytes
    captioned[LONGEST] = ("captioned", "; ".join(notes))
    return {shown(os.fsdecode(name)): row for name, row in {**captioned, **REASONS}.items()}


def test_whatever_lies_in_the_folder_ends_as_one_row_with_its_reason(tmp_path: Path) -> None:
    """The daemon lives on, captions what comes next, and stays within its folder."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path / "home", url, sidecars=("xmp", "txt"))
        with home.daemon() as daemon:
            make_good(home.photos)
            make_bad(home.photos, tmp_path / "outside")
            wait_until(lambda: outcomes(home) == expected(), what=repr(expected()))
            (home.photos / "next.jpg").write_bytes(tiny_jpeg(102))
            wait_until(lambda: outcomes(home).get("next.jpg") == ("captioned", None))
            assert daemon.poll() is None
        assert counters(url)["requests"] == len(GOOD) + 3
    log = home.log.read_text()
    assert "Traceback" not in log
    assert "photo.crashed" not in log
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["private.jpg"]
    assert_sidecars_beside_good_ones_only(home.photos)


def assert_sidecars_beside_good_ones_only(photos: Path) -> None:
    """Nothing is written but sidecars of the captioned photos, and no temporary file is left."""
    found = {
        os.fsencode((Path(folder) / name).relative_to(photos))
        for folder, _, names in os.walk(photos)
        for name in names
    }
    with_sidecars = {*GOOD, LONG, b"next.jpg"}
    sidecars = {name + kind for name in with_sidecars for kind in (b".xmp", b".txt")}
    untouched = {*REASONS, LONGEST} - {b"folder.jpg", b"folder-link.jpg"}
    assert found == with_sidecars | sidecars | untouched


def test_verbs_print_strange_names_without_harm(tmp_path: Path) -> None:
    """Names with line breaks and escapes never reach the terminal or the columns raw."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        (home.photos / "cut\n\x1b[31m.jpg").write_bytes(tiny_jpeg(1)[:200])
        (home.photos / "whole\n\x1b[31m.jpg").write_bytes(tiny_jpeg(2))
        home.run("scan", check=False)
        failed, found = home.run("failed"), home.run("search", "a")
    assert len(failed.stdout.splitlines()) == 1
    assert len(found.stdout.splitlines()) == 1
    assert "\x1b" not in failed.stdout + found.stdout
