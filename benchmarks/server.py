"""A loopback Gemini that notes when each request had come in whole, and how large its photo is.

`python -m benchmarks.server NOTES LATENCY_SECONDS [--sizes]` prints its address first.
"""

from __future__ import annotations

import asyncio
import io
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

from PIL import Image

from captiond.models import Description
from captiond.testing.gemini_server import FIXED, GeminiServer
from captiond.testing.gemini_wire import ReceivedRequest, decode_image


async def main(notes: TextIO, latency_seconds: float, *, sizes: bool) -> None:
    """Serve until told to end."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    async def answer(request: ReceivedRequest) -> Description:
        at = time.time()
        width, height = _size(request) if sizes else (0, 0)
        notes.write(f"{at} {width} {height}\n")
        await asyncio.sleep(latency_seconds)
        return FIXED

    async with GeminiServer(answer=answer) as server:
        print(server.base_url, flush=True)
        await stopping.wait()


def _size(request: ReceivedRequest) -> tuple[int, int]:
    with Image.open(io.BytesIO(decode_image(request))) as image:
        return image.size


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w", buffering=1) as file:
        asyncio.run(main(file, float(sys.argv[2]), sizes="--sizes" in sys.argv))
