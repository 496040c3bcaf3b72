"""Looks for the key in everything that a run has left behind, printed or shown.

Homes are looked through after each test that made one (conftest.py), whether it passed or not.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import mmap
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psutil

KEY = 'end-to-end/"secret"+\\key=0123456789'
"""Like no real one: known only by being kept, and spelled otherwise in JSON, URLs and reprs."""
OTHER_KEY = "the-right-key"
SECRETS = (KEY, OTHER_KEY)

KEY_FILES = {"key", "good-key", "gemini-api-key"}
PHOTOS = re.compile(r"\.(jpe?g|png|webp|hei[cf]|avif|tiff?|gif|bmp|jp2)$", re.IGNORECASE)
"""Made by the tests, never written by captiond, and by the thousand."""

places: list[Callable[[], None]] = []
"""What looks through the homes of the test that is running."""


def spellings(secret: str) -> Iterator[bytes]:
    """Yield the key as it may stand in a log, a URL, a page, a repr, JSON, or inside base64."""
    once = {secret, *_escaped(secret)}
    yield from {again.encode() for one in once for again in (one, *_escaped(one))}
    for before in range(3):
        size = before + len(secret)
        encoded = base64.b64encode(b"\0" * before + secret.encode())
        whole = encoded[(0, 2, 3)[before] : size * 8 // 6]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def _escaped(text: str) -> tuple[str, ...]:
    quoted = quote(text), quote(text, safe="")
    return json.dumps(text)[1:-1], repr(text)[1:-1], html.escape(text), *quoted


NEEDLES = sorted({needle for secret in SECRETS for needle in spellings(secret)})


def assert_unseen(shown: bytes | str, where: object) -> None:
    """Fail if the key stands in what was shown there."""
    _search(shown.encode(errors="replace") if isinstance(shown, str) else shown, where)


def assert_unseen_beneath(folder: Path) -> None:
    """Fail if the key stands in any file beneath, its own and photos apart, or in a name."""
    for parent, _, names in os.walk(folder):
        for name in names:
            assert_unseen(os.fsencode(name), parent)
            if name not in KEY_FILES and not PHOTOS.search(name):
                _search_file(Path(parent, name))


def remember_process(pid: int) -> None:
    """Keep what a process and its children show of themselves, to be looked through as well."""
    try:
        family = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return
    for one in family:
        for shown in ("cmdline", "environ"):
            try:
                text = Path(f"/proc/{one}/{shown}").read_bytes()
            except OSError:  # gone, or closed to this user, which is as good
                continue
            places.append(functools.partial(assert_unseen, text, f"/proc/{one}/{shown}"))


def look_everywhere() -> None:
    """Look through the homes of this test, and forget them."""
    while places:
        places.pop()()


def _search_file(path: Path) -> None:
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or not found.st_size:
            return
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            _search(content, path)
    except OSError:  # gone by now, or of a file system that is
        return


def _search(shown: bytes | mmap.mmap, where: object) -> None:
    for needle in NEEDLES:
        at = shown.find(needle)
        assert at < 0, f"the key stands in {where}: {shown[max(at - 60, 0) : at + 80]!r}"
