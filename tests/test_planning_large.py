"""A plan for a large library: as fast as its headers can be read, in the same little memory."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from daemon_helpers import PROGRAM, Home, clean_environment

from captiond.testing.photo_maker import tiny_jpeg

FOLDER_PHOTOS = 500
MOST_MEMORY_KB = 120_000
SLOWEST_SECONDS_A_PHOTO = 0.002
MEASURE = """
import json, os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
code = os.waitstatus_to_exitcode(status)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
"""Runs a program from a small process: the kernel takes the starter's memory for the program's."""


def fill(home: Home, photos: int) -> None:
    """Link a few files under many names, which is quick."""
    for first in range(0, photos, FOLDER_PHOTOS):
        folder = home.photos / str(first)
        folder.mkdir()
        (folder / "0.jpg").write_bytes(tiny_jpeg(first))
        for number in range(1, FOLDER_PHOTOS):
            os.link(folder / "0.jpg", folder / f"{number}.jpg")


@pytest.mark.parametrize("photos", [5_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_a_large_library_is_planned_in_seconds(tmp_path: Path, record_property, photos) -> None:
    """Memory does not grow with it; `find` over the same folders is recorded beside."""
    home = Home(tmp_path, "http://127.0.0.1:9")
    fill(home, photos)
    began = time.monotonic()
    subprocess.run(
        ["find", home.photos, "-type", "f", "-size", "+0"], check=True, capture_output=True
    )
    found = time.monotonic()
    program = [PROGRAM, "--config", home.path / "config.toml", "plan", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *program],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
    )
    took = time.monotonic() - found
    *document, last = done.stdout.splitlines()
    code, cpu_seconds, memory_kb = json.loads(last)
    record_property("seconds", round(took, 2))
    record_property("find_seconds", round(found - began, 2))
    record_property("cpu_seconds", round(cpu_seconds, 2))
    record_property("memory_kb", memory_kb)
    assert (code, json.loads("\n".join(document))["to_caption"]) == (0, photos)
    assert memory_kb < MOST_MEMORY_KB
    assert cpu_seconds < 2 + photos * SLOWEST_SECONDS_A_PHOTO


def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    """A person who has seen enough gets the prompt back, without a traceback."""
    home = Home(tmp_path, "http://127.0.0.1:9")
    fill(home, 30_000)
    ours, its = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "--config", home.path / "config.toml", "plan"],
        stdout=subprocess.PIPE,
        stderr=its,
        env=clean_environment() | {"TERM": "xterm"},
    ) as program:
        os.close(its)
        told = b""
        while b"photos looked at" not in told:
            told += os.read(ours, 65536)
        program.send_signal(signal.SIGINT)
        assert program.stdout is not None
        assert program.stdout.read() == b""
        assert program.wait(timeout=30) == 130
    os.close(ours)
    assert b"Traceback" not in told
    assert not home.index.exists()
