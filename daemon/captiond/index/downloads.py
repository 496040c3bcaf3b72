"""Keeps the addresses to be fetched, and where contents came from."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from captiond.index.downloads_base import Download, Stage, Wanted
from captiond.index.names import from_stored, plain, to_stored
from captiond.index.rows import photo_key
from captiond.models import Photo

T = TypeVar("T")

COLUMNS = "id, address, url, host, root, folder, state, reason, attempts, retry_at, validator, name"
_DUE = "coalesce(retry_at, 0.0)"
NEXT = f"""
    SELECT {_DUE}, id FROM downloads INDEXED BY downloads_due
    WHERE state = 'queued' AND host NOT IN (SELECT value FROM json_each(:besides))
    AND (:among IS NULL OR id IN (SELECT value FROM json_each(:among)))
    ORDER BY {_DUE}, id LIMIT 1
"""  # noqa: S608 constant parts
_TAKE = f"""
    UPDATE downloads SET state = 'underway', attempts = attempts + 1 WHERE id = ?
    RETURNING {COLUMNS}
"""  # noqa: S608 constant columns
_ANEW = """
    state = 'queued', reason = NULL, attempts = 0, retry_at = NULL, validator = '', name = NULL,
    ended_at = NULL
"""


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteDownloads:
    """The downloads of a SqliteIndex, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def add(self, wanted: Sequence[Wanted], *, now: float) -> list[int]:
        """Queue addresses that are not known for their folders; return the row of each."""
        return await self._write(lambda db: [_add(db, one, now) for one in wanted])

    async def anew(self, wanted: Sequence[Wanted], *, now: float) -> None:
        """Queue addresses again that have ended, attempts 0."""
        ended = f"state IN ('done', 'failed') AND {_SAME}"
        statement = f"UPDATE downloads SET url = ?, added_at = ?, {_ANEW} WHERE {ended}"  # noqa: S608 constant columns
        rows = [(plain(one.url), now, *_key(one)) for one in wanted]
        await self._write(lambda db: db.executemany(statement, rows))

    async def knows_links(self, file: Photo, digest: str) -> bool:
        """Tell whether a link file with these bytes was taken before."""
        query = "SELECT 1 FROM links WHERE root = ? AND folder = ? AND name = ? AND digest = ?"
        key = (*photo_key(file), digest)
        return await self._read(lambda db: db.execute(query, key).fetchone()) is not None

    async def take_links(
        self, file: Photo, digest: str, wanted: Sequence[Wanted], *, now: float
    ) -> int:
        """Queue what a link file names and remember it as taken; return how many were new."""

        def take(db: sqlite3.Connection) -> int:
            before = db.total_changes
            for one in wanted:
                _add(db, one, now)
            added = db.total_changes - before
            row = (*photo_key(file), digest)
            db.execute("INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?)", row)
            return added

        return await self._write(take)

    async def claim(
        self,
        *,
        now: float,
        besides: Collection[str] = (),
        among: Collection[int] | None = None,
    ) -> Download | None:
        """Take what is due the longest, not of the hosts `besides`; None if there is none."""

        def take(db: sqlite3.Connection) -> Download | None:
            due, number = _next(db, besides, among) or (math.inf, 0)
            if due > now:
                return None
            return _to_download(db.execute(_TAKE, (number,)).fetchall()[0])

        return await self._write(take)

    async def next_due(
        self, *, besides: Collection[str] = (), among: Collection[int] | None = None
    ) -> float | None:
        """Return when the next one is due (0 for at once), None when none waits."""
        found = await self._read(lambda db: _next(db, besides, among))
        return None if found is None else found[0]

    async def begun(self, download: Download, validator: str) -> None:
        """Remember what the server calls the version whose first bytes are kept."""
        await self._set(download, "validator = ?", plain(validator))

    async def done(
        self, download: Download, *, name: str, digest: str, source: str, now: float
    ) -> None:
        """Close a download that lies in its place; `source` is kept with its content."""
        changes = "state = 'done', reason = NULL, retry_at = NULL, name = ?, url = ?, ended_at = ?"
        known = "INSERT OR IGNORE INTO sources (digest, url, fetched_at) VALUES (?, ?, ?)"

        def close(db: sqlite3.Connection) -> None:
            _update(db, download.id, changes, to_stored(name), plain(source), now)
            db.execute(known, (digest, plain(source), now))

        await self._write(close)

    async def failed(self, download: Download, reason: str, *, now: float) -> None:
        """Close a download that will not come."""
        changes = "state = 'failed', reason = ?, retry_at = NULL, ended_at = ?"
        await self._set(download, changes, plain(reason), now)

    async def postpone(
        self, download: Download, reason: str, *, at: float, counted: bool = True
    ) -> None:
        """Put a download back until `at`; `counted` False gives the attempt back."""
        changes = "state = 'queued', reason = ?, retry_at = ?, attempts = attempts - ?"
        await self._set(download, changes, plain(reason), at, not counted)

    async def hold_back(self, root: str, folder: str | None, reason: str, *, at: float) -> None:
        """Let everything that waits for a folder, or for a whole root, wait until `at` at least."""
        statement = """
            UPDATE downloads SET retry_at = :at, reason = :reason
            WHERE state = 'queued' AND root = :root AND coalesce(retry_at, 0.0) < :at
                AND folder = coalesce(:folder, folder)
        """
        within = None if folder is None else to_stored(folder)
        values = {"at": at, "reason": plain(reason), "root": to_stored(root), "folder": within}
        await self._write(lambda db: db.execute(statement, values))

    async def recover(self) -> None:
        """Put back what was underway when its process ended."""
        statement = """
            UPDATE downloads SET state = 'queued', attempts = attempts - 1 WHERE state = 'underway'
        """
        await self._write(lambda db: db.execute(statement))

    async def retry_failed(self, *, now: float) -> int:
        """Queue all that failed again, attempts 0; return how many."""
        statement = f"UPDATE downloads SET added_at = ?, {_ANEW} WHERE state = 'failed'"  # noqa: S608 constant columns
        return await self._write(lambda db: db.execute(statement, (now,)).rowcount)

    async def rows(self, ids: Sequence[int]) -> list[Download]:
        """Return these rows, in this order."""
        query = f"""
            SELECT {COLUMNS} FROM downloads JOIN (
                SELECT key AS place, value AS number FROM json_each(?)
            ) ON id = number
            ORDER BY place
        """  # noqa: S608 constant columns
        listed = json.dumps(list(ids))
        rows = await self._read(lambda db: db.execute(query, (listed,)).fetchall())
        return [_to_download(row) for row in rows]

    async def counts(self) -> Mapping[Stage, int]:
        """Return how many stand where; what has none is absent."""
        query = "SELECT state, count(*) FROM downloads GROUP BY state"
        rows = await self._read(lambda db: db.execute(query).fetchall())
        return {Stage(state): count for state, count in rows}

    async def source_of(self, digest: str) -> str:
        """Return where a content was downloaded from, "" for one that was not."""
        query = "SELECT url FROM sources WHERE digest = ?"
        row = await self._read(lambda db: db.execute(query, (digest,)).fetchone())
        return str(row[0]) if row else ""

    async def _set(self, download: Download, changes: str, *values: object) -> None:
        await self._write(lambda db: _update(db, download.id, changes, *values))


_SAME = "address = ? AND root = ? AND folder = ?"


def _key(wanted: Wanted) -> tuple[str, str, str]:
    return wanted.address, to_stored(wanted.root), to_stored(wanted.folder)


def _add(db: sqlite3.Connection, wanted: Wanted, now: float) -> int:
    state = Stage.QUEUED if wanted.refused is None else Stage.FAILED
    row = (*_key(wanted), plain(wanted.url), plain(wanted.host), state, wanted.refused, now)
    db.execute(
        """
        INSERT OR IGNORE INTO downloads
        (address, root, folder, url, host, state, reason, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        row,
    )
    (number,) = db.execute(f"SELECT id FROM downloads WHERE {_SAME}", _key(wanted)).fetchone()  # noqa: S608 constant columns
    return int(number)


def _update(db: sqlite3.Connection, number: int, changes: str, *values: object) -> None:
    db.execute(f"UPDATE downloads SET {changes} WHERE id = ?", (*values, number))  # noqa: S608 constant columns


def _next(
    db: sqlite3.Connection, besides: Collection[str], among: Collection[int] | None
) -> tuple[float, int] | None:
    """Return when the next one is due, and its row."""
    listed = None if among is None else json.dumps(list(among))
    values = {"besides": json.dumps(list(besides)), "among": listed}
    found: tuple[float, int] | None = db.execute(NEXT, values).fetchone()
    return found


def _to_download(row: sqlite3.Row | tuple[object, ...]) -> Download:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    values["state"] = Stage(str(values["state"]))
    for key in ("root", "folder", "name"):
        values[key] = None if values[key] is None else from_stored(str(values[key]))
    return Download(**values)
