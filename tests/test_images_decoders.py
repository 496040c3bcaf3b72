"""Photos are decoded by children that may crash, hang or be killed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import psutil
import pytest
from images_helpers import (
    DIGEST,
    PHOTOS,
    ROCKET,
    alive,
    asked,
    large_photo,
    opened,
    pixels_of,
    pooled,
    stopped,
    until,
)

from captiond.errors import NotAPhoto, Undecodable
from captiond.images import child
from captiond.models import Prepared
from captiond.testing.photo_maker import distinct, make_jpeg


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    return large_photo(tmp_path_factory.mktemp("large"))


async def test_a_photo_comes_back_prepared_with_its_digest():
    """Bytes, size, facts and palette are what the child made of the open file."""
    async with pooled() as pool:
        made = await asked(pool)
    assert (made.width, made.height, made.mime) == (640, 427, "image/jpeg")
    assert pixels_of(made).size == (640, 427)
    assert (made.facts.digest, made.facts.format) == (DIGEST, "jpeg")
    assert made.palette.colours[0][0] == "navy blue"


async def test_refusals_come_back_as_what_they_are():
    """What is no photo and what is damaged are told apart; the child goes on."""
    async with pooled() as pool:
        await asked(pool)
        pids = pool.pids()
        with pytest.raises(NotAPhoto, match="the file is empty"):
            await asked(pool, PHOTOS / "bad/zero.jpg")
        with pytest.raises(Undecodable, match="the JPEG is cut off"):
            await asked(pool, PHOTOS / "bad/truncated.jpg")
        assert pool.pids() == pids


async def test_children_start_on_demand_and_are_kept():
    """No photo, no child; one after the other, one child for all."""
    async with pooled(2) as pool:
        assert pool.pids() == []
        await asked(pool)
        first = pool.pids()
        for _ in range(5):
            await asked(pool)
        assert pool.pids() == first
        assert len(first) == 1


async def test_there_are_never_more_children_than_allowed():
    """Twelve photos at once share two children, and each gets its own answer."""
    answers: dict[str, Prepared] = {}

    async def ask(number: int) -> None:
        digest = f"{number:064x}"
        answers[digest] = await asked(pool, digest=digest)

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
            group.start_soon(asked, pool, large)
            group.start_soon(asked, pool, large)
        hanging, _ = pool.pids()
        with stopped(hanging):
            async with anyio.create_task_group() as group:
                group.start_soon(asked, pool)
                group.start_soon(asked, pool)
                await until(lambda: len(pool._idle) == 1)
                for _ in range(3):
                    await asked(pool)
                os.kill(hanging, signal.SIGCONT)


async def test_idle_children_end():
    """After a while without photos no child is left, and the next photo starts one."""
    async with pooled(2, idle_seconds=0.2) as pool:
        async with anyio.create_task_group() as group:
            group.start_soon(asked, pool)
            group.start_soon(asked, pool)
        pids = pool.pids()
        await until(lambda: not any(alive(pid) for pid in pids))
        assert pool.pids() == []
        assert (await asked(pool)).width == 640


async def test_a_child_is_replaced_after_many_photos():
    """What libraries leak is bounded: a child ends after some hundreds of photos."""
    async with pooled() as pool:
        await asked(pool)
        (first,) = pool.pids()
        with opened(PHOTOS / "bad/zero.jpg") as fd:
            for _ in range(child.MOST_PHOTOS - 1):
                with pytest.raises(NotAPhoto):
                    await pool.prepare(fd, DIGEST)
        assert not alive(first)
        assert (await asked(pool)).width == 640


async def test_children_leave_stopping_to_the_daemon():
    """Signals to the whole service do not end a decoder in the middle of a photo."""
    async with pooled() as pool:
        await asked(pool)
        (pid,) = pool.pids()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
        await asked(pool)
        assert pool.pids() == [pid]


async def test_a_child_knows_no_secret_and_has_no_file_of_the_daemon(monkeypatch):
    """Neither the environment nor the daemon's descriptors are handed on."""
    monkeypatch.setenv("GEMINI_API_KEY", "secret")
    with ROCKET.open("rb") as file:
        os.set_inheritable(file.fileno(), True)
        async with pooled() as pool:
            await asked(pool)
            process = psutil.Process(pool.pids()[0])
            assert process.environ().keys() <= {
                "MALLOC_ARENA_MAX", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                "VIPS_CONCURRENCY", "VIPS_DISC_THRESHOLD", "LC_CTYPE",
            }  # fmt: skip
            assert process.open_files() == [] or all(
                entry.path.startswith("/proc/") for entry in process.open_files()
            )


async def test_a_daemon_that_vanishes_takes_its_children_along(tmp_path):
    """After a SIGKILL of the daemon the children read the end of their socket, and end."""
    script = tmp_path / "daemon.py"
    script.write_text(
        "import os, sys, time, anyio\n"
        "from captiond.settings import ImageSettings\n"
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
        made = await asked(pool, path)
    assert len(made.data) > 1_000_000
    assert pixels_of(made).size == (3000, 2000)
