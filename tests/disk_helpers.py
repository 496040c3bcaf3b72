"""Small disks that run full or become read-only, for tests that are root."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@contextlib.contextmanager
def small_disk(folder: Path, *, kilobytes: int) -> Iterator[Path]:
    """Mount a file system of that size at the folder, which is made."""
    folder.mkdir(parents=True)
    try:
        mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "captiond-test", folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"NO MOUNTS HERE, NOT TESTED: {error.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Take all room of the folder's file system, and give it back."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as target:
        while True:
            target.write(bytes(1024))
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make the folder's file system read-only, and writable again."""
    mount("-o", "remount,ro", folder)
    try:
        yield
    finally:
        mount("-o", "remount,rw", folder)
