"""Answers questions about an index, without a daemon and without changing anything.

    with captiond.open_index() as library:
        for entry in library.search('"red boat" harbour*', limit=5):
            print(entry.path, entry.caption)

In SQL, `library` is the face for people. Full text joins through `library_by_id`, which has the
same columns behind an `id`:

    SELECT path, l.caption FROM photos_fts JOIN library_by_id AS l ON l.id = photos_fts.rowid
    WHERE photos_fts MATCH 'boat' ORDER BY rank LIMIT 20

Only the standard library is imported here: `captiond search` starts in under 100 ms.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from captiond.index.connections import FAILURES, connect_reading, unavailable
from captiond.index.match import to_match
from captiond.index.names import to_stored

if TYPE_CHECKING:  # their many dataclasses take 17 ms to build, which a search does without
    from captiond.index.health_base import Health
    from captiond.index.history_base import Past
    from captiond.index.jobs_base import Job
    from captiond.models import State

RANKED = 5000
"""Only the newest matches are ranked: the most common word of a million captions would take 281 ms,
so it takes 9 ms (28 with 20,000). All of a `captiond search` stays under 100 ms with it."""


@dataclass(frozen=True, slots=True)
class Entry:
    r"""One photo as the view `library` shows it; `snippet` marks the words found with `**`.

    Times are ISO 8601 in UTC, `keywords` a tuple. A byte of a name that is not UTF-8 reads `\xff`.
    """

    path: str
    folder: str
    name: str
    state: str
    reason: str | None
    caption: str | None
    title: str | None
    alt_text: str | None
    keywords: tuple[str, ...]
    text: str | None
    language: str | None
    model: str | None
    origin: str | None
    digest: str | None
    format: str | None
    width: int | None
    height: int | None
    taken_at: str | None
    camera: str | None
    latitude: float | None
    longitude: float | None
    place: str | None
    seen_at: str
    captioned_at: str | None
    cost_usd: float | None
    snippet: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the columns as plain data for JSON, without the snippet."""
        values = asdict(self)
        del values["snippet"]
        values["keywords"] = list(self.keywords)
        return values


COLUMNS = tuple(field.name for field in fields(Entry) if field.name != "snippet")

# caption, title, alt_text, keywords, text, name, folder
_RANK = "bm25(photos_fts, 10.0, 8.0, 4.0, 6.0, 2.0, 2.0, 1.0)"
_FLOOR = """
    SELECT min(id) FROM (
        SELECT photos_fts.rowid AS id FROM photos_fts {joined}
        WHERE photos_fts MATCH :match {filters} ORDER BY photos_fts.rowid DESC LIMIT :ranked
    )
"""
# SQLite computes a snippet only for a row that is among the best so far
_BEST = """
    SELECT photos.id, snippet(photos_fts, -1, '**', '**', '…', 24)
    FROM photos_fts JOIN photos ON photos.id = photos_fts.rowid
    WHERE photos_fts MATCH :match AND photos_fts.rowid >= :floor AND photos.state <> 'missing'
    {filters} ORDER BY {rank}, photos.id DESC LIMIT :limit
"""
OPEN_JOBS = """
    SELECT id, model, requests, created_at, sent_at, name FROM jobs WHERE ended_at IS NULL
    ORDER BY created_at
"""
_LANES = """
    SELECT lane, count(*) FROM photos INDEXED BY photos_due
    WHERE state = 'queued' AND retry_at IS NULL AND owner IS NULL GROUP BY lane
    UNION ALL
    SELECT lane, count(*) FROM photos INDEXED BY photos_later
    WHERE state = 'queued' AND retry_at IS NOT NULL AND owner IS NULL GROUP BY lane
"""
_IN_JOBS = "SELECT count(*) FROM photos WHERE owner >= 'job ' AND owner < 'job!'"
"""As `jobs_base.owner_of` names them; no host has a space in its name."""
_FAILED = """
    SELECT id FROM photos INDEXED BY photos_troubled
    WHERE reason IS NOT NULL AND state IN ('failed', 'refused', 'skipped', 'queued')
    ORDER BY seen_at DESC LIMIT ?
"""


class Library:
    """An index opened for reading; a context manager. Every method raises LibraryUnavailable."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._db = connect_reading(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def search(
        self, query: str, *, folder: str | None = None, since: float | None = None, limit: int = 20
    ) -> list[Entry]:
        """Return the photos that match best: words, "phrases", prefix*; all must match.

        `folder` is absolute: only photos at or beneath it; `since` in unix seconds: only photos
        seen from then on. Missing photos are left out; anything may be typed.
        """
        match = to_match(query)
        if not match:
            return []
        values: dict[str, object] = {"match": match, "ranked": RANKED, "limit": limit}
        filters = self._filters(folder, since, values)
        joined = "JOIN photos ON photos.id = photos_fts.rowid" if filters else ""
        floor = _FLOOR.format(joined=joined, filters=filters)
        ((values["floor"],),) = self.rows(floor, values)
        best = self.rows(_BEST.format(filters=filters, rank=_RANK), values)
        return [self._entry(row_id, snippet) for row_id, snippet in best]

    def get(self, path: str | os.PathLike[str]) -> Entry | None:
        """Return what is known of the photo at this absolute path, None if nothing is."""
        stored = to_stored(os.fspath(path))
        for root, folder, name in splits(stored):
            found = self.rows(
                "SELECT id FROM photos WHERE root = ? AND folder = ? AND name = ?",
                (root, folder, name),
            )
            if found:
                return self._entry(found[0][0])
        return None

    def history(self, path: str | os.PathLike[str]) -> list[Past]:
        """Return every caption of this photo's content, the newest first."""
        from captiond.index.history import past_of

        try:
            found = (past_of(self._db, key) for key in splits(to_stored(os.fspath(path))))
            return next(filter(None, found), [])
        except FAILURES as error:
            raise unavailable(self.path, error) from error

    def failed(self, limit: int = 100) -> list[Entry]:
        """Return photos with a reason, newest first: failed, refused, skipped, tried in vain."""
        return [self._entry(row_id) for (row_id,) in self.rows(_FAILED, (limit,))]

    def counts(self) -> dict[State, int]:
        """Return how many photos stand in each state; a state without photos is absent."""
        from captiond.models import State

        rows = self.rows("SELECT state, count(*) FROM photos GROUP BY state", ())
        return {State(state): count for state, count in rows}

    def queue(self) -> dict[str, int]:
        """Return how many photos wait: `arrivals`, `backlog`, and `jobs` for those in jobs."""
        from captiond.models import Lane

        waiting = Counter[int]()
        for lane, count in self.rows(_LANES, ()):
            waiting[lane] += count
        ((in_jobs,),) = self.rows(_IN_JOBS, ())
        return {
            "arrivals": waiting[Lane.ARRIVAL],
            "backlog": waiting[Lane.BACKLOG],
            "jobs": in_jobs,
        }

    def health(self) -> Health | None:
        """Return what the daemon said of itself last, None if none ever ran."""
        from captiond.index.health_base import Health

        # by name: an index of an older daemon lacks the newer columns
        rows = self.rows("SELECT name FROM pragma_table_info('daemon')", ())
        known = [field.name for field in fields(Health) if (field.name,) in rows]
        latest = f"SELECT {', '.join(known)} FROM daemon ORDER BY beat_at DESC LIMIT 1"  # noqa: S608 constant columns
        rows = self.rows(latest, ())
        if not rows:
            return None
        values = dict(zip(known, rows[0], strict=True))
        if values.get("pace") is not None:
            values["pace"] = json.loads(values["pace"])
        return Health(**values)

    def jobs(self) -> list[Job]:
        """Return the open batch jobs, the oldest first."""
        from captiond.index.jobs_base import Job

        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'jobs'", ()):
            return []  # an index of an older daemon
        names = ("id", "model", "requests", "created_at", "sent_at", "name")
        found = self.rows(OPEN_JOBS, ())
        return [Job(**dict(zip(names, row, strict=True))) for row in found]

    def _filters(self, folder: str | None, since: float | None, values: dict[str, object]) -> str:
        filters = ""
        if since is not None:
            values["since"] = since
            filters += " AND photos.seen_at >= :since"
        if folder is not None:
            beneath = self._beneath(to_stored(folder).rstrip("/") or "/", values)
            filters += f" AND ({beneath})"
        return filters

    def _beneath(self, folder: str, values: dict[str, object]) -> str:
        """Return the condition for photos at or beneath an absolute folder, whatever its roots."""
        either = ["0"]
        for at, root in enumerate(self._roots()):
            inner = _relative(folder, root)
            if inner is None:
                continue
            values |= {f"root{at}": root, f"at{at}": inner, f"in{at}": f"{inner}/"}
            condition = f"photos.root = :root{at}"
            if inner:
                condition += (
                    f" AND (photos.folder = :at{at}"
                    f" OR substr(photos.folder, 1, length(:in{at})) = :in{at})"
                )
            either.append(condition)
        return " OR ".join(either)

    def _roots(self) -> Iterator[str]:
        root = ""
        while True:
            ((found,),) = self.rows("SELECT min(root) FROM photos WHERE root > ?", (root,))
            if found is None:
                return
            yield found
            root = found

    def _entry(self, row_id: int, snippet: str | None = None) -> Entry:
        columns = ", ".join(COLUMNS)
        (row,) = self.rows(f"SELECT {columns} FROM library_by_id WHERE id = ?", (row_id,))  # noqa: S608 constant columns
        values = dict(zip(COLUMNS, row, strict=True))
        values["keywords"] = tuple(json.loads(values["keywords"] or "[]"))
        return Entry(**values, snippet=snippet)

    def rows(self, sql: str, values: Sequence[object] | dict[str, object]) -> list[tuple[Any, ...]]:
        """Return what a query of this package finds."""
        try:
            return self._db.execute(sql, values).fetchall()
        except FAILURES as error:
            raise unavailable(self.path, error) from error


def splits(path: str) -> Iterator[tuple[str, str, str]]:
    """Yield every way to read an absolute path as root, folder and name."""
    parent, _, name = path.rpartition("/")
    root, folder = parent, ""
    while root:
        yield root, folder, name
        root, _, last = root.rpartition("/")
        folder = f"{last}/{folder}" if folder else last
    yield "/", folder, name


def _relative(folder: str, root: str) -> str | None:
    """Return what of `root` lies at or beneath `folder`: "" for all, else a folder, else None."""
    inside_root = f"{root.rstrip('/')}/"
    inside_folder = f"{folder.rstrip('/')}/"
    if inside_root.startswith(inside_folder):
        return ""
    if inside_folder.startswith(inside_root):
        return inside_folder[len(inside_root) : -1]
    return None
