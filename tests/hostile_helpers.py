"""Strangers: one who swaps names as fast as the kernel lets him, and a model that says anything."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal
from PIL import Image

from captiond.testing.gemini_server import GeminiServer

SWAPS = """
import ctypes, os, signal, sys
libc, over = ctypes.CDLL(None), []
signal.signal(signal.SIGTERM, lambda *_: over.append(1))
one, other = map(os.fsencode, sys.argv[1:])
print("on", flush=True)
rounds = 0
while not over or rounds % 2:  # an even number: all lies where it lay
    assert not libc.renameat2(-100, one, -100, other, 2)  # AT_FDCWD, RENAME_EXCHANGE
    rounds += 1
print(rounds)
"""


@contextmanager
def swapping(one: Path, other: Path) -> Iterator[list[int]]:
    """Exchange two names in a tight loop; the number of swaps is in the list afterwards."""
    rounds: list[int] = []
    command = [sys.executable, "-c", SWAPS, one, other]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdout is not None
        attacker.stdout.readline()
        try:
            yield rounds
        finally:
            attacker.terminate()
            rounds.append(int(attacker.stdout.read()))


@contextmanager
def serving(**options: Any) -> Iterator[GeminiServer]:
    """Run the loopback Gemini in a thread, so that what it received can be looked at."""
    with start_blocking_portal() as portal:
        server = GeminiServer(**options)
        portal.call(server.start)
        try:
            yield server
        finally:
            portal.call(server.aclose)


def state_of(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return what a write, a rename or a new mode would change, of all that lies in a folder."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and status.st_size < 1 << 20 else None
        found[os.fsdecode(bytes(path))] = (
            status.st_ino,
            status.st_mode,
            status.st_uid,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            content,
        )
    return found


def middle_colour(jpeg: bytes) -> tuple[int, ...]:
    """Return the colour in the middle of a picture."""
    with Image.open(io.BytesIO(jpeg)) as image:
        found = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(found, tuple)
    return found


def coloured(colour: tuple[int, int, int]) -> bytes:
    """Return a JPEG of one colour."""
    made = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(made, "JPEG")
    return made.getvalue()
