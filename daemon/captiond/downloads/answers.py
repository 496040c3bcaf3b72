"""Says what a server's answer means for a download."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from captiond.errors import DownloadDead, DownloadLater

LONGEST_PAUSE_SECONDS = 86_400.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WHOLE, PART, NO_SUCH_PART = 200, 206, 416
_LATER = frozenset({408, 421, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)")


class PartGone(DownloadLater):
    """What came before is of no use any more."""


def check_status(status: int, headers: Mapping[str, str], *, now: float) -> None:
    """See that a photo comes. Raises DownloadLater, or DownloadDead with the server's words.

    PartGone where there is no rest of what came before.
    """
    if status in {WHOLE, PART}:
        packing = headers.get("Content-Encoding", "identity").strip().lower()
        if packing not in {"", "identity"}:
            raise DownloadDead("the server sends it packed, although it was asked not to")
        return
    said = f"the server says {status} {_phrase(status)}".rstrip()
    if status == NO_SUCH_PART:
        raise PartGone("the server has no such rest of it as was asked for")
    if status in _LATER:
        raise DownloadLater(said, retry_after=_retry_after(headers.get("Retry-After", ""), now))
    raise DownloadDead(said)


def validator_of(headers: Mapping[str, str]) -> str:
    """Return what the server calls this version, by which the rest can be asked for; "" if nothing.

    A weak tag does not say that bytes are the same.
    """
    if headers.get("Accept-Ranges", "").strip().lower() == "none":
        return ""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified", "")


def begins_at(status: int, headers: Mapping[str, str]) -> int:
    """Return the place in the file that an answer begins at, in bytes; -1 where it does not say."""
    if status != PART:
        return 0
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    return int(found[1]) if found else -1


def check_whole(size_bytes: int, status: int, headers: Mapping[str, str]) -> None:
    """See that all of a photo came, where the server told a part's whole. Raises DownloadLater."""
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if status == PART and found and found[2] not in {"*", str(size_bytes)}:
        raise DownloadLater("the server sent a part of it alone")


def check_size(size_bytes: int, *, most_megabytes: int) -> None:
    """See that a photo is not too large. Raises DownloadDead."""
    if size_bytes > most_megabytes << 20:
        raise DownloadDead(f"larger than {most_megabytes} MB, which downloads.max_megabytes allows")


def _retry_after(text: str, now: float) -> float | None:
    """Return the seconds that a server asks to wait, None if it does not say."""
    if text.strip().isdecimal():
        seconds = float(text[:12])
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now
    return min(max(math.ceil(seconds), 1), LONGEST_PAUSE_SECONDS)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
