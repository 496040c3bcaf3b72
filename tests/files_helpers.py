"""What the tests of opening and of writing files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = os.geteuid() == 0
AWKWARD_NAMES = [
    "line\nbreak.jpg",
    "\U0001f6a2 ferry.jpg",
    "x" * 251 + ".jpg",
    os.fsdecode(b"latin-\xe9.jpg"),
    "-rf ~.jpg",
    " ",
]


def names(folder: Path) -> list[str]:
    """Return the names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def as_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in `folder` as a user without rights; whoever is not root is one already."""
    monkeypatch.chdir(folder)
    if not ROOT:
        yield
        return
    folder.chmod(folder.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
