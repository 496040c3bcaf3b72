"""What the tests of the images room share."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from PIL import Image

from captiond.images.wire import Limits
from captiond.models import Prepared

PHOTOS = Path(__file__).parent / "photos"
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
