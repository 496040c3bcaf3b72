"""Reads what the index knows of folders, for the scan's own thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captiond.index.connections import FAILURES, connect_reading, unavailable
from captiond.index.folders_base import KnownFile
from captiond.index.names import from_stored, to_stored
from captiond.models import State

_FILES = """
    SELECT name, size, mtime_ns, state, beside, captioned_at FROM photos
    WHERE root = ? AND folder = ?
"""
_NEXT_FOLDER = """
    SELECT min(folder) FROM photos WHERE root = ? AND folder > ? AND folder < ?
"""
_HAS_PHOTO = """
    SELECT 1 FROM photos WHERE root = ? AND folder = ? AND state <> 'missing' LIMIT 1
"""
_AFTER_ALL = "\U0010ffff"


class SqliteFolderView:
    """A FolderView on a connection of its own; raises LibraryUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = connect_reading(path)

    def digest(self, root: str, folder: str) -> str | None:
        """Return the folder's digest as last saved, None if there is none."""
        rows = self._rows(
            "SELECT digest FROM directories WHERE root = ? AND folder = ?",
            to_stored(root),
            to_stored(folder),
        )
        return rows[0][0] if rows else None

    def files(self, root: str, folder: str) -> dict[str, KnownFile]:
        """Return what is known of the files straight in `folder`, by name, `missing` ones too."""
        rows = self._rows(_FILES, to_stored(root), to_stored(folder))
        return {
            from_stored(name): KnownFile(size, int(mtime_ns), State(state), *more)
            for name, size, mtime_ns, state, *more in rows
        }

    def folders(self, root: str, beneath: str) -> list[str]:
        """Return the folders at or beneath `beneath` ("" = all) with a row that is not missing."""
        stored = to_stored(root)
        return [
            from_stored(folder)
            for folder in self._known_folders(stored, to_stored(beneath))
            if self._rows(_HAS_PHOTO, stored, folder)
        ]

    def disks(self, root: str) -> dict[str, str]:
        """Return which file system lay at which folder of the root, as last saved."""
        rows = self._rows("SELECT folder, identity FROM disks WHERE root = ?", to_stored(root))
        return {from_stored(folder): from_stored(identity) for folder, identity in rows}

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _known_folders(self, root: str, beneath: str) -> Iterator[str]:
        """Leap from folder to folder along the index, not from file to file."""
        yield beneath
        # "0" follows "/": what lies between "a/" and "a0" lies beneath "a"
        folder, end = (f"{beneath}/", f"{beneath}0") if beneath else ("", _AFTER_ALL)
        while True:
            ((found,),) = self._rows(_NEXT_FOLDER, root, folder, end)
            if found is None:
                return
            yield found
            folder = found

    def _rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except FAILURES as error:
            raise unavailable(self._path, error) from error
