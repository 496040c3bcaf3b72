"""A system that cannot confine a decoder: one clear warning, and limits that hold all the same."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import pytest
from bomb_helpers import bmp_hole
from images_helpers import ROCKET, asked, pooled
from sandbox_helpers import ran

from captiond.images import sandbox
from captiond.images.decoder import _ENVIRONMENT

LANDLOCK = 444
SECCOMP = sandbox._SECCOMP[sandbox._ARCHITECTURES[platform.machine()][0]]

OLD_SYSTEM = """
import anyio, contextlib, json, os, structlog, sys
from captiond.errors import PhotoError
from captiond.images import sandbox
from captiond.images.decoders import DecoderPool
from captiond.settings import ImageSettings

refused, number, photo, bomb = json.loads(sys.argv[1])
lines = [sandbox._when(sandbox._IF_EQUAL, n, sandbox._ERRNO | number) for n in refused]
last = sandbox._op(sandbox._RETURN, sandbox._ALLOW)
sandbox.install(b"".join([sandbox._op(sandbox._LOAD, 0), *sum(lines, []), last]))
structlog.configure(processors=[structlog.processors.JSONRenderer()])

async def main():
    pool = DecoderPool(ImageSettings(decode_megabytes=64), 1)
    for path in (photo, bomb, photo):
        try:
            made = await pool.prepare(os.open(path, os.O_RDONLY), "a" * 64)
            structlog.get_logger().info("test.shown", width=made.width)
        except PhotoError as error:
            structlog.get_logger().info("test.refused", reason=str(error))
        for _, decoder in pool._idle:
            decoder.close()
    await pool.aclose()

anyio.run(main)
"""
MISSING = {LANDLOCK: "Landlock", SECCOMP: "seccomp"}


@pytest.mark.parametrize(
    ("refused", "number"),
    [([LANDLOCK], 38), ([LANDLOCK], 95), ([SECCOMP], 22), ([LANDLOCK, SECCOMP], 38)],
    ids=["no Landlock", "Landlock switched off", "no seccomp", "neither"],
)
def test_a_system_without_walls_is_told_once(tmp_path: Path, refused: list[int], number: int):
    """Photos are decoded all the same, the limits hold, and the log says what is missing."""
    bomb = bmp_hole(tmp_path / "bomb.bmp", 12_000, 8_000)
    done = ran(OLD_SYSTEM, json.dumps([refused, number, str(ROCKET), str(bomb)]))
    assert done.returncode == 0, done.stderr.decode()
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line for line in told if line["event"].startswith("test.")] == [
        {"event": "test.shown", "width": 640},
        {
            "event": "test.refused",
            "reason": "decoding the BMP needs more memory than images.decode_megabytes = 64",
        },
        {"event": "test.shown", "width": 640},
    ]
    (warning,) = [line for line in told if line["event"] == "decoder.unconfined"]
    assert warning["missing"] == [f"{MISSING[call]}: {os.strerror(number)}" for call in refused]
    assert warning["meaning"] == "a decoder taken over by a photo is held by fewer walls"


async def test_a_child_inherits_neither_the_key_nor_a_file(monkeypatch: pytest.MonkeyPatch):
    """Nothing, its account of memory, and its end of the socket are open; a few words are told."""
    monkeypatch.setenv("GEMINI_API_KEY", "AQ.a-key-that-no-decoder-sees")
    with ROCKET.open("rb") as other:
        os.set_inheritable(other.fileno(), True)
        async with pooled() as pool:
            await asked(pool)
            process = Path("/proc", str(pool.pids()[0]))
            names = {line.split(b"=")[0] for line in environment(process)}
            assert names == {name.encode() for name in _ENVIRONMENT}
            assert not any(b"KEY" in name for name in names)
            assert b"AQ." not in (process / "cmdline").read_bytes()
            files = sorted(str(file.readlink()) for file in (process / "fd").iterdir())
    *plain, channel = files
    assert plain == ["/dev/null"] * 3 + [f"{process}/statm"]
    assert channel.startswith("socket:")


def environment(process: Path) -> list[bytes]:
    return (process / "environ").read_bytes().strip(b"\0").split(b"\0")


async def test_a_child_goes_before_the_daemon_when_memory_is_short():
    """A photo can be tried again; the kernel is told which of the two it had better kill."""
    async with pooled() as pool:
        await asked(pool)
        child = Path(f"/proc/{pool.pids()[0]}/oom_score_adj").read_text()
    assert int(child) >= int(Path("/proc/self/oom_score_adj").read_text()) + 500
