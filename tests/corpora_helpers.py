"""Finds the images that other projects test with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.fetch_corpora import corpora_folder


def corpora() -> list[Path]:
    """Return all files of the corpora; skips where they were not fetched."""
    folder = corpora_folder()
    if not folder.exists():
        pytest.skip(
            "the image corpora are not here, hundreds of strange files stay untried: "
            "`make corpora` fetches them"
        )
    return sorted(path for path in folder.rglob("*") if path.is_file())
