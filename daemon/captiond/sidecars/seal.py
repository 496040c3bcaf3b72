"""Seals a file that captiond wrote, so that any edit since shows without the index.

The seal is the sha256 of the whole file with zeros where the seal stands. It tells a file that a
person or another program touched from one that nobody did; it protects against nobody.
"""

from __future__ import annotations

import hashlib

BLANK = "0" * 64
"""Stands where the seal will be."""


def seal(blank: bytes, mark: bytes) -> bytes:
    """Return the file with its seal in place of BLANK, which follows right after `mark`."""
    at = blank.index(mark) + len(mark)
    digest = hashlib.sha256(blank).hexdigest().encode()
    return blank[:at] + digest + blank[at + len(BLANK) :]


def is_sealed(content: bytes, mark: bytes) -> bool:
    """Tell whether the file bears its own seal."""
    head, found, tail = content.partition(mark)
    blank = head + mark + BLANK.encode() + tail[len(BLANK) :]
    return bool(found) and seal(blank, mark) == content
