"""Words that change from round to round, and a look whether index and sidecars agree on them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon_helpers import Home, wait_until
from kill_helpers import sidecar_captions

from captiond.models import Description
from captiond.testing.gemini_wire import ReceivedRequest


@dataclass
class Rounds:
    """Describes every picture in words of its own, which name the round."""

    number: int = 1

    async def answer(self, request: ReceivedRequest) -> Description:
        name = hashlib.sha256(request.image).hexdigest()[:12]
        return Description(caption=f"Colours of round {self.number} named {name}.")


def shown(home: Home) -> dict[str, str]:
    """Return what each photo shows by its name."""
    return dict(home.rows("select name, caption from library"))


def rounds_shown(home: Home) -> set[str]:
    """Return the rounds that the captions shown come from."""
    return {caption.split()[3] for caption in shown(home).values()}


def all_captioned(home: Home) -> bool:
    """Tell whether every file has reached its end."""
    files = len(list(home.photos.rglob("*.jpg")))
    counted = "select count(*), sum(state = 'captioned') from photos"
    return bool(files) and home.rows(counted) == [(files, files)]


@contextlib.contextmanager
def settled(home: Home) -> Iterator[None]:
    """Run the daemon until every photo is captioned, then go on beside it."""
    with home.daemon():
        wait_until(lambda: all_captioned(home), what="all are captioned")
        yield


def assert_agreement(home: Home, *, photos: int) -> None:
    """Index, full text and every sidecar say the same of each photo; nobody holds one."""
    found = home.rows("select path, caption from library where state = 'captioned'")
    assert len(found) == photos
    for path, caption in found:
        assert sidecar_captions(Path(path)) == [caption] * 3
        word = caption.split()[-1].removesuffix(".")
        match = "select count(*) from photos_fts where photos_fts match ?"
        assert home.rows(match, f"{word} {caption.split()[3]}") == [(1,)]
    assert home.rows("select count(*) from photos where owner is not null") == [(0,)]
    assert home.rows("select count(*) from photos where anew_after is not null") == [(0,)]
    assert home.rows("pragma foreign_key_check") == []
    assert not list(home.photos.rglob(".captiond-*"))
