"""Words for rules of folders in tests."""

from __future__ import annotations

import os
from pathlib import Path

from captiond.rules.base import RULES_FILE


def write_rules(folder: Path, text: str | bytes) -> Path:
    """Put a file with these rules into a folder, made when needed, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / ".made"
    made.write_bytes(text if isinstance(text, bytes) else text.encode())
    return made.replace(folder / RULES_FILE)


def nested(root: Path, depth: int) -> str:
    """Make folders one in the other; return the innermost, beneath the root."""
    folder = "/".join(f"level {number}" for number in range(depth))
    os.makedirs(root / folder)  # noqa: PTH103 - as a library does
    return folder
