"""An index that an older captiond wrote: read as it is, brought up to date by the daemon."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from index_helpers import add_captioned

from captiond.index.health_base import Health
from captiond.index.search import Library
from captiond.index.store import SqliteIndex


async def make_first_version(path: Path) -> None:
    """Leave an index as version 0001 wrote it, with a photo and a daemon's health."""
    index = await SqliteIndex.open(path)
    await add_captioned(index)
    await index.beat(Health("box", 7, "0.1.0", 1.0, 2.0))
    await index.aclose()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            """
            DROP TABLE disks;
            ALTER TABLE daemon DROP COLUMN found_by_event;
            ALTER TABLE daemon DROP COLUMN found_by_scan;
            DELETE FROM _sqlite_migrations WHERE name = '0002_disks';
            """
        )


async def test_an_index_of_the_first_version_is_read_as_it_is(tmp_path):
    """`captiond status` works between the update and the daemon's restart."""
    await make_first_version(tmp_path / "index.db")
    with Library(tmp_path / "index.db") as library:
        assert library.health() == Health("box", 7, "0.1.0", 1.0, 2.0)


async def test_an_index_of_the_first_version_is_brought_up_to_date(tmp_path):
    """Opening it to write adds what is new and keeps what was there."""
    await make_first_version(tmp_path / "index.db")
    index = await SqliteIndex.open(tmp_path / "index.db")
    try:
        await index.save_disks("/photos", {"": "ext4 1 /"})
        await index.beat(Health("box", 8, "0.2.0", 3.0, 4.0, found_by_event=5, found_by_scan=6))
        view = index.folder_view()
        assert view.disks("/photos") == {"": "ext4 1 /"}
        assert set(view.files("/photos", "")) == {"a.jpg"}
        view.close()
    finally:
        await index.aclose()
    with Library(tmp_path / "index.db") as library:
        health = library.health()
        assert health is not None
        assert (health.version, health.found_by_event, health.found_by_scan) == ("0.2.0", 5, 6)
