"""Photos damaged at random, always the same ones: each ends as a picture or as a sentence."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest
from corpora_helpers import corpora
from images_helpers import PHOTOS, asked, pooled, resident_bytes, written

from captiond.errors import PhotoError

SEED = 20_260_922
CHILDREN = 2
MOST_BYTES_MORE = 100 << 20
MOST_BYTES_OF_A_VICTIM = 1 << 20
VICTIMS = [
    "rocket.jpg",
    "gps.jpg",
    "cmyk.jpg",
    "cat.png",
    "gray16.png",
    "coffee.webp",
    "anim.gif",
    "pages.tif",
    "small.bmp",
    "orient6.heic",
    "rocket.avif",
    "DSC_0042.DNG",
]

Damage = Callable[[bytes, list[bytes], random.Random], bytes]


def flipped(data: bytes, _: list[bytes], chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.choice([1, 4, 64])):
        # Headers are where parsers decide; every other bit falls there.
        limit = min(len(damaged), 600) if chance.random() < 0.5 else len(damaged)
        damaged[chance.randrange(limit)] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def cut(data: bytes, _: list[bytes], chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def spliced(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others)
    here, there = chance.randrange(len(data)), chance.randrange(len(other))
    return data[:here] + other[there:]


def stretched(data: bytes, _: list[bytes], chance: random.Random) -> bytes:
    """Put an extreme number where a length or a count may stand."""
    at = chance.randrange(min(len(data), 600))
    extreme = chance.choice([b"\xff" * 4, b"\x7f" + b"\xff" * 3, bytes(4), b"\x80\0\0\0"])
    return data[:at] + extreme + data[at + 4 :]


def variants(victims: list[bytes], count: int) -> Iterator[bytes]:
    """Make always the same damaged photos."""
    chance = random.Random(SEED)  # noqa: S311 damage that can be repeated
    ways: list[Damage] = [flipped, cut, spliced, stretched]
    for victim, _ in zip(itertools.cycle(victims), range(count), strict=False):
        yield chance.choice(ways)(victim, victims, chance)


def committed() -> list[Path]:
    return [PHOTOS / name for name in VICTIMS]


def strangers() -> list[Path]:
    """Return what others test with, too; large files would say the same more slowly."""
    found = [path for path in corpora() if 0 < path.stat().st_size < MOST_BYTES_OF_A_VICTIM]
    return [*committed(), *found]


@pytest.mark.slow  # hundreds of photos to decode, some of them in new children
@pytest.mark.parametrize(
    ("found", "count"), [(committed, 300), pytest.param(strangers, 20_000, marks=pytest.mark.soak)]
)
async def test_damaged_photos_end_as_pictures_or_as_sentences(
    tmp_path: Path, found: Callable[[], list[Path]], count: int
) -> None:
    """Bits turned, ends cut off, halves of two photos joined: no crash is the daemon's."""
    damaged = variants([path.read_bytes() for path in found()], count)
    ends: Counter[str] = Counter()
    before = resident_bytes()

    async def decode(name: str) -> None:
        for data in damaged:
            try:
                made = await asked(pool, written(tmp_path, data, name))
            except PhotoError as error:
                assert str(error)  # noqa: PT017 either end is right
                ends["refused"] += 1
            else:
                assert made.data.startswith(b"\xff\xd8\xff")
                ends["shown"] += 1

    async with pooled(CHILDREN, decode_seconds=5) as pool:
        async with anyio.create_task_group() as group:
            for number in range(CHILDREN):
                group.start_soon(decode, f"{number}.jpg")
        assert (await asked(pool)).width == 640
    assert ends.total() == count
    assert min(ends["shown"], ends["refused"]) > count // 10
    assert resident_bytes() - before < MOST_BYTES_MORE
