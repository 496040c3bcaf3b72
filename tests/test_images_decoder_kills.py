"""Decoders that are killed from outside: the photo is tried again, and nothing else is harmed."""

from __future__ import annotations

import functools
import itertools
import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import anyio
import psutil
import pytest
from images_helpers import alive, asked, large_photo, pooled, until, working

from captiond.errors import Undecodable

CHILDREN = 2
SEED = 20_261_122
SIGNALS = [*[signal.SIGKILL] * 4, signal.SIGSTOP, signal.SIGSEGV]


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    return large_photo(tmp_path_factory.mktemp("large"))


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


async def killed_at_work(pool, large: Path, *, times: int) -> None:
    """Kill the decoder that holds the photo, as soon as it does; so often."""
    for _ in range(times):
        await until(lambda: working(pool, large))
        (pid,) = working(pool, large)
        kill(pid)
        await until(lambda pid=pid: not alive(pid))


async def test_a_photo_whose_decoder_was_killed_once_is_decoded_all_the_same(large):
    """The kernel short of memory, or a person with a quick hand: no photo is blamed for that."""
    async with pooled() as pool, anyio.create_task_group() as group:
        group.start_soon(functools.partial(killed_at_work, pool, large, times=1))
        assert (await asked(pool, large)).width == 1536


async def test_a_photo_whose_decoder_is_killed_again_and_alone_fails_with_that_reason(large):
    """It may be what memory is too short for; the next photo is none the worse."""
    async with pooled(CHILDREN) as pool:
        async with anyio.create_task_group() as group:
            group.start_soon(functools.partial(killed_at_work, pool, large, times=2))
            with pytest.raises(Undecodable) as caught:
                await asked(pool, large)
        assert str(caught.value) == (
            "its decoder was killed from outside (SIGKILL), and once more with no other photo "
            "beside it: this machine may be short of memory"
        )
        assert (await asked(pool)).width == 640


async def test_the_second_try_has_no_other_decoder_beside_it(large):
    """Others wait meanwhile, and idle ones are ended: all memory is for this photo."""
    async with pooled(3) as pool:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(asked, pool)
        assert len(pool.pids()) == 3
        async with anyio.create_task_group() as group:
            group.start_soon(asked, pool, large)
            await killed_at_work(pool, large, times=1)
            await until(lambda: working(pool, large))
            group.start_soon(asked, pool)
            assert len(pool.pids()) == 1


@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.soak)])
async def test_no_kill_costs_more_than_the_photo_it_hit(large, kills):
    """Ended or held still at any moment: the photo beside it is decoded, no process is left."""
    chance = random.Random(SEED)  # noqa: S311 moments that can be repeated
    failed = 0
    async with pooled(CHILDREN, decode_seconds=5) as pool:
        for _, number in zip(range(kills), itertools.cycle(SIGNALS), strict=False):
            ends: list[str] = []
            async with anyio.create_task_group() as group:
                for _ in range(CHILDREN):
                    group.start_soon(noted, pool, large, ends)
                await until(lambda: working(pool, large))
                await anyio.sleep(chance.uniform(0, 0.05))
                hit = chance.choice(pool.pids())
                kill(hit, number)
            assert len(ends) == CHILDREN
            assert ends.count("shown") >= CHILDREN - (number != signal.SIGKILL)
            assert all(p.status() != psutil.STATUS_ZOMBIE for p in psutil.Process().children())
            failed += CHILDREN - ends.count("shown")
    assert failed <= kills


async def noted(pool, photo: Path, ends: list[str]) -> None:
    try:
        await asked(pool, photo)
    except Undecodable as error:
        ends.append(str(error))
    else:
        ends.append("shown")
