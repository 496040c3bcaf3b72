"""Tells which photos from the web are still awaited, or did not come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever asks has one open
    from collections.abc import Callable

    from captiond.index.search import Library

_IS_NEW = "SELECT 1 FROM sqlite_master WHERE name = 'downloads'"
_COUNTS = "SELECT state, count(*) FROM downloads WHERE state <> 'done' GROUP BY state"
_TROUBLED = """
    SELECT state, reason, url, added_at FROM downloads
    WHERE reason IS NOT NULL AND state IN ('failed', 'queued') ORDER BY added_at DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Awaited:
    """An address that failed, or was tried in vain; `path` is the address, `seen_at` ISO 8601."""

    state: str
    reason: str
    path: str
    seen_at: str


def awaited(library: Library, limit: int, told: Callable[[str], str]) -> list[Awaited]:
    """Return the newest addresses with a reason; `told` leaves out what is nobody's business."""
    if not library.rows(_IS_NEW, ()):
        return []  # an index of an older daemon
    found = library.rows(_TROUBLED, (limit,))
    return [Awaited(state, reason, told(url), _moment(at)) for state, reason, url, at in found]


def awaited_counts(library: Library) -> dict[str, int]:
    """Return how many addresses are `queued`, `underway` and `failed`."""
    counts = dict.fromkeys(("queued", "underway", "failed"), 0)
    if library.rows(_IS_NEW, ()):
        counts.update(library.rows(_COUNTS, ()))
    return counts


def _moment(unix_seconds: float) -> str:
    return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
