"""What the tests of the images room share."""

from __future__ import annotations

import gc
import io
import os
import signal
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
import msgspec
import psutil
from PIL import Image

from captiond.images.decoders import DecoderPool
from captiond.images.prepare import prepare
from captiond.images.wire import Limits
from captiond.models import Prepared
from captiond.settings import ImageSettings
from captiond.testing.photo_maker import make_jpeg

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
PHOTOS = Path(__file__).parent / "photos"
ROCKET = PHOTOS / "rocket.jpg"
DIGEST = "d1" * 32
LIMITS = Limits(max_edge_px=1536, max_megapixels=250, decode_seconds=60, decode_megabytes=2048)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def pixels_of(prepared: Prepared) -> Image.Image:
    with Image.open(io.BytesIO(prepared.data), formats=["JPEG"]) as image:
        return image.copy()


def nearly(colour: tuple[int, ...], expected: tuple[int, ...], *, within: int = 12) -> bool:
    return all(abs(a - b) <= within for a, b in zip(colour, expected, strict=True))


def alive(pid: int) -> bool:
    """Tell whether a process is there, a zombie included."""
    return Path(f"/proc/{pid}").exists()


async def until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Poll a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await anyio.sleep(0.005)


def prepared(path: Path, **limits: int) -> Prepared:
    with opened(path) as fd:
        return prepare(fd, DIGEST, msgspec.structs.replace(LIMITS, **limits))


def written(folder: Path, data: bytes, name: str = "photo.jpg") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def corners(*, width: int = 120, height: int = 80) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = Image.new("RGB", (width, height), WHITE)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    return image


def shown_corners(made: Prepared) -> list[str]:
    image, inset = pixels_of(made), 5
    right, bottom = image.width - inset, image.height - inset
    points = [(inset, inset), (right, inset), (inset, bottom), (right, bottom)]
    names = {RED: "red", GREEN: "green", BLUE: "blue", WHITE: "white"}
    found = [image.getpixel(point) for point in points]
    return [
        next(name for colour, name in names.items() if nearly(seen, colour, within=25))
        for seen in found
    ]


def segments(jpeg: bytes) -> list[int]:
    """Return the markers up to the scan."""
    markers, at = [], 2
    while not markers or markers[-1] != 0xDA:
        _, marker, size = struct.unpack_from(">BBH", jpeg, at)
        markers.append(marker)
        at += 2 + size
    return markers


def resident_bytes() -> int:
    """Return the memory that this process holds; other tests have left some of it."""
    gc.collect()
    return psutil.Process().memory_info().rss


def large_photo(folder: Path) -> Path:
    """Write a photo that takes a while: a progressive JPEG of 24 megapixels."""
    path = folder / "large.jpg"
    with Image.open(io.BytesIO(make_jpeg(width=6000, height=4000))) as image:
        image.save(path, progressive=True)
    return path


@asynccontextmanager
async def pooled(
    children: int = 1, *, idle_seconds: float = 60.0, **settings: float
) -> AsyncIterator[DecoderPool]:
    """Give a pool; afterwards see that it left no process and no descriptor behind."""
    gc.collect()  # what earlier tests dropped closes its files now
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


async def asked(pool: DecoderPool, path: Path = ROCKET, digest: str = DIGEST) -> Prepared:
    with opened(path) as fd:
        return await pool.prepare(fd, digest)


def working(pool: DecoderPool, path: Path) -> list[int]:
    """Return the decoders that hold a photo open."""
    return [pid for pid in pool.pids() if _holds(pid, path)]


def _holds(pid: int, path: Path) -> bool:
    try:
        return str(path) in {file.path for file in psutil.Process(pid).open_files()}
    except psutil.NoSuchProcess:
        return False


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Hold a process still: a decoder that does not come to an end."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
