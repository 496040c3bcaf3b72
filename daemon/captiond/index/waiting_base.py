"""Which photos wait because the rules of their folder are broken.

held    queued for later, with a reason that begins with the path of a `.captiond.toml`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Waiting(Protocol):
    """The photos that wait until the rules of their folder are mended."""

    async def folders(self, root: str, beneath: str) -> list[str]:
        """Return the folders at or beneath `beneath` ("" = all) with photos that are held."""

    async def wake(self, root: str, folders: Sequence[str], *, now: float) -> int:
        """Make the photos straight in these folders that are held due; return how many."""
