"""Edits by many people, and a daemon that is killed while it takes them."""

from __future__ import annotations

import random
import signal
from pathlib import Path

from daemon_helpers import Home, counters, gemini, select_nothing, wait_until
from kill_helpers import make_photo
from people_helpers import captioned

PHOTOS = 40


def test_edits_and_kills(tmp_path: Path) -> None:
    """What follows beside a photo stands in the index before; no edit is lost, nobody is asked."""
    rng = random.Random(3)  # noqa: S311 moments, no secrets
    with gemini() as url:
        home = Home(tmp_path, url)
        for number in range(PHOTOS):
            (home.photos / f"{number}.jpg").write_bytes(make_photo(number))
        with captioned(home, photos=PHOTOS):
            pass
        for number in range(PHOTOS):
            (home.photos / f"{number}.jpg.txt").write_text(f"Our picture number {number}x.\n")
        for kills in range(1, 4):
            with home.start() as process:
                wait_until(lambda enough=kills * 8: len(followed(home)) >= enough)
                select_nothing(rng.uniform(0.0, 0.05))
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert followed(home) <= edited(home)
        with home.daemon():
            wait_until(lambda: len(followed(home)) == PHOTOS, what="all sidecars follow")
        assert len(edited(home)) == PHOTOS
        assert counters(url)["requests"] == PHOTOS
    assert home.rows("select count(*) from captions") == [(2 * PHOTOS,)]


def edited(home: Home) -> set[str]:
    """Return the photos that show a person's words."""
    return {name for (name,) in home.rows("select name from library where origin = 'human'")}


def followed(home: Home) -> set[str]:
    """Return the photos whose XMP holds a person's words."""
    files = home.photos.glob("*.xmp")
    return {path.name.removesuffix(".xmp") for path in files if "Our picture" in path.read_text()}
