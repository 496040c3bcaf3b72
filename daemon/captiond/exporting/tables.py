"""Writes captions as lines: JSON for programs, CSV for spreadsheets."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import Any, TextIO

from captiond.index.browse import EXPORTED, Shown
from captiond.visible import escape_json, spelled_out

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_jsonl(photos: Iterable[Shown], out: TextIO) -> int:
    """Write one JSON object a line; return how many."""
    count = 0
    for shown in photos:
        out.write(f"{escape_json(json.dumps(shown.to_dict(), ensure_ascii=False))}\n")
        count += 1
    return count


def write_csv(photos: Iterable[Shown], out: TextIO) -> int:
    """Write a table with a head, keywords divided by "; "; return how many rows.

    A text that a spreadsheet would take for a formula gets an apostrophe before it: a caption is
    what a model read in a picture that anyone may have sent.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(EXPORTED)
    count = 0
    for shown in photos:
        values = shown.to_dict()
        values["keywords"] = "; ".join(values["keywords"])
        writer.writerow([_cell(values[name]) for name in EXPORTED])
        count += 1
    return count


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = "\n".join(map(spelled_out, value.split("\n")))
    return f"'{text}" if text.startswith(_FORMULA) else text
