"""What becomes of captiond's sidecars where photos used to be."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from intake_helpers import intake, watched_folder, write_photo
from structlog.testing import capture_logs

from captiond.index.beside_base import DAY_SECONDS
from captiond.intake.attend import Intake, scan_once, tidy_once
from captiond.models import Photo, State, Written
from captiond.testing.memory_index import MemoryIndex


async def captioned(root: Path, *names: str) -> Intake:
    """Have photos captioned, with a text beside each that captiond wrote."""
    index = MemoryIndex()
    for name in names:
        write_photo(root / name, name.encode())
    intake_ = replace(intake(index, watched_folder(root)), writable=True)
    await scan_once(intake_)
    for photo, row in index.rows.items():
        sidecar = write_photo(root / f"{photo.path}.txt", f"about {photo.path}\n".encode())
        told = hashlib.sha256(sidecar.read_bytes()).hexdigest()
        row.written = {"txt": Written(sidecar.name, told)}
        row.state, row.digest, row.captioned_at = State.CAPTIONED, photo.name, 5.0
    return intake_


def rows(intake_: Intake) -> dict[str, object]:
    index = intake_.index
    assert isinstance(index, MemoryIndex)
    return {photo.path: row for photo, row in index.rows.items()}


def age(intake_: Intake, path: str) -> None:
    """Have a photo be gone for a day already."""
    row = rows(intake_)[path]
    row.gone_at -= DAY_SECONDS


async def test_a_photo_that_is_deleted_leaves_nothing_behind_after_a_day(tmp_path: Path):
    """Until then it may come back to its sidecar; the row goes on as missing."""
    looked_after = await captioned(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "a.jpg").unlink()
    await scan_once(looked_after)
    await tidy_once(looked_after)
    assert (tmp_path / "a.jpg.txt").exists()
    age(looked_after, "a.jpg")
    with capture_logs() as logs:
        await tidy_once(looked_after)
    assert {path.name for path in tmp_path.iterdir()} == {"b.jpg", "b.jpg.txt"}
    assert [line for line in logs if line["event"] == "sidecars.removed"] == [
        {"event": "sidecars.removed", "log_level": "info", "root": str(tmp_path), "count": 1}
    ]
    assert rows(looked_after)["a.jpg"].written == {}


async def test_a_photo_that_is_there_again_keeps_its_sidecar(tmp_path: Path):
    """Also before anybody has noticed that it came back."""
    looked_after = await captioned(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "away")
    await scan_once(looked_after)
    age(looked_after, "a.jpg")
    (tmp_path / "away").rename(tmp_path / "a.jpg")
    await tidy_once(looked_after)
    assert (tmp_path / "a.jpg.txt").exists()
    assert rows(looked_after)["a.jpg"].written != {}


async def test_nothing_is_removed_while_the_disk_is_away(tmp_path: Path):
    """Another disk, or none, where the photos were: what lies there is not captiond's to judge."""
    root = tmp_path / "root"
    looked_after = await captioned(root, "a.jpg", "b.jpg", "c.jpg")
    (root / "a.jpg").unlink()
    await scan_once(looked_after)
    age(looked_after, "a.jpg")
    root.rename(tmp_path / "unplugged")
    await tidy_once(looked_after)
    write_photo(root / "a.jpg.txt", b"about a.jpg\n")
    index = looked_after.index
    await index.save_disks(str(root), {"": "vfat another /"})
    await tidy_once(looked_after)
    assert (root / "a.jpg.txt").exists()
    assert rows(looked_after)["a.jpg"].written != {}


async def test_where_captiond_writes_nothing_it_removes_nothing(tmp_path: Path):
    """A folder without sidecars in its settings is left as it is."""
    looked_after = await captioned(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "a.jpg").unlink()
    await scan_once(looked_after)
    age(looked_after, "a.jpg")
    await tidy_once(replace(looked_after, writable=False))
    assert (tmp_path / "a.jpg.txt").exists()


async def test_a_folder_that_is_gone_is_done_with(tmp_path: Path):
    """Its sidecars went along; others are tidied all the same."""
    looked_after = await captioned(tmp_path, "x/a.jpg", "b.jpg", "c.jpg")
    shutil.rmtree(tmp_path / "x")
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "b.jpg.txt").write_text("edited since\n")
    await scan_once(looked_after)
    for path in ("x/a.jpg", "b.jpg"):
        age(looked_after, path)
    await tidy_once(looked_after)
    assert (tmp_path / "b.jpg.txt").read_text() == "edited since\n"
    assert await looked_after.index.beside.departed(str(tmp_path), now=1e12, limit=9) == []
    assert Photo(str(tmp_path), "c.jpg") in looked_after.index.rows
