"""Hands out the rows whose turn it is, and takes them back.

A claim is void once its row is no longer `inflight` under the claim's owner. What its holder does
last with a void claim changes nothing but that the photo may be claimed again: two holders of one
photo would mix up the captions of its old and its new bytes.

A photo that was with the captioner at a crash is a suspect until it is answered. It steps back for
a while and is then the only one that its owner holds: the next crash speaks of it and of nothing
beside it. Each lane has an owner of its own, and the suspects of the backlog wait for those among
the arrivals, so that never two suspects meet a crash together.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Sequence

from captiond.index.base import CRASH_LIMIT, Claim, Completed, Parked, Retry
from captiond.index.history_base import IN_VAIN
from captiond.index.names import plain
from captiond.index.rows import (
    CLAIM_COLUMNS,
    HELD_BY_JOB,
    SHOW,
    Key,
    photo_key,
    show_values,
    to_claim,
    to_photo,
    written_column,
)
from captiond.index.suspects import STEP_BACK_SECONDS, claimable
from captiond.models import Lane, Photo, State

PROMOTED_AT_ONCE = 200
"""Rows whose time has come that join the due ones per claim: a bound on what one claim costs."""

# INDEXED BY: without statistics the planner takes photos_state and sorts: 50 ms a claim instead of
# 0.3 with 100,000 rows.
PROMOTE = """
    UPDATE photos SET retry_at = NULL WHERE id IN (
        SELECT id FROM photos INDEXED BY photos_later
        WHERE state = 'queued' AND retry_at IS NOT NULL AND owner IS NULL
            AND lane = :lane AND retry_at <= :now
        ORDER BY retry_at LIMIT :limit
    )
"""
DUE = """
    SELECT id, crashes > 0 FROM photos INDEXED BY photos_due
    WHERE state = 'queued' AND retry_at IS NULL AND owner IS NULL AND lane = :lane
    ORDER BY seen_at DESC, id DESC LIMIT :limit
"""
HELD = "SELECT crashes > 0 FROM photos WHERE owner = ?"
NEXT_DUE = """
    SELECT min(seen_at) FROM (
        SELECT seen_at FROM photos INDEXED BY photos_due
        WHERE state = 'queued' AND retry_at IS NULL AND owner IS NULL AND lane = :lane LIMIT 1
    )
"""
NEXT_LATER = """
    SELECT min(retry_at) FROM photos INDEXED BY photos_later
    WHERE state = 'queued' AND retry_at IS NOT NULL AND owner IS NULL AND lane = :lane
"""
EARLIER_SUSPECT = """
    SELECT EXISTS (
        SELECT 1 FROM photos INDEXED BY photos_suspect
        WHERE crashes > 0 AND state IN ('queued', 'inflight') AND lane < :lane
            AND (retry_at IS NULL OR retry_at <= :now)
    )
"""
_MINE = "root = ? AND folder = ? AND name = ? AND owner = ?"
_COMPLETED = f"""
    state = 'captioned', written = ?, captioned_at = ?, reason = ?, anew_after = NULL,
    unasked = NULL, beside = coalesce(?, beside), {SHOW}
"""
_KEEPS_ITS_OWN = "anew_after IS NOT NULL AND caption IS NOT NULL"
_SET_ASIDE = f"""
    state = coalesce(unasked, iif({_KEEPS_ITS_OWN}, 'captioned', ?)), anew_after = NULL,
    reason = iif(unasked IS NULL, iif({_KEEPS_ITS_OWN}, '{IN_VAIN}', '') || ?, reason),
    unasked = NULL
"""
# The service works on an open batch job all the same: neither lost nor in a crash's way.
_LEFT = f"owner IS NOT NULL AND NOT {HELD_BY_JOB}"
_ASKED_ALONE = """
    requests.state = 'inflight'
    AND (job IS NULL OR job NOT IN (SELECT id FROM jobs WHERE ended_at IS NULL))
"""
_CRASHED = f"""
    EXISTS (
        SELECT 1 FROM requests WHERE {_ASKED_ALONE} AND requests.root = photos.root
        AND requests.folder = photos.folder AND requests.name = photos.name
    )
"""  # noqa: S608 a constant condition


def claim(
    db: sqlite3.Connection, owner: str, limit: int, *, now: float, lanes: Iterable[Lane] = Lane
) -> list[Claim]:
    """Take up to `limit` due photos: arrivals before backlog, the newest first, suspects alone."""
    due: list[tuple[int, bool]] = []
    for lane in sorted(lanes):
        db.execute(PROMOTE, {"lane": lane, "now": now, "limit": PROMOTED_AT_ONCE})
        found = db.execute(DUE, {"lane": lane, "limit": limit - len(due)}).fetchall()
        (withheld,) = db.execute(EARLIER_SUSPECT, {"lane": lane, "now": now}).fetchone()
        due += itertools.takewhile(lambda one: not one[1], found) if withheld else found
    suspects_held = [suspect for (suspect,) in db.execute(HELD, (owner,))]
    due = due[: claimable([suspect for _, suspect in due], held=suspects_held)]
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    take = f"""
        UPDATE photos SET state = 'inflight', owner = ?, attempts = attempts + 1 WHERE id = ?
        RETURNING {CLAIM_COLUMNS}
    """  # noqa: S608 constant columns
    return [to_claim(cursor.execute(take, (owner, row_id)).fetchall()[0]) for row_id, _ in due]


def next_due(db: sqlite3.Connection, lanes: Iterable[Lane] = Lane) -> float | None:
    """Return when the next waiting photo is due; for one that is due now, a time in the past."""
    ats = [
        db.execute(query, {"lane": lane}).fetchone()[0]
        for lane in lanes
        for query in (NEXT_DUE, NEXT_LATER)
    ]
    return min((at for at in ats if at is not None), default=None)


def complete(db: sqlite3.Connection, done: Sequence[Completed], owner: str) -> None:
    """Close claims whose caption stands in index and sidecars."""
    for one in done:
        reason = None if one.reason is None else plain(one.reason)
        written = written_column(one.written)
        shown = show_values(one.digest, one.recipe)
        values = (written, one.captioned_at, reason, one.beside, *shown)
        _close(db, _COMPLETED, values, (photo_key(one.photo), owner))


def retry(db: sqlite3.Connection, retries: Sequence[Retry], owner: str) -> None:
    """Put claimed photos back into the queue for later."""
    for one in retries:
        given_back = 0 if one.counted else 1
        values = (one.at, plain(one.reason), given_back)
        _close(
            db,
            """
            state = 'queued', retry_at = ?, reason = iif(unasked IS NULL, ?, reason),
            attempts = max(attempts - ?, 0)
            """,
            values,
            (photo_key(one.photo), owner),
        )


def park(db: sqlite3.Connection, parked: Sequence[Parked], owner: str) -> None:
    """Close claims that end without a caption."""
    for one in parked:
        # A missing photo that comes back finds its order still standing.
        missing = "state = ?, reason = ?, unasked = NULL"
        columns = missing if one.state is State.MISSING else _SET_ASIDE
        values = (one.state, plain(one.reason))
        _close(db, columns, values, (photo_key(one.photo), owner))


def release(db: sqlite3.Connection, photos: Iterable[Photo], owner: str) -> None:
    """Put claimed photos back as if they had never been claimed."""
    for photo in photos:
        back = "state = 'queued', attempts = max(attempts - 1, 0)"
        _close(db, back, (), (photo_key(photo), owner))


def put_back(db: sqlite3.Connection, photo: Photo, owner: str, beside: str | None) -> None:
    """Close the claim on an `unasked` photo as if it had never been queued."""
    back = "state = coalesce(unasked, 'queued'), unasked = NULL, beside = coalesce(?, beside)"
    _close(db, back, (beside,), (photo_key(photo), owner))


def requeue(
    db: sqlite3.Connection, states: Sequence[State], now: float, photos: Iterable[Photo] | None
) -> int:
    """Queue every photo in these states anew, due from `now` on; or only these photos."""
    marks = ", ".join("?" * len(states))
    anew = f"""
        UPDATE photos SET state = 'queued', reason = NULL, attempts = 0, crashes = 0, retry_at = ?,
            unasked = NULL, withdrawn = 0
        WHERE state IN ({marks})
    """  # noqa: S608 question marks
    if photos is None:
        return db.execute(f"{anew} AND withdrawn = 0", (now, *states)).rowcount
    one = f"{anew} AND root = ? AND folder = ? AND name = ?"
    return sum(db.execute(one, (now, *states, *photo_key(photo))).rowcount for photo in photos)


def recover(db: sqlite3.Connection, now: float) -> list[Photo]:
    """Take back what a crash left in flight; return the photos that were held."""
    held = db.execute(f"SELECT root, folder, name FROM photos WHERE {_LEFT}").fetchall()  # noqa: S608 a constant condition
    db.execute(
        f"""
        UPDATE photos SET crashes = crashes + 1 WHERE {_LEFT} AND state = 'inflight'
        AND {_CRASHED}
        """  # noqa: S608 a constant condition
    )
    aside = f"captiond stopped {CRASH_LIMIT} times while this photo was with the captioner"
    db.execute(
        f"""
        UPDATE photos SET owner = NULL, {_SET_ASIDE}
        WHERE {_LEFT} AND state = 'inflight' AND crashes >= ?
        """,  # noqa: S608 constant parts
        (State.FAILED, aside, CRASH_LIMIT),
    )
    db.execute(
        f"""
        UPDATE photos SET state = 'queued', owner = NULL, attempts = max(attempts - 1, 0),
            retry_at = CASE WHEN crashes > 0 THEN ? + ? * crashes * crashes END
        WHERE {_LEFT} AND state = 'inflight'
        """,  # noqa: S608 a constant condition
        (now, STEP_BACK_SECONDS),
    )
    db.execute(f"UPDATE photos SET owner = NULL WHERE {_LEFT}")  # noqa: S608 a constant condition
    db.execute(
        f"UPDATE requests SET state = 'lost', ended_at = ? WHERE {_ASKED_ALONE}",  # noqa: S608 a constant condition
        (now,),
    )
    return [to_photo(*row) for row in held]


def counts(db: sqlite3.Connection) -> dict[State, int]:
    """Return how many photos stand in each state."""
    rows = db.execute("SELECT state, count(*) FROM photos GROUP BY state")
    return {State(state): count for state, count in rows}


def let_go(db: sqlite3.Connection, key: Key, owner: str) -> None:
    """Close a void claim: the photo may be claimed again."""
    db.execute(
        f"UPDATE photos SET owner = NULL WHERE {_MINE} AND state <> 'inflight'",  # noqa: S608 a constant condition
        (*key, owner),
    )


def _close(
    db: sqlite3.Connection, columns: str, values: tuple[object, ...], holder: tuple[Key, str]
) -> None:
    key, owner = holder
    cursor = db.execute(
        f"UPDATE photos SET owner = NULL, {columns} WHERE {_MINE} AND state = 'inflight'",  # noqa: S608 constant parts
        (*values, *key, owner),
    )
    if not cursor.rowcount:
        let_go(db, key, owner)
