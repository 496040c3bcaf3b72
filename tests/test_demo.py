"""`captiond demo`: what a newcomer runs first."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from daemon_helpers import PHOTOS, PROGRAM, clean_environment


def demo(*arguments: str) -> tuple[str, Path]:
    """Run the demo to its end; return what it printed, and its folder."""
    ended = subprocess.run(
        [PROGRAM, "demo", *arguments],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
        timeout=120,
    )
    found = re.search(r"Photos and sidecars: (\S+)/photos", ended.stdout)
    assert found is not None
    return ended.stdout, Path(found[1])


def test_it_captions_its_photos_finds_them_and_ends() -> None:
    """Eight photos, sidecars beside each, three searches with hits, no word of Gemini's."""
    told, home = demo()
    try:
        assert "THESE CAPTIONS ARE NOT GEMINI'S" in told
        assert "nothing found" not in told
        photos = [p for p in (home / "photos").iterdir() if p.suffix in {".jpg", ".heic", ".webp"}]
        assert len(photos) == 8
        for photo in photos:
            for suffix in (".txt", ".xmp", ".caption.json"):
                assert photo.with_name(photo.name + suffix).exists()
        with closing(sqlite3.connect(home / "index.db")) as index:
            states = index.execute("select distinct state from library").fetchall()
            assert states == [("captioned",)]
            asked = index.execute("select state, count(*) from requests group by 1").fetchall()
            assert asked == [("answered", 8)]
    finally:
        shutil.rmtree(home)


def test_a_folder_of_ones_own_is_only_read(tmp_path: Path) -> None:
    """The user's photos are copied; nothing is written beside the originals."""
    (tmp_path / "sub").mkdir()
    for name in ("rocket.jpg", "hopper.jpg"):
        shutil.copyfile(PHOTOS / name, tmp_path / "sub" / name)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    told, home = demo(str(tmp_path))
    shutil.rmtree(home)
    assert "rocket.jpg" in told
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
