"""Files that change under their decoder: it may die of that, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from images_helpers import ROCKET, asked, corners, pooled, stopped, until, working

from captiond.errors import PhotoError, Undecodable
from captiond.models import Prepared


@pytest.fixture
def tiff(tmp_path) -> Path:
    """Give a picture of 48 megapixels that libvips maps into its memory."""
    path = tmp_path / "large.tif"
    corners(width=8000, height=6000).save(path, "TIFF")
    return path


async def test_a_file_cut_off_under_its_decoder_fails_alone(tiff):
    """Its pages are gone while they are mapped (SIGBUS): a sentence, and the next photo is fine."""
    ends: list[Prepared | PhotoError] = []

    async def ask() -> None:
        try:
            ends.append(await asked(pool, tiff))
        except PhotoError as error:
            ends.append(error)

    async with pooled(decode_seconds=20) as pool:
        await asked(pool)
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await until(lambda: working(pool, tiff))
            with stopped(*working(pool, tiff)):
                os.truncate(tiff, 4096)
        assert (await asked(pool)).width == 640
    (end,) = ends
    assert isinstance(end, Prepared | Undecodable)


async def test_a_file_that_grows_while_it_is_decoded_is_decoded_as_it_was_or_refused(tmp_path):
    """Whoever appends to it for ever does not keep the decoder."""
    path = tmp_path / "growing.jpg"
    path.write_bytes(ROCKET.read_bytes())
    done = anyio.Event()

    async def grow() -> None:
        with path.open("ab") as file:
            while not done.is_set():
                await anyio.to_thread.run_sync(file.write, bytes(1 << 16))

    async with pooled(decode_seconds=20) as pool, anyio.create_task_group() as group:
        group.start_soon(grow)
        for _ in range(5):
            assert (await asked(pool, path)).width == 640
        done.set()
