"""Photos are decoded by children that may crash, hang or be killed."""

from __future__ import annotations

import io
import os
import signal
import struct
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
import anyio.lowlevel
import psutil
import pytest
from images_helpers import DIGEST, PHOTOS, alive, opened, pixels_of, until
from PIL import Image

from captiond.config import ImageSettings
from captiond.errors import NotAPhoto, Undecodable
from captiond.images import child
from captiond.images.decoders import DecoderPool
from captiond.models import Prepared
from captiond.testing.photo_maker import distinct, make_jpeg

ROCKET = PHOTOS / "rocket.jpg"


@asynccontextmanager
async def pooled(
    children: int = 1, *, idle_seconds: float = 60.0, **settings: float
) -> AsyncIterator[DecoderPool]:
    """Give a pool; afterwards see that it left no process and no descriptor behind."""
    before = descriptors()
    pool = DecoderPool(ImageSettings(**settings), children, idle_seconds=idle_seconds)
    try:
        yield pool
    finally:
        await pool.aclose()
    assert psutil.Process().children() == []
    assert descriptors() == before


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir() if entry.exists()}


async def prepared(pool: DecoderPool, path: Path = ROCKET, digest: str = DIGEST) -> Prepared:
    with opened(path) as fd:
        return await pool.prepare(fd, digest)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Hold a process still: a decoder that does not come to an end."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """Give a photo that takes a while: a progressive JPEG of 24 megapixels."""
    with Image.open(io.BytesIO(make_jpeg(width=6000, height=4000))) as image:
        path = tmp_path_factory.mktemp("large") / "large.jpg"
        image.save(path, progressive=True)
    return path


async def test_a_photo_comes_back_prepared_with_its_digest():
    """Bytes, size, facts and palette are what the child made of the open file."""
    async with pooled() as pool:
        made = await prepared(pool)
    assert (made.width, made.height, made.mime) == (640, 427, "image/jpeg")
    assert pixels_of(made).size == (640, 427)
    assert (made.facts.digest, made.facts.format) == (DIGEST, "jpeg")
    assert made.palette.colours[0][0] == "navy blue"


async def test_refusals_come_back_as_what_they_are():
    """What is no photo and what is damaged are told apart; the child goes on."""
    async with pooled() as pool:
        await prepared(pool)
        pids = pool.pids()
        with pytest.raises(NotAPhoto, match="the file is empty"):
            await prepared(pool, PHOTOS / "bad/zero.jpg")
        with pytest.raises(Undecodable, match="the JPEG is cut off"):
            await prepared(pool, PHOTOS / "bad/truncated.jpg")
        assert pool.pids() == pids


async def test_children_start_on_demand_and_are_kept():
    """No photo, no child; one after the other, one child for all."""
    async with pooled(2) as pool:
        assert pool.pids() == []
        await prepared(pool)
        first = pool.pids()
        for _ in range(5):
            await prepared(pool)
        assert pool.pids() == first
        assert len(first) == 1


async def test_there_are_never_more_children_than_allowed():
    """Twelve photos at once share two children, and each gets its own answer."""
    answers: dict[str, Prepared] = {}

    async def ask(number: int) -> None:
        digest = f"{number:064x}"
        answers[digest] = await prepared(pool, digest=digest)

    async with pooled(2) as pool:
        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(ask, number)
            await until(lambda: len(answers) == 12)
            assert len(pool.pids()) <= 2
        assert len(pool.pids()) == 2
    assert all(made.facts.digest == digest for digest, made in answers.items())


async def test_children_work_at_the_same_time(large):
    """While one child hangs, the other decodes."""
    async with pooled(2) as pool:
        async with anyio.create_task_group() as group:
            group.start_soon(prepared, pool, large)
            group.start_soon(prepared, pool, large)
        hanging, _ = pool.pids()
        with stopped(hanging):
            async with anyio.create_task_group() as group:
                group.start_soon(prepared, pool)
                group.start_soon(prepared, pool)
                await until(lambda: len(pool._idle) == 1)
                for _ in range(3):
                    await prepared(pool)
                os.kill(hanging, signal.SIGCONT)


async def test_a_decoder_that_hangs_is_killed_and_only_its_photo_fails():
    """After `decode_seconds` the photo is told to take too long, and the next one is decoded."""
    async with pooled(decode_seconds=0.3) as pool:
        await prepared(pool)
        (hanging,) = pool.pids()
        with stopped(hanging), pytest.raises(Undecodable) as caught:
            await prepared(pool)
        assert str(caught.value) == "not decoded within images.decode_seconds = 0.3"
        assert not alive(hanging)
        assert (await prepared(pool)).width == 640
        assert pool.pids() != [hanging]


async def test_a_photo_that_takes_too_long_is_given_up(large):
    """A real picture that needs more time than it may have."""
    async with pooled(decode_seconds=0.02) as pool:
        with pytest.raises(Undecodable, match="not decoded within"):
            await prepared(pool, large)
        assert pool.pids() == []


async def test_a_photo_that_kills_its_decoder_fails_alone(large):
    """A child that dies is replaced for another try; when that dies too, the photo is at fault."""
    killed: set[int] = set()

    async def kill_all() -> None:
        while True:
            for pid in set(pool.pids()) - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            await anyio.lowlevel.checkpoint()

    async with pooled() as pool:
        await prepared(pool)
        async with anyio.create_task_group() as group:
            group.start_soon(kill_all)
            with pytest.raises(Undecodable, match=r"the decoder crashed on it \(SIGKILL\)"):
                await prepared(pool, large)
            group.cancel_scope.cancel()
        assert len(killed) in {1, 2}  # one, when the first kill came before the photo was sent
        assert (await prepared(pool)).width == 640


async def test_a_child_that_died_while_idle_costs_no_photo():
    """The next photo finds the child gone and goes to a new one."""
    async with pooled() as pool:
        await prepared(pool)
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        assert (await prepared(pool)).width == 640
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
            await prepared(pool, path)
        assert str(caught.value) == (
            "decoding the BMP needs more memory than images.decode_megabytes = 64"
        )
        assert (await prepared(pool)).width == 640


@pytest.mark.parametrize("megabytes", [40, 64, 96])
async def test_scarce_memory_never_harms_more_than_the_photo(large, megabytes):
    """Wherever the libraries run out of memory, the answer is a refusal or a picture."""
    async with pooled(decode_megabytes=megabytes) as pool:
        for path in (large, PHOTOS / "cat.png", PHOTOS / "coffee.webp", PHOTOS / "astronaut.heic"):
            try:
                made = await prepared(pool, path)
            except Undecodable as error:
                assert "decode_megabytes" in str(error)  # noqa: PT017 either outcome is right
            else:
                assert made.width <= 1536


async def test_idle_children_end():
    """After a while without photos no child is left, and the next photo starts one."""
    async with pooled(2, idle_seconds=0.2) as pool:
        async with anyio.create_task_group() as group:
            group.start_soon(prepared, pool)
            group.start_soon(prepared, pool)
        pids = pool.pids()
        await until(lambda: not any(alive(pid) for pid in pids))
        assert pool.pids() == []
        assert (await prepared(pool)).width == 640


async def test_a_child_is_replaced_after_many_photos():
    """What libraries leak is bounded: a child ends after some hundreds of photos."""
    async with pooled() as pool:
        await prepared(pool)
        (first,) = pool.pids()
        with opened(PHOTOS / "bad/zero.jpg") as fd:
            for _ in range(child.MOST_PHOTOS - 1):
                with pytest.raises(NotAPhoto):
                    await pool.prepare(fd, DIGEST)
        assert not alive(first)
        assert (await prepared(pool)).width == 640


async def test_a_cancelled_photo_ends_at_once_and_mixes_nothing_up(large):
    """Its child is killed rather than waited for, and no answer of it is given to another."""
    async with pooled() as pool:
        await prepared(pool)
        (busy,) = pool.pids()
        with stopped(busy):
            start = time.monotonic()
            with anyio.move_on_after(0.05) as scope:
                await prepared(pool, large)
            assert scope.cancelled_caught
            assert time.monotonic() - start < 5
        assert not alive(busy)
        assert (await prepared(pool, digest="e" * 64)).facts.digest == "e" * 64


async def test_a_photo_cancelled_while_its_child_starts_leaves_nothing():
    """Cancelled at any moment: see that `pooled` finds no process and no descriptor left."""
    for patience in (0, 0.001, 0.01, 0.05, 0.1):
        async with pooled() as pool:
            with anyio.move_on_after(patience):
                await prepared(pool)


async def test_closing_ends_children_at_work():
    """A pool closed in the middle does not wait, and calls no photo undecodable for that."""
    refused: list[str] = []

    async def ask() -> None:
        try:
            await prepared(pool)
        except ChildProcessError as error:
            refused.append(str(error))

    async with pooled() as pool:
        await prepared(pool)
        (busy,) = pool.pids()
        with stopped(busy):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await until(lambda: pool._busy)
                await pool.aclose()
    assert refused == ["the decoder was stopped"]


async def test_children_leave_stopping_to_the_daemon():
    """Signals to the whole service do not end a decoder in the middle of a photo."""
    async with pooled() as pool:
        await prepared(pool)
        (pid,) = pool.pids()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
        await prepared(pool)
        assert pool.pids() == [pid]


async def test_a_child_knows_no_secret_and_has_no_file_of_the_daemon(monkeypatch):
    """Neither the environment nor the daemon's descriptors are handed on."""
    monkeypatch.setenv("GEMINI_API_KEY", "secret")
    with ROCKET.open("rb") as file:
        os.set_inheritable(file.fileno(), True)
        async with pooled() as pool:
            await prepared(pool)
            process = psutil.Process(pool.pids()[0])
            assert process.environ().keys() <= {
                "MALLOC_ARENA_MAX", "VIPS_CONCURRENCY", "VIPS_DISC_THRESHOLD", "LC_CTYPE",
            }  # fmt: skip
            assert process.open_files() == [] or all(
                entry.path.startswith("/proc/") for entry in process.open_files()
            )


async def test_a_daemon_that_vanishes_takes_its_children_along(tmp_path):
    """After a SIGKILL of the daemon the children read the end of their socket, and end."""
    script = tmp_path / "daemon.py"
    script.write_text(
        "import os, sys, time, anyio\n"
        "from captiond.config import ImageSettings\n"
        "from captiond.images.decoders import DecoderPool\n"
        "async def main():\n"
        "    pool = DecoderPool(ImageSettings(), 1)\n"
        "    await pool.prepare(os.open(sys.argv[1], os.O_RDONLY), 'a' * 64)\n"
        "    print(pool.pids()[0], flush=True)\n"
        "    await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    command = [sys.executable, str(script), str(ROCKET)]
    async with await anyio.open_process(command, stderr=None) as daemon:
        assert daemon.stdout is not None
        pid = await child_pid(daemon.stdout)
        assert alive(pid)
        daemon.kill()
        await daemon.wait()
    await until(lambda: ended(pid))


def ended(pid: int) -> bool:
    """Tell whether an orphan came to its end; whoever inherits it may not have reaped it yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def child_pid(stream: anyio.abc.ByteReceiveStream) -> int:
    """Return the process id among the log lines of a daemon."""
    text = b""
    while True:
        text += await stream.receive()
        numbers = [line for line in text.splitlines() if line.isdigit()]
        if numbers:
            return int(numbers[0])


async def test_answers_of_a_megabyte_come_through_whole(tmp_path):
    """An image larger than the socket's buffer arrives to the last byte."""
    path = tmp_path / "noisy.jpg"
    path.write_bytes(distinct(make_jpeg(width=3000, height=2000, noise=0.6, quality=95), 1))
    async with pooled(max_edge_px=3000) as pool:
        made = await prepared(pool, path)
    assert len(made.data) > 1_000_000
    assert pixels_of(made).size == (3000, 2000)
