"""A photo that crashes, hangs or starves its decoder fails alone."""

from __future__ import annotations

import os
import signal
import struct
import time
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
import pyvips
from images_helpers import PHOTOS, alive, asked, large_photo, pooled, stopped, until
from PIL import Image

from captiond.errors import Undecodable


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    return large_photo(tmp_path_factory.mktemp("large"))


async def test_a_decoder_that_hangs_is_killed_and_only_its_photo_fails():
    """After `decode_seconds` the photo is told to take too long, and the next one is decoded."""
    async with pooled(decode_seconds=0.3) as pool:
        await asked(pool)
        (hanging,) = pool.pids()
        with stopped(hanging), pytest.raises(Undecodable) as caught:
            await asked(pool)
        assert str(caught.value) == "not decoded within images.decode_seconds = 0.3"
        assert not alive(hanging)
        assert (await asked(pool)).width == 640
        assert pool.pids() != [hanging]


async def test_a_photo_that_takes_too_long_is_given_up(large):
    """A real picture that needs more time than it may have."""
    async with pooled(decode_seconds=0.02) as pool:
        with pytest.raises(Undecodable, match="not decoded within"):
            await asked(pool, large)
        assert pool.pids() == []


async def test_a_photo_that_kills_its_decoder_fails_alone(large):
    """A child that crashes is replaced for another try; when that does too, the photo is it."""
    killed: set[int] = set()

    async def kill_all() -> None:
        while True:
            for pid in set(pool.pids()) - killed:
                os.kill(pid, signal.SIGSEGV)
                killed.add(pid)
            await anyio.lowlevel.checkpoint()

    async with pooled() as pool:
        await asked(pool)
        async with anyio.create_task_group() as group:
            group.start_soon(kill_all)
            with pytest.raises(Undecodable, match=r"the decoder crashed on it \(SIGSEGV\)"):
                await asked(pool, large)
            group.cancel_scope.cancel()
        assert len(killed) in {1, 2}  # one, when the first kill came before the photo was sent
        assert (await asked(pool)).width == 640


async def test_a_child_that_died_while_idle_costs_no_photo():
    """The next photo finds the child gone and goes to a new one."""
    async with pooled() as pool:
        await asked(pool)
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        assert (await asked(pool)).width == 640
        assert pool.pids() != [pid]


async def test_a_photo_that_needs_too_much_memory_is_refused(tmp_path):
    """The limit is the child's: the photo fails with a sentence, smaller ones go on."""
    path = tmp_path / "large.bmp"
    Image.new("RGB", (4, 4)).save(path)
    with path.open("r+b") as file:  # 96 megapixels, in a file that is one hole
        file.seek(18)
        file.write(struct.pack("<ii", 12_000, 8_000))
        file.truncate(54 + 12_000 * 8_000 * 3)
    async with pooled(decode_megabytes=64) as pool:
        with pytest.raises(Undecodable) as caught:
            await asked(pool, path)
        assert str(caught.value) == (
            "decoding the BMP needs more memory than images.decode_megabytes = 64"
        )
        assert (await asked(pool)).width == 640


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"decode_seconds": 0.3}, "not decoded within images.decode_seconds = 0.3"),
        (
            {"decode_megabytes": 256},
            "decoding the JPEG needs more memory than images.decode_megabytes = 256",
        ),
    ],
)
async def test_a_giant_of_144_megapixels_is_held_to_either_limit(tmp_path, limits, reason):
    """All scans of a progressive JPEG lie in memory at once: 430 MB, for a file of 2."""
    path = tmp_path / "giant.jpg"
    pyvips.Image.black(12_000, 12_000, bands=3).jpegsave(path, interlace=True)
    async with pooled(**limits) as pool:
        with pytest.raises(Undecodable) as caught:
            await asked(pool, path)
        assert str(caught.value) == reason
        assert (await asked(pool)).width == 640


@pytest.mark.parametrize("megabytes", [40, 64, 96])
async def test_scarce_memory_never_harms_more_than_the_photo(large, megabytes):
    """Wherever the libraries run out of memory, the answer is a refusal or a picture."""
    async with pooled(decode_megabytes=megabytes) as pool:
        for path in (large, PHOTOS / "cat.png", PHOTOS / "coffee.webp", PHOTOS / "astronaut.heic"):
            try:
                made = await asked(pool, path)
            except Undecodable as error:
                assert "decode_megabytes" in str(error)  # noqa: PT017 either outcome is right
            else:
                assert made.width <= 1536


async def test_a_cancelled_photo_ends_at_once_and_mixes_nothing_up(large):
    """Its child is killed rather than waited for, and no answer of it is given to another."""
    async with pooled() as pool:
        await asked(pool)
        (busy,) = pool.pids()
        with stopped(busy):
            start = time.monotonic()
            with anyio.move_on_after(0.05) as scope:
                await asked(pool, large)
            assert scope.cancelled_caught
            assert time.monotonic() - start < 5
        assert not alive(busy)
        assert (await asked(pool, digest="e" * 64)).facts.digest == "e" * 64


async def test_a_photo_cancelled_while_its_child_starts_leaves_nothing():
    """Cancelled at any moment: see that `pooled` finds no process and no descriptor left."""
    for patience in (0, 0.001, 0.01, 0.05, 0.1):
        async with pooled() as pool:
            with anyio.move_on_after(patience):
                await asked(pool)


async def test_closing_ends_children_at_work():
    """A pool closed in the middle does not wait, and calls no photo undecodable for that."""
    refused: list[str] = []

    async def ask() -> None:
        try:
            await asked(pool)
        except ChildProcessError as error:
            refused.append(str(error))

    async with pooled() as pool:
        await asked(pool)
        (busy,) = pool.pids()
        with stopped(busy):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await until(lambda: pool._busy)
                await pool.aclose()
    assert refused == ["the decoder was stopped"]
