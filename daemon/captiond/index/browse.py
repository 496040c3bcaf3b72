"""Reads a whole library in the order of its folders, a bounded part at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from captiond.index.names import from_stored, to_stored
from captiond.index.search import COLUMNS, Entry, Library, splits

PART = 500

_KEY = "photos.root, photos.folder, photos.name"
_CAPTIONED = "photos.caption IS NOT NULL AND photos.state <> 'missing'"
_BENEATH = """
    photos.root = ? AND (? = '' OR photos.folder = ? OR photos.folder >= ? AND photos.folder < ?)
"""
_FACTS = ("lens", "source", "taken_from")


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo that shows a caption, with where it lies and what else is known of it."""

    root: str
    path: str
    entry: Entry
    lens: str | None = None
    source: str | None = None
    taken_from: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the columns of the view `library`, then the rest, as plain data for JSON."""
        facts = {name: getattr(self, name) for name in _FACTS}
        return {**self.entry.to_dict(), **facts}


EXPORTED = (*COLUMNS, *_FACTS)


def browse(library: Library, root: str, beneath: str = "") -> Iterator[Shown]:
    """Yield the photos of a root that show a caption, at or beneath a folder ("" = all of it).

    Raises LibraryUnavailable.
    """
    stored = to_stored(beneath)
    inside = (to_stored(root), stored, stored, f"{stored}/", f"{stored}0")
    sql = _select(library)
    after: Sequence[object] = ("", "")
    while part := library.rows(sql, (*inside, *after, PART)):
        for row in part:
            yield _shown(row)
        after = part[-1][1:3]


def roots(library: Library) -> list[str]:
    """Return the roots that photos lie beneath."""
    rows = library.rows("SELECT DISTINCT root FROM photos ORDER BY root", ())
    return [from_stored(root) for (root,) in rows]


def facts_of(library: Library, path: str) -> dict[str, Any]:
    """Return what is known of a photo beside the view `library`; raises LibraryUnavailable."""
    if not _has_facts(library):
        return dict.fromkeys(_FACTS)
    sql = f"""
        SELECT {", ".join(_FACTS)} FROM photos
        JOIN library_facts_by_id AS facts ON facts.id = photos.id
        WHERE photos.root = ? AND photos.folder = ? AND photos.name = ?
    """  # noqa: S608 constant columns
    found = (library.rows(sql, key) for key in splits(to_stored(path)))
    row = next((rows[0] for rows in found if rows), (None,) * len(_FACTS))
    return dict(zip(_FACTS, row, strict=True))


def _has_facts(library: Library) -> bool:
    """Tell whether it has the view; an index of an older captiond lacks it."""
    sql = "SELECT 1 FROM sqlite_master WHERE name = 'library_facts_by_id'"
    return bool(library.rows(sql, ()))


def _select(library: Library) -> str:
    known = _has_facts(library)
    facts = [f"facts.{name}" if known else "NULL" for name in _FACTS]
    columns = ", ".join([_KEY, *(f"library_by_id.{name}" for name in COLUMNS), *facts])
    joined = "JOIN library_facts_by_id AS facts ON facts.id = photos.id" if known else ""
    return f"""
        SELECT {columns} FROM photos JOIN library_by_id ON library_by_id.id = photos.id {joined}
        WHERE {_BENEATH} AND {_CAPTIONED} AND (photos.folder, photos.name) > (?, ?)
        ORDER BY photos.folder, photos.name LIMIT ?
    """  # noqa: S608 constant columns


def _shown(row: Sequence[Any]) -> Shown:
    root, folder, name = map(from_stored, row[:3])
    values = dict(zip(COLUMNS, row[3:], strict=False))
    values["keywords"] = tuple(json.loads(values["keywords"] or "[]"))
    path = f"{folder}/{name}" if folder else name
    return Shown(root, path, Entry(**values), *row[3 + len(COLUMNS) :])
