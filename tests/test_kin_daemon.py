"""Photos that share a caption, as the whole daemon does it; requests are counted by content."""

from __future__ import annotations

import functools
import io
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import pytest
from batch_helpers import batch_home, captioned, in_house, jobs, last_job, until
from daemon_helpers import PHOTOS, Home, wait_until
from kill_helpers import answer_by_image, killed, make_photo, states_count
from PIL import Image
from tags_helpers import exiftool

from captiond.testing.gemini_server import GeminiServer
from captiond.testing.photo_maker import distinct, make_jpeg, with_exif

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")

EDITS = ("-Keywords=harbour", "-XMP-dc:Subject=harbour", "-XMP-xmp:Rating=4", "-Artist=Somebody")


async def attend(work, *arguments) -> None:
    await anyio.to_thread.run_sync(functools.partial(work, *arguments))


def captions(home: Home) -> dict[str, str]:
    return dict(home.rows("select name, caption from library"))


@needs_exiftool
async def test_metadata_written_by_another_program_is_no_new_photo(tmp_path: Path) -> None:
    """In place, in four formats: no request, one row, sidecars of the new bytes, keywords found."""
    names = ("hopper.jpg", "cat.png", "astronaut.heic", "pages.tif")

    def edit(home: Home) -> None:
        home.drop(*names)
        with home.daemon():
            home.wait_for(dict.fromkeys(names, "captioned"))
            before = dict(home.rows("select name, digest from library"))
            asked = sum(server.contents.values())
            exiftool(*EDITS, *(home.photos / name for name in names))
            wait_until(lambda: changed(home, before) == set(names))
            assert sum(server.contents.values()) == asked == 4
            with Image.open(home.photos / "hopper.jpg") as image:
                image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(home.photos / "hopper.jpg")
            wait_until(lambda: sum(server.contents.values()) == 5)
            wait_until(lambda: states_count(home, "captioned") == 4)
        assert sorted(server.contents.values()) == [1] * 5

    async with GeminiServer(answer=answer_by_image) as server:
        home = Home(tmp_path, server.base_url)
        await attend(edit, home)
    assert home.rows("select count(*) from photos") == [(4,)]
    for name in names:
        document = json.loads((home.photos / f"{name}.caption.json").read_text())
        ((digest, caption),) = home.rows("select digest, caption from library where name = ?", name)
        assert (document["digest"], document["caption"]) == (digest, caption)
    assert len(home.rows("select 1 from photos_fts where photos_fts match 'harbour'")) == 3
    assert home.rows("select count(*) from library where cost_usd > 0") == [(1,)]


def changed(home: Home, before: dict[str, str]) -> set[str]:
    """Return which photos are captioned with other bytes than before."""
    found = home.rows("select name, digest from library where state = 'captioned'")
    return {name for name, digest in found if digest != before[name]}


async def test_same_pixels_that_arrive_together_are_asked_about_once(tmp_path: Path) -> None:
    """Also after a copy went through a program that took its metadata out."""

    def drop(home: Home) -> None:
        with home.daemon():
            for number in range(3):
                (home.photos / f"{number}.jpg").write_bytes(distinct(picture, number))
            wait_until(lambda: states_count(home, "captioned") == 3)

    picture = make_jpeg(width=400, height=300)
    async with GeminiServer(answer=answer_by_image, latency_seconds=0.5) as server:
        home = Home(tmp_path, server.base_url)
        await attend(drop, home)
        assert server.counters.requests == 1
    assert len(set(captions(home).values())) == 1
    shown = json.loads(home.run("show", str(home.photos / "0.jpg"), "--json").stdout)
    others = [
        json.loads(home.run("show", str(home.photos / f"{number}.jpg"), "--json").stdout)
        for number in range(1, 3)
    ]
    lenders = {one["taken_from"] for one in (shown, *others)}
    assert len(lenders - {None}) == 1
    assert sum(one["cost_usd"] or 0 for one in (shown, *others)) == pytest.approx(
        home.rows("select sum(cost_usd) from requests")[0][0]
    )


@pytest.mark.parametrize("first", ["DSC_0042.DNG", "DSC_0042.JPG", None])
async def test_pair_of_raw_and_jpeg_is_asked_about_once(tmp_path: Path, first) -> None:
    """Dropped together or one after the other: one caption, beside both photos."""
    names = ["DSC_0042.DNG", "DSC_0042.JPG"]

    def drop(home: Home) -> None:
        with home.daemon():
            if first is not None:
                home.drop(first)
                home.wait_for({first: "captioned"})
            home.drop(*(name for name in names if name != first))
            home.wait_for(dict.fromkeys(names, "captioned"))

    async with GeminiServer(answer=answer_by_image) as server:
        home = Home(tmp_path, server.base_url)
        await attend(drop, home)
        assert server.counters.requests == 1
    (caption,) = set(captions(home).values())
    for name in names:
        assert (home.photos / f"{name}.txt").read_text().strip() == caption
        assert caption in (home.photos / f"{name}.xmp").read_text()


async def test_live_photo_is_one_photo(tmp_path: Path) -> None:
    """The film beside it is none: nothing is written for it, under either way to name sidecars."""

    def drop(home: Home) -> None:
        home.drop("IMG_0001.HEIC", "IMG_0001.MOV")
        with home.daemon():
            home.wait_for({"IMG_0001.HEIC": "captioned"})

    async with GeminiServer(answer=answer_by_image) as server:
        for names, base in (("full", "IMG_0001.HEIC"), ("stem", "IMG_0001")):
            home = Home(tmp_path / names, server.base_url, sidecars=("txt",))
            with (home.path / "config.toml").open("a") as config:
                config.write(f'sidecar_names = "{names}"\n')
            await attend(drop, home)
            found = sorted(path.name for path in home.photos.iterdir())
            assert found == sorted({"IMG_0001.HEIC", "IMG_0001.MOV", f"{base}.txt"})


async def test_kin_that_come_among_kills_are_asked_about_once(tmp_path: Path) -> None:
    """Killed while the one of them is with Gemini, and again while the other takes its caption."""

    def drop(home: Home) -> None:
        for number in range(3):
            (home.photos / f"{number}.jpg").write_bytes(distinct(picture, number))
        with killed(home):
            wait_until(lambda: server.counters.requests == 1)
        with killed(home):
            wait_until(lambda: states_count(home, "captioned") >= 1, seconds=90)
        with home.daemon():
            wait_until(lambda: states_count(home, "captioned") == 3, seconds=60)

    picture = make_photo(1)
    async with GeminiServer(answer=answer_by_image, latency_seconds=0.5) as server:
        home = Home(tmp_path, server.base_url)
        await attend(drop, home)
        assert server.counters.requests == 2
    assert home.rows("select state, count(*) from requests group by state order by state") == [
        ("answered", 1),
        ("lost", 1),
    ]
    assert len(set(captions(home).values())) == 1


async def test_kin_in_a_backlog_by_batch_is_one_item(tmp_path: Path) -> None:
    """Copies without metadata and raw files take no place in a job: they wait for its answers."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=3)
        for number in range(3):
            photo = home.photos / f"{number:04}.jpg"
            (home.photos / f"copy {number}.jpg").write_bytes(distinct(photo.read_bytes(), number))
        home.drop("DSC_0042.JPG", "DSC_0042.DNG")
        async with in_house(home):
            await last_job(home, "running")
            await until(lambda: waiting(home) == 4)
            server.release_batches()
            await captioned(home, 4)
        assert (server.counters.requests, sum(server.contents.values())) == (0, 4)
        await attend(take_turn, home)
        assert (server.counters.requests, sum(server.contents.values())) == (0, 4)
    assert jobs(home) == [("succeeded", 4)]


def waiting(home: Home) -> int:
    ((count,),) = home.rows("select count(*) from library where reason like '%in a batch job'")
    return int(count)


def take_turn(home: Home) -> None:
    """Go on as after the minute that photos wait for a job."""
    with closing(sqlite3.connect(home.index)) as db, db:
        db.execute("update photos set retry_at = 1 where retry_at is not null")
    with home.daemon():
        wait_until(lambda: states_count(home, "captioned") == 8)


@pytest.mark.parametrize(("bursts", "requests"), [(True, 3), (False, 8)])
async def test_bursts_are_asked_about_once_where_that_is_wanted(
    tmp_path: Path, bursts, requests
) -> None:
    """Six frames of one scene, one of another, and the scene again a minute later."""

    def drop(home: Home) -> None:
        with home.daemon():
            for name, photo in frames().items():
                (home.photos / name).write_bytes(photo)
            wait_until(lambda: states_count(home, "captioned") == 8)

    async with GeminiServer(answer=answer_by_image, latency_seconds=0.3) as server:
        home = Home(tmp_path, server.base_url)
        config = (tmp_path / "config.toml").read_text()
        changed = config.replace("[captioner]", f"[captioner]\nbursts = {str(bursts).lower()}")
        (tmp_path / "config.toml").write_text(changed)
        await attend(drop, home)
        assert server.counters.requests == requests
    reasons = [reason for (reason,) in home.rows("select reason from library") if reason]
    assert len(reasons) == 8 - requests
    assert all(reason.endswith(".jpg (burst)") for reason in reasons)
    if bursts:
        follower = home.rows("select path from library where reason is not null limit 1")[0][0]
        assert "(burst)" in home.run("show", follower).stdout


def frames() -> dict[str, bytes]:
    """Return photos of one camera: a hand-held burst, another scene, the first scene later."""
    began = datetime(2024, 5, 1, 10, 0, 0)  # noqa: DTZ001 a camera's local time
    with Image.open(PHOTOS / "rocket.jpg") as rocket, Image.open(PHOTOS / "china.jpg") as china:
        wide, tall = rocket.size
        burst = [rocket.crop((n, n, wide - 6 + n, tall - 6 + n)) for n in range(6)]
        scenes = [*burst, china.copy(), rocket.crop((3, 2, wide, tall))]
    seconds = [0, 1, 1, 2, 3, 4, 2, 70]
    return {
        f"{number}.jpg": with_exif(
            encoded(scene), taken_at=began + timedelta(seconds=second), camera=("Canon", "R5")
        )
        for number, (scene, second) in enumerate(zip(scenes, seconds, strict=True))
    }


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
