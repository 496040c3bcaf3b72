"""Changes of what lies beside photos: by event, by scan, and what captiond itself writes there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from daemon_helpers import Home, counters, gemini
from intake_helpers import Recorder, attending, intake, watched_folder, write_photo

from captiond.intake.attend import attend, scan_once
from captiond.intake.events import sort_events
from captiond.intake.look import look
from captiond.intake.nearby import base_of
from captiond.intake.settle import Settling
from captiond.models import Lane, Photo, Signature, State
from captiond.testing.memory_index import MemoryIndex

PHOTO = Photo("/photos", "a.jpg")


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("a.jpg.xmp", "a.jpg"),
        ("a.XMP", "a"),
        ("a.jpg.caption.json", "a.jpg"),
        ("a.jpg.json", None),
        ("a.jpg", None),
        (".xmp", None),
        (".captiond-0123456789abcdef.tmp", None),
    ],
)
def test_a_sidecar_is_told_by_its_name(name: str, base: str | None):
    """Takeout's JSON, a temporary file and a photo are no sidecars."""
    assert base_of(name) == base


def test_sidecars_stand_for_their_photos(tmp_path: Path):
    """By an event of a full name the photo is known, by one of a stem the index has to be asked."""
    names = ["x/a.jpg.xmp", "x/b.txt", "x/.nomedia.txt", "c.jpg.part", "d.jpg"]
    batch = sort_events(dict.fromkeys(names, False), watched_folder(tmp_path))
    assert sorted(batch.photos) == ["d.jpg", "x/a.jpg"]
    assert batch.stems == {"x/b", "x/.nomedia"}


def test_a_sidecar_that_is_written_to_starts_the_time_anew():
    """A photo has settled once neither it nor what lies beside it changed for the settle time."""
    settling, seen = Settling(2.0), Signature(1, 1, 1, 1)
    assert settling.look(PHOTO, seen, lane=Lane.ARRIVAL, now=0.0, beside="") is None
    assert settling.look(PHOTO, seen, lane=Lane.ARRIVAL, now=2.0, beside="b1") is None
    settled = settling.look(PHOTO, seen, lane=Lane.ARRIVAL, now=4.0, beside="b1")
    assert settled is not None
    assert (settled.seen, settled.beside) == (seen, "b1")


@pytest.mark.parametrize("others", [0, 1000])
def test_what_lies_beside_a_photo_is_the_same_in_company(tmp_path: Path, others: int):
    """Looked at alone, and with all of its folder: listed, or with too much else in it for that."""
    names = [f"{number}.jpg" for number in range(8)]
    beside = ["0.jpg.xmp", "1.XMP", "2.txt", "2.jpg.TXT", "3.jpg.caption.json", "4.jpg.json"]
    for name in [*names, *beside, *(f"other{number}" for number in range(others))]:
        (tmp_path / name).write_text(name)
    (tmp_path / "5.xmp").mkdir()
    (tmp_path / "6.txt").symlink_to("2.txt")
    together = [(seen, lies) for seen, lies, _ in look(str(tmp_path), "", names)]
    alone = [look(str(tmp_path), "", [name])[0][:2] for name in names]
    assert together == alone
    assert [lies != "" for _, lies in alone] == [True] * 4 + [False] * 4


async def test_every_change_beside_a_photo_is_offered(tmp_path: Path):
    """A sidecar that comes, changes, is replaced, moves or goes, by either name."""
    index, jpg = Recorder(), write_photo(tmp_path / "x" / "a.jpg")
    write_photo(tmp_path / "x" / "b.jpg")
    async with attending(index, watched_folder(tmp_path)):
        await index.until(lambda: len(index.rows) == 2)

        async def is_noticed() -> None:
            before = len(index.offered)
            await index.until(lambda: len(index.offered) > before)
            assert {one.photo.name for _, one in index.offered[before:]} == {"a.jpg"}
            shown.append(index.offered[-1][1].beside)

        shown: list[str | None] = []
        sidecar = jpg.with_name("a.jpg.xmp")
        sidecar.write_text("one")
        await is_noticed()
        sidecar.write_text("twice as long")
        await is_noticed()
        write_photo(tmp_path / "x" / ".new", b"another").rename(sidecar)
        await is_noticed()
        sidecar.rename(jpg.with_name("a.xmp"))
        await is_noticed()
        jpg.with_name("a.xmp").unlink()
        await is_noticed()
        assert len(set(shown)) == 5


async def test_a_scan_compares_what_lies_beside_photos(tmp_path: Path):
    """A folder whose sidecars changed while captiond was away gives those photos, and no others."""
    index = Recorder()
    for name in ("x/a.jpg", "x/b.jpg", "x/b.jpg.txt", "y/c.jpg"):
        write_photo(tmp_path / name)
    (tmp_path / "y" / "c.xmp").mkdir()
    for _ in range(2):
        await scan_once(intake(index, watched_folder(tmp_path)))
    index.offered.clear()
    await scan_once(intake(index, watched_folder(tmp_path)))
    assert index.offered == []
    write_photo(tmp_path / "x" / "b.jpg.txt", b"edited")
    write_photo(tmp_path / "y" / "notes.txt", b"of no photo")
    await scan_once(intake(index, watched_folder(tmp_path)))
    assert [one.photo.path for _, one in index.offered] == ["x/b.jpg"]


async def test_what_is_known_is_no_find(tmp_path: Path):
    """Events of a photo that the index knows as it is, as captiond's sidecars give, find none."""
    index, photo = Recorder(), write_photo(tmp_path / "a.jpg")
    async with anyio.create_task_group() as tasks:
        await tasks.start(attend, here := intake(index, watched_folder(tmp_path)))
        await index.until(lambda: len(index.offered) == 1)
        photo.open("ab").close()
        await index.until(lambda: len(index.offered) == 2)
        write_photo(tmp_path / "b.jpg")
        await index.until(lambda: here.tally.due == 2)
        tasks.cancel_scope.cancel()
    assert (here.tally.found_by_event, here.tally.found_by_scan) == (1, 1)


async def test_an_index_of_an_older_captiond_learns(tmp_path: Path):
    """What lies beside photos is taken as read, but for what was edited since it was written."""
    index, watched = MemoryIndex(), watched_folder(tmp_path)
    for name in ("a.jpg", "a.jpg.txt", "b.jpg", "b.jpg.txt", "c.jpg"):
        write_photo(tmp_path / name)
    os.utime(tmp_path / "a.jpg.txt", (100, 100))
    await scan_once(intake(index, watched))
    for row in index.rows.values():
        row.state, row.captioned_at, row.beside = State.CAPTIONED, 100.0, None
    await scan_once(intake(index, watched))
    due = await index.claim(owner="box", limit=9, now=2e9)
    assert [(one.photo.path, one.unasked) for one in due] == [("b.jpg", True)]
    assert None not in {row.beside for row in index.rows.values()}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with gemini("--answer", "fixed") as url:
        yield Home(tmp_path, url)


def captioned(home: Home, name: str) -> int:
    """Return how often a photo was captioned."""
    lines = home.log.read_text().splitlines()
    return sum(f"/{name}" in line and '"photo.captioned"' in line for line in lines)


def test_what_captiond_writes_is_no_news(home: Home) -> None:
    """Its own sidecars queue nothing: neither by their events nor by the scan of the next start."""
    home.drop("rocket.jpg", "china.jpg")
    done = {"rocket.jpg": "captioned", "china.jpg": "captioned"}
    with home.daemon():
        home.wait_for(done)
        home.drop("coffee.webp")  # by the time it is done, what was told before has settled
        home.wait_for(done | {"coffee.webp": "captioned"})
    with home.daemon():
        home.drop("cat.png")
        home.wait_for(done | {"coffee.webp": "captioned", "cat.png": "captioned"})
    assert [captioned(home, name) for name in (*done, "coffee.webp", "cat.png")] == [1] * 4
    assert counters(home.url)["requests"] == 4
