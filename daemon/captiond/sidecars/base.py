"""Beside the photo.

sidecar     a file beside the photo that carries its caption
kind        "txt", "json" or "xmp"
ours        written by captiond and not changed since: by digest, or by its own marks
foreign     anything else: a person's or another program's, and left alone
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from captiond.models import Caption


@dataclass(frozen=True, slots=True)
class Subject:
    """What a sidecar is about: the photo's file name, its caption, captiond's version."""

    name: str
    caption: Caption
    version: str


class Sidecar(Protocol):
    """One kind of sidecar."""

    kind: str

    def file_name(self, photo_name: str) -> str:
        """Return the sidecar's file name beside the photo."""

    def render(self, subject: Subject) -> bytes:
        """Return the whole file; the same subject always gives the same bytes."""

    def is_ours(self, content: bytes) -> bool:
        """Tell whether a file bears captiond's own marks, for when the index was lost."""
