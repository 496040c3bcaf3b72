"""Takes note of files: new, changed, gone, back again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from captiond.index.base import Sighting
from captiond.index.folders_base import FolderDigest
from captiond.index.names import plain, to_stored
from captiond.index.rows import HELD_BY_JOB, photo_key, signature_columns
from captiond.models import Photo, State

ROWS_A_STATEMENT = 100
"""Multi-row inserts of this size wrote the most rows a second when measured."""

_COLUMNS = 12
_SAME = """
    photos.size = excluded.size AND photos.mtime_ns = excluded.mtime_ns
    AND photos.ctime_ns = excluded.ctime_ns AND photos.inode = excluded.inode
"""
_UNASKED = f"({_SAME} AND photos.state <> 'missing' AND excluded.state = 'queued')"
_OFFER = f"""
    INSERT INTO photos
        (root, folder, name, size, mtime_ns, ctime_ns, inode, state, reason, lane, seen_at, beside)
    VALUES {{values}}
    ON CONFLICT (root, folder, name) DO UPDATE SET
        state = excluded.state, lane = excluded.lane, seen_at = excluded.seen_at,
        reason = iif({_UNASKED}, reason, excluded.reason), unasked = iif({_UNASKED}, state, NULL),
        beside = coalesce(excluded.beside, beside), gone_at = NULL,
        attempts = 0, crashes = 0, retry_at = NULL,
        owner = iif({HELD_BY_JOB}, NULL, owner),
        digest = iif({_SAME}, digest, NULL), anew_after = iif({_SAME}, anew_after, NULL),
        former = iif({_SAME}, former, coalesce(caption, former)),
        caption = iif({_SAME}, caption, NULL),
        captioned_at = iif({_SAME}, captioned_at, NULL),
        size = excluded.size, mtime_ns = excluded.mtime_ns,
        ctime_ns = excluded.ctime_ns, inode = excluded.inode
    WHERE photos.state = 'missing' OR NOT ({_SAME}) OR (
        photos.beside <> excluded.beside
        AND photos.state IN ('captioned', 'failed', 'refused', 'skipped')
    )
"""  # noqa: S608 the parts are constants of this module
_ONE_ROW = f"({', '.join('?' * _COLUMNS)})"

_GONE = f"""
    UPDATE photos SET state = 'missing', reason = ?, gone_at = ?, retry_at = NULL, unasked = NULL,
        owner = iif({HELD_BY_JOB}, NULL, owner)
    WHERE root = ? AND folder = ? AND name = ?
    AND (
        state NOT IN ('missing', 'inflight') OR {HELD_BY_JOB}
        OR (state = 'missing' AND gone_at IS NULL)
    )
"""  # noqa: S608 a constant condition
_SAVE_FOLDER = """
    INSERT INTO directories (root, folder, digest) VALUES (?, ?, ?)
    ON CONFLICT (root, folder) DO UPDATE SET digest = excluded.digest
"""
_SAVE_DISK = """
    INSERT INTO disks (root, folder, identity) VALUES (?, ?, ?)
    ON CONFLICT (root, folder) DO UPDATE SET identity = excluded.identity
"""


def offer(db: sqlite3.Connection, sightings: Sequence[Sighting], now: float) -> int:
    """Take note of finished files; return how many became due."""
    photos = [_row(s, State.QUEUED, now) for s in sightings if s.reason is None]
    others = [_row(s, State.SKIPPED, now) for s in sightings if s.reason is not None]
    _upsert(db, others)
    return _upsert(db, photos)


def gone(db: sqlite3.Connection, photos: Sequence[Photo], now: float) -> None:
    """Mark photos as missing."""
    since = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    reason = f"the file is gone since {since}"
    db.executemany(_GONE, ((reason, now, *photo_key(photo)) for photo in photos))


def save_folders(db: sqlite3.Connection, digests: Sequence[FolderDigest]) -> None:
    """Remember what folders digested to."""
    db.executemany(
        _SAVE_FOLDER, ((to_stored(d.root), to_stored(d.folder), d.digest) for d in digests)
    )


def save_disks(db: sqlite3.Connection, root: str, disks: Mapping[str, str | None]) -> None:
    """Remember which file system lies at a folder of the root; None forgets the folder."""
    for folder, identity in disks.items():
        key = (to_stored(root), to_stored(folder))
        if identity is None:
            db.execute("DELETE FROM disks WHERE root = ? AND folder = ?", key)
        else:
            db.execute(_SAVE_DISK, (*key, to_stored(identity)))


def _row(sighting: Sighting, state: State, now: float) -> tuple[object, ...]:
    reason = None if sighting.reason is None else plain(sighting.reason)
    return (
        *photo_key(sighting.photo),
        *signature_columns(sighting.signature),
        state,
        reason,
        int(sighting.lane),
        now,
        sighting.beside,
    )


def _upsert(db: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> int:
    changed = 0
    for part in _parts(rows):
        values = ", ".join([_ONE_ROW] * len(part))
        cursor = db.execute(_OFFER.format(values=values), [v for row in part for v in row])
        changed += cursor.rowcount
    return changed


def _parts(rows: Sequence[tuple[object, ...]]) -> Iterator[Sequence[tuple[object, ...]]]:
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        yield rows[start : start + ROWS_A_STATEMENT]
