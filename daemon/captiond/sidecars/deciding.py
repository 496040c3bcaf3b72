"""Decides about one sidecar by what lies there."""

from __future__ import annotations

from enum import Enum, auto

from captiond.models import Written
from captiond.sidecars.base import Subject


class Decision(Enum):
    """What is done about one sidecar."""

    WRITE = auto()
    MERGE = auto()
    REMOVE = auto()
    LEAVE = auto()
    FORGO = auto()


def decide(
    kind: str,
    subject: Subject,
    written: Written | None,
    *,
    lies: bool,
    is_whole: bool,
    adopted: bool,
) -> Decision:
    """Return what is done; `written` is what captiond wrote there before.

    `lies`: something is there. `is_whole`: captiond wrote all of it, and nobody edited it since.
    What captiond wrote and is gone was deleted by a person, and stays so until somebody asks.
    """
    silent = kind == "txt" and not subject.caption.description.caption
    if not lies:
        deleted = written is not None and bool(written.digest) and not subject.anew
        unwanted = deleted or silent or (kind == "xmp" and adopted)
        return Decision.FORGO if unwanted else Decision.WRITE
    if is_whole:
        return Decision.REMOVE if silent else Decision.WRITE
    return Decision.MERGE if kind == "xmp" else Decision.LEAVE
