"""Photos that are renamed, moved and copied while the daemon runs or is away."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_helpers import PHOTOS, Home, counters, gemini, wait_until

KINDS = (".xmp", ".txt", ".caption.json")
RESIDENT = "other/gps.jpg"
OTHER_ROOT = """
[[folders]]
path = "other"
sidecars = ["xmp", "txt", "json"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    (tmp_path / "other").mkdir()
    shutil.copyfile(PHOTOS / "gps.jpg", tmp_path / "other" / "gps.jpg")  # an empty disk is none
    with gemini("--answer", "fixed") as url:
        yield Home(tmp_path, url, extra=OTHER_ROOT)


def lying(home: Home) -> set[str]:
    """Return every file in both roots, by its path beneath the home."""
    roots = (home.photos, home.path / "other")
    files = (path for root in roots for path in root.rglob("*") if path.is_file())
    return {path.relative_to(home.path).as_posix() for path in files}


def states(home: Home) -> set[str]:
    return {state for (state,) in home.rows("select state from library")}


def with_sidecars(*photos: str) -> set[str]:
    return {f"{photo}{ending}" for photo in photos for ending in ("", *KINDS)}


def wait_for_files(home: Home, *photos: str, more: set[str] = frozenset()) -> None:
    """Wait until exactly these photos lie there, each with all its sidecars, and nothing else."""
    wanted = with_sidecars(*photos) | more
    try:
        wait_until(lambda: lying(home) == wanted, seconds=60)
    except AssertionError:
        assert lying(home) == wanted, home.log.read_text()[-3000:]


def place(home: Home, name: str) -> None:
    """Put a photo of the collection into a folder beneath the root."""
    (home.photos / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PHOTOS / Path(name).name, home.photos / name)


def move(home: Home, old: str, new: str, *, along: bool) -> None:
    """Move a photo, its sidecars along with it or not."""
    (home.path / new).parent.mkdir(parents=True, exist_ok=True)
    for ending in ("", *KINDS) if along else ("",):
        (home.path / f"{old}{ending}").rename(home.path / f"{new}{ending}")


def test_sidecars_follow_for_free(home: Home) -> None:
    """Renamed, moved to a folder, with a folder, to another root and back, copied: no request."""
    before = ["a/rocket.jpg", "a/hopper.jpg", "b/china.jpg", "cat.png", "coffee.webp"]
    for name in before:
        place(home, name)
    with home.daemon():
        wait_for_files(home, RESIDENT, *(f"photos/{name}" for name in before))
        asked = counters(home.url)["requests"]
        move(home, "photos/a/rocket.jpg", "photos/a/rakete.jpg", along=True)
        move(home, "photos/a/hopper.jpg", "photos/d/hopper.jpg", along=False)
        (home.photos / "c").mkdir()
        (home.photos / "b").rename(home.photos / "c" / "b")
        move(home, "photos/cat.png", "other/cat.png", along=False)
        shutil.copy(home.photos / "coffee.webp", home.path / "other" / "copy.webp")
        kept = [RESIDENT, "photos/a/rakete.jpg", "photos/d/hopper.jpg", "photos/c/b/china.jpg"]
        copies = ["photos/coffee.webp", "other/copy.webp"]
        wait_for_files(home, *kept, "other/cat.png", *copies)
        move(home, "other/cat.png", "photos/cat.png", along=False)
        wait_for_files(home, *kept, "photos/cat.png", *copies)
        assert counters(home.url)["requests"] == asked == 6
    told = json.loads((home.photos / "a" / "rakete.jpg.caption.json").read_text())
    assert told["file"] == "rakete.jpg"


def test_what_people_touched_stays_at_the_old_place(home: Home) -> None:
    """A pass leaves what a person edited since, and all that is not captiond's; the rest goes."""
    home.drop("rocket.jpg", "china.jpg", "hopper.jpg")
    home.run("scan")
    (home.photos / "rocket.jpg.txt").write_text("Our rocket, 1969\n")
    (home.photos / "rocket.jpg.json").write_text('{"photoTakenTime": {}}')
    move(home, "photos/rocket.jpg", "photos/new/rocket.jpg", along=False)
    move(home, "photos/china.jpg", "other/china.jpg", along=False)
    told = home.run("scan").stderr
    touched = {"photos/rocket.jpg.txt", "photos/rocket.jpg.json"}
    here = [RESIDENT, "photos/hopper.jpg", "photos/new/rocket.jpg", "other/china.jpg"]
    assert lying(home) == with_sidecars(*here) | touched
    assert (home.photos / "rocket.jpg.txt").read_text() == "Our rocket, 1969\n"
    assert counters(home.url)["requests"] == 4
    (line,) = [json.loads(line) for line in told.splitlines() if "sidecars.removed" in line]
    assert line["count"] == 5


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_folder_of_many_photos_is_renamed(home: Home, count: int) -> None:
    """All sidecars are at the new place, none at the old one, a person's file is where it went."""
    tiny = (PHOTOS / "orient3.jpg").read_bytes()
    names = [f"{number // 20:02}/{number:04}.jpg" for number in range(count)]
    for name in names:
        (home.photos / "trip" / name).parent.mkdir(parents=True, exist_ok=True)
        (home.photos / "trip" / name).write_bytes(tiny + name.encode())
    (home.photos / "trip" / "00" / "notes.txt").write_text("day one")
    with home.daemon():
        notes = {"photos/trip/00/notes.txt"}
        wait_for_files(home, RESIDENT, *(f"photos/trip/{name}" for name in names), more=notes)
        asked = counters(home.url)["requests"]
        (home.photos / "trip").rename(home.photos / "journey")
        notes = {"photos/journey/00/notes.txt"}
        wait_for_files(home, RESIDENT, *(f"photos/journey/{name}" for name in names), more=notes)
        assert counters(home.url)["requests"] == asked


def test_a_photo_that_is_edited_is_captioned_anew_once(home: Home) -> None:
    """Three saves within the settle time, or one by a new file in its place: one request each."""
    rocket = home.photos / "rocket.jpg"
    home.drop("rocket.jpg", "china.jpg")
    with home.daemon():
        wait_for_files(home, RESIDENT, "photos/rocket.jpg", "photos/china.jpg")
        for name in ("coffee.webp", "cat.png", "flower.jpg"):
            rocket.write_bytes((PHOTOS / name).read_bytes())
        wait_until(lambda: digest_told(rocket) == digest_of(rocket))
        assert counters(home.url)["requests"] == 4
        shutil.copyfile(PHOTOS / "hopper.jpg", home.photos / ".saving")
        (home.photos / ".saving").rename(rocket)
        wait_until(lambda: digest_told(rocket) == digest_of(rocket))
        wait_until(lambda: states(home) == {"captioned"})
        assert counters(home.url)["requests"] == 5
    assert lying(home) == with_sidecars(RESIDENT, "photos/rocket.jpg", "photos/china.jpg")


def digest_of(photo: Path) -> str:
    return hashlib.sha256(photo.read_bytes()).hexdigest()


def digest_told(photo: Path) -> str:
    """Return which content the photo's JSON sidecar speaks of."""
    told: str = json.loads((photo.parent / f"{photo.name}.caption.json").read_text())["digest"]
    return told
