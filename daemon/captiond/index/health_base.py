"""What a running daemon says of itself, for `captiond status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Health:
    """What a running daemon says of itself; `paused` is why nothing is asked, if anything.

    `found_by_event` and `found_by_scan` are finished files since `started_at`; `pace` is plain
    data: what was asked of late, and every limit with where it came from.
    """

    owner: str
    pid: int
    version: str
    started_at: float
    beat_at: float
    paused: str | None = None
    paused_until: float | None = None
    found_by_event: int = 0
    found_by_scan: int = 0
    pace: Mapping[str, Any] | None = None
