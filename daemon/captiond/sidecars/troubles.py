"""Remembers which folders cannot be written now, so that each trouble is told once.

A root that refuses sidecars is tried again after TRY_SECONDS, then twice as long each time, up to
TRY_LIMIT_SECONDS: a full disk is noticed to have room again soon, a read-only library of 100,000
photos costs little.
"""

from __future__ import annotations

from dataclasses import dataclass

from captiond.models import Photo

TRY_SECONDS = 5.0
TRY_LIMIT_SECONDS = 600.0
FORGET_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Trouble:
    folder: str
    again_at: float
    pause_seconds: float


class Troubles:
    """Holds the roots in trouble; synchronous, for the event loop's own thread."""

    def __init__(self) -> None:
        self._roots: dict[str, _Trouble] = {}

    def begin(self, photo: Photo, *, now: float) -> bool:
        """Note that a sidecar could not be written; return whether that is news."""
        known = self._roots.get(photo.root)
        if known is not None and now > known.again_at + FORGET_SECONDS:
            known = None  # nothing was tried there since: its photos are gone
        if known is None:
            trouble = _Trouble(photo.folder, now + TRY_SECONDS, TRY_SECONDS)
        elif now >= known.again_at:
            pause = min(known.pause_seconds * 2, TRY_LIMIT_SECONDS)
            trouble = _Trouble(photo.folder, now + pause, pause)
        else:
            trouble = known
        self._roots[photo.root] = trouble
        return known is None

    def again_at(self, photo: Photo, *, now: float) -> float:
        """Return when this photo's sidecars should be tried again."""
        known = self._roots.get(photo.root)
        return known.again_at if known else now

    def end(self, photo: Photo) -> bool:
        """Note that sidecars were written; return whether that ends a trouble.

        Only a success in the folder that failed does: beside a read-only folder the others go on.
        """
        known = self._roots.get(photo.root)
        if known is None or known.folder != photo.folder:
            return False
        del self._roots[photo.root]
        return True
