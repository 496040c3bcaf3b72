"""Writes folders that training tools load: Hugging Face's imagefolder, kohya's text files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TextIO

from captiond.exporting.placing import Places
from captiond.index.browse import Shown

LOADED = {
    "imagefolder": frozenset({"jpeg", "png", "gif", "webp", "tiff", "bmp", "jpeg2000"}),
    "kohya": frozenset({"jpeg", "png", "webp", "bmp"}),
}
"""What the tools open without a plugin, as the index names formats."""

METADATA = "metadata.jsonl"


@dataclass(slots=True)
class Tally:
    """How many photos went in; `left_out` counts the others by why."""

    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def write_imagefolder(photos: Iterable[Shown], places: Places) -> Tally:
    """Write the photos with a `metadata.jsonl` in each folder: `file_name` and `text`.

    Raises OSError.
    """
    tally = Tally()
    with ExitStack() as stack:
        folder: PurePosixPath | None = None
        metadata: TextIO | None = None
        for shown in _loadable(photos, "imagefolder", tally):
            placed = places.put(shown)
            if placed is None:
                tally.left_out["gone"] += 1
                continue
            if metadata is None or placed.parent != folder:
                stack.close()
                folder = placed.parent
                path = places.target / folder / METADATA
                metadata = stack.enter_context(path.open("x", encoding="utf-8"))
            row = {"file_name": placed.name, "text": line_of(shown)}
            metadata.write(f"{json.dumps(row, ensure_ascii=False)}\n")
            tally.written += 1
    return tally


def write_kohya(photos: Iterable[Shown], places: Places) -> Tally:
    """Write the photos, each with the caption as one line in a `.txt` of its stem.

    Raises OSError.
    """
    tally = Tally()
    for shown in _loadable(photos, "kohya", tally):
        placed = places.put(shown, by_stem=True)
        if placed is None:
            tally.left_out["gone"] += 1
            continue
        text = (places.target / placed).with_suffix(".txt")
        with text.open("x", encoding="utf-8") as file:
            file.write(f"{line_of(shown)}\n")
        tally.written += 1
    return tally


def line_of(shown: Shown) -> str:
    """Return the caption on one line."""
    return " ".join((shown.entry.caption or "").split())


def _loadable(photos: Iterable[Shown], tool: str, tally: Tally) -> Iterable[Shown]:
    for shown in photos:
        if not line_of(shown):
            tally.left_out["no caption"] += 1
        elif shown.entry.format not in LOADED[tool]:
            tally.left_out[shown.entry.format or "unknown format"] += 1
        else:
            yield shown
