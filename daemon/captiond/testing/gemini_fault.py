"""Says what a fault is: an answer of the Gemini API that is no caption."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Manner(Enum):
    """How the bytes of a fault come over the wire."""

    WHOLE = "whole"
    DRIP = "drip"
    RESET = "reset"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is no caption: an HTTP status and a body, or worse.

    `seconds` is how long a body takes that drips.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    manner: Manner = Manner.WHOLE
    seconds: float = 0.0


def refusal(
    code: int, status: str, message: str, details: Sequence[dict[str, Any]] | None = None
) -> Fault:
    """Return an error in the form of Google's APIs."""
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details is not None:
        error["details"] = list(details)
    return Fault(code, json.dumps({"error": error}).encode())


class Refused(Exception):
    """The API answers with an error; `fault` is that answer."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.body.decode())
        self.fault = fault
