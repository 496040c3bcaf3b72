"""Says in a sentence why a photo cannot be decoded, by what the libraries said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pyvips

from captiond.errors import Undecodable
from captiond.images.facts import RUBBISH
from captiond.images.kinds import Kind
from captiond.images.wire import Limits

_SIGNS_OF_A_CUT = ("premature", "truncated", "not enough", "unexpected end", "eof", "end of")
_SIGNS_OF_A_RARITY = ("support", "configured", "out of range", "whole number", "labq", "field 262")
_SIGNS_OF_MEMORY = (
    "out of memory",
    "insufficient memory",
    "memory allocation",
    "cannot allocate",
    "creating thread",
)

T = TypeVar("T")


def told(kind: Kind, limits: Limits, work: Callable[[], T]) -> T:
    """Do the work; whatever either library raises becomes Undecodable with a plain sentence."""
    try:
        return work()
    except pyvips.Error as error:
        raise _undecodable(kind, limits, _detail(error)) from error
    except MemoryError as error:
        raise _undecodable(kind, limits, _SIGNS_OF_MEMORY[0]) from error
    except RUBBISH as error:
        raise _undecodable(kind, limits, str(error)) from error


def _undecodable(kind: Kind, limits: Limits, detail: str) -> Undecodable:
    if _shows(_SIGNS_OF_MEMORY, detail):
        return Undecodable(
            f"decoding the {kind.label} needs more memory than "
            f"images.decode_megabytes = {limits.decode_megabytes}"
        )
    if _shows(_SIGNS_OF_A_CUT, detail):
        return Undecodable(f"the {kind.label} is cut off")
    if _shows(_SIGNS_OF_A_RARITY, detail):
        return Undecodable(f"the {kind.label} is damaged, or of a rare kind that cannot be read")
    return Undecodable(f"the {kind.label} is damaged or cut off")


def _detail(error: pyvips.Error) -> str:
    return f"{error.message} {error.detail}"


def _shows(signs: tuple[str, ...], detail: str) -> bool:
    said = detail.casefold()
    return any(sign in said for sign in signs)


def is_rare(error: pyvips.Error) -> bool:
    """Tell whether libvips met a kind that it does not know, rather than damage."""
    return _shows(_SIGNS_OF_A_RARITY, _detail(error))
