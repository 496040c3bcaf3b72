"""Keeps the key secret: out of every text, out of every core dump."""

from __future__ import annotations

import base64
import ctypes
import html
import json
import re
import resource
from contextlib import suppress
from urllib.parse import quote

SHORTEST_SECRET = 8
"""A Gemini key has 39 characters; to mask a short word would garble the log and hide nothing."""

_PR_SET_DUMPABLE = 4
_MASK = "[secret]"
# No word boundary before them: on a terminal the "m" of a colour code stands right there.
_LIKE_SECRETS = re.compile(
    r"""(?P<query>(?i:[?&](?:api_?)?key=))[^&\s"'<>\\\x1b]+
    | (?P<login>://)[^/@\s"'<>\\\x1b]+(?=@)
    | AIza[\w-]{16,}
    | ya29\.[\w.-]{16,}
    | (?<![A-Z0-9])AQ\.[\w.-]{16,}""",
    re.VERBOSE | re.ASCII,
)
_secrets: set[str] = set()


def keep_secret(value: str) -> None:
    """Mask this value in every text from now on."""
    if len(value) >= SHORTEST_SECRET:
        # Twice, as the repr of a header may stand in JSON, and a quoted URL in HTML.
        _secrets.update(again for one in _spellings(value) for again in _spellings(one))


def redact(text: str) -> str:
    """Return the text without the secrets, and without what looks like one."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return _LIKE_SECRETS.sub(lambda found: (found["query"] or found["login"] or "") + _MASK, text)


def forbid_core_dumps() -> None:
    """Have no crash of this process write its memory, in which the key is, anywhere.

    The limit alone does not bind where `core_pattern` is a pipe, as with systemd-coredump: see
    core(5). A process that is not dumpable leaves nothing there either, and its memory and
    environment are closed to other programs of the same user; root can still debug it. Children
    that are started anew can be dumped again, but for the limit, and know no key.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    with suppress(AttributeError, OSError):  # no Linux
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _spellings(text: str) -> set[str]:
    return {
        text,
        json.dumps(text)[1:-1],
        repr(text)[1:-1],
        quote(text, safe=""),
        html.escape(text),
        base64.b64encode(text.encode()).decode(),
    }
