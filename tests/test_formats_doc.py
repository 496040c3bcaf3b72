"""docs/formats.md against the code."""

from __future__ import annotations

import re
from pathlib import Path

from captiond.images import kinds
from captiond.suffixes import PHOTO_SUFFIXES

TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (Path(__file__).parent.parent / "docs" / "formats.md").read_text().splitlines()
    if line.startswith("| ") and "`" in line
]


def test_every_name_of_photos_is_listed_and_no_other():
    """The table says of each what is shown."""
    listed = {
        name for row in TABLE for name in re.findall(r"\w+", " ".join(row[1].split("(")[0:1]))
    }
    assert listed == PHOTO_SUFFIXES


def test_every_kind_is_listed():
    """By the name that people read in messages."""
    told = " ".join(row[0] for row in TABLE)
    known = [kind for kind in vars(kinds).values() if isinstance(kind, kinds.Kind)]
    assert len(known) == 13
    for kind in known:
        assert kind.label.split()[0].casefold() in told.casefold()
