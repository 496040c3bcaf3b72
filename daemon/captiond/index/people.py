"""Keeps what people wrote about photos, and shows it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Protocol, TypeVar

from captiond.handwriting import change, later
from captiond.index.captions import keep_facts, shown_id
from captiond.index.names import plain
from captiond.index.people_base import Known
from captiond.index.queue import let_go
from captiond.index.rows import CAPTION_COLUMNS, caption_columns, photo_key, to_caption
from captiond.models import HUMAN, Caption, Description, Facts, Handwriting, Photo, State

T = TypeVar("T")

_HELD = "root = ? AND folder = ? AND name = ? AND owner = ? AND state = 'inflight'"
_ROW = "SELECT heeded, former FROM photos WHERE root = ? AND folder = ? AND name = ?"
_CAPTION = f"SELECT {CAPTION_COLUMNS} FROM captions WHERE id = ?"  # noqa: S608 constant columns
_WITHIN = "SELECT handwriting FROM inscriptions WHERE digest = ?"
# what was taken from another photo stays so until its words are a person's
_ADD = f"""
    INSERT INTO captions ({CAPTION_COLUMNS}, replaces, taken_from)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
        (SELECT taken_from FROM captions WHERE id = ? AND ? <> 'human'))
"""  # noqa: S608 constant columns
_SHOW = f"UPDATE photos SET digest = ?, caption = ?, heeded = 1 WHERE {_HELD}"  # noqa: S608 a constant condition
_TAKEN_BACK = """
    SELECT EXISTS (SELECT 1 FROM photos WHERE digest = :digest AND withdrawn <> 0)
    AND NOT EXISTS (SELECT 1 FROM photos WHERE digest = :digest AND caption IS NOT NULL)
"""
# what a person revised repeats their words: only what was answered, read back or taken over
_BY_CAPTIOND = f"""
    SELECT {CAPTION_COLUMNS} FROM captions WHERE digest = ? AND origin <> 'human'
    AND (request IS NOT NULL OR replaces IS NULL OR (taken_from IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM captions AS before WHERE before.id = captions.replaces
        AND (before.digest, before.taken_from) = (captions.digest, captions.taken_from)
    )))
"""  # noqa: S608 constant columns
_ALL = f"""
    SELECT {CAPTION_COLUMNS}, id, replaces, origin <> 'human' AND request IS NULL
        AND reverts IS NULL AND (taken_from IS NULL OR EXISTS (
            SELECT 1 FROM captions AS before WHERE before.id = captions.replaces
            AND (before.digest, before.taken_from) = (captions.digest, captions.taken_from)
        )) AS is_revision
    FROM captions WHERE digest = :digest OR digest IN (
        SELECT other.digest FROM contents JOIN contents AS other USING (pixels)
        WHERE contents.digest = :digest
    ) ORDER BY id
"""  # noqa: S608 constant columns
_SAME_PIXELS = "SELECT digest FROM contents WHERE pixels = ?"
_INSCRIBED = f"SELECT handwriting FROM inscriptions WHERE digest IN ({_SAME_PIXELS})"  # noqa: S608 a constant condition
_WITHHOLD = f"""
    UPDATE photos SET state = ?, reason = ?, digest = ?, owner = NULL, anew_after = NULL,
        unasked = NULL, withdrawn = max(withdrawn, 2 - (written <> '{{}}'))
    WHERE {_HELD}
"""  # noqa: S608 a constant condition


class _Run(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqlitePeople:
    """What people wrote, as a SqliteIndex keeps it, on its writer and its reader."""

    def __init__(self, write: _Run, read: _Run) -> None:
        self._write = write
        self._read = read

    async def known(self, photo: Photo, digest: str) -> Known:
        """Return what people wrote beside a photo and into these bytes."""
        return await self._read(lambda db: _known(db, photo, digest))

    async def said(self, pixels: str) -> list[Description]:
        """Return what captiond itself said of these pixels."""
        return await self._read(lambda db: _said(db, pixels))

    async def inscribed(self, pixels: str) -> list[Handwriting]:
        """Return what people wrote into files with these pixels."""
        found = await self._read(lambda db: db.execute(_INSCRIBED, (pixels,)).fetchall())
        return [from_column(column) for (column,) in found]

    async def inscribe(self, digest: str, within: Handwriting) -> None:
        """Keep what people wrote into the file itself."""
        values = (digest, to_column(within))
        sql = "INSERT OR REPLACE INTO inscriptions (digest, handwriting) VALUES (?, ?)"
        await self._write(lambda db: db.execute(sql, values))

    async def revise(
        self, photo: Photo, *, owner: str, caption: Caption, facts: Facts | None = None
    ) -> None:
        """Add a caption as people left it; the claimed photo shows it from now on."""
        await self._write(lambda db: _revise(db, photo, owner, caption, facts))

    async def is_taken_back(self, digest: str) -> bool:
        """Tell whether the content's caption was taken back and no photo shows one."""
        row = await self._read(lambda db: db.execute(_TAKEN_BACK, {"digest": digest}).fetchone())
        return bool(row[0])

    async def withhold(self, photo: Photo, *, owner: str, digest: str, reason: str) -> None:
        """Close a claim: the photo is `skipped`, and is not captioned again unasked."""
        values = (State.SKIPPED, plain(reason), digest, *photo_key(photo), owner)
        await self._write(lambda db: _withhold(db, photo, owner, values))


def by_captiond(db: sqlite3.Connection, digest: str) -> list[Description]:
    """Return what captiond itself said of a content."""
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return [to_caption(row).description for row in cursor.execute(_BY_CAPTIOND, (digest,))]


def to_column(hand: Handwriting) -> str:
    """Return what people wrote as JSON, as it is stored."""
    document = asdict(hand) | {"taken_back": sorted(hand.taken_back)}
    return plain(json.dumps(document, ensure_ascii=False))


def from_column(column: str) -> Handwriting:
    """Return what people wrote, from what is stored."""
    document = json.loads(column)
    return Handwriting(
        caption=document["caption"],
        title=document["title"],
        alt_text=document["alt_text"],
        keywords=tuple(document["keywords"]),
        taken_back=frozenset(document["taken_back"]),
        keywords_taken_back=tuple(document["keywords_taken_back"]),
    )


def _known(db: sqlite3.Connection, photo: Photo, digest: str) -> Known:
    within = db.execute(_WITHIN, (digest,)).fetchone()
    is_heeded, shown = db.execute(_ROW, photo_key(photo)).fetchone() or (0, None)
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    formers = [to_caption(row) for row in cursor.execute(_CAPTION, (shown,))]
    digests = dict.fromkeys((digest, *(one.digest for one in formers)))
    return Known(
        within=Handwriting() if within is None else from_column(within[0]),
        is_heeded=bool(is_heeded),
        own=tuple(words for one in digests for words in by_captiond(db, one)),
        changed=_changed(db, digest),
        former=next((one.description for one in formers if one.origin == HUMAN), None),
    )


def _changed(db: sqlite3.Connection, digest: str) -> Handwriting:
    cursor, hand = db.cursor(), Handwriting()
    cursor.row_factory = sqlite3.Row
    rows = {row["id"]: row for row in cursor.execute(_ALL, {"digest": digest})}
    for row in rows.values():
        before = rows.get(row["replaces"])
        if row["is_revision"] and before is not None:
            words = to_caption(before).description, to_caption(row).description
            hand = later(change(*words), hand)
    return hand


def _said(db: sqlite3.Connection, pixels: str) -> list[Description]:
    digests = db.execute(_SAME_PIXELS, (pixels,)).fetchall()
    return [words for (digest,) in digests for words in by_captiond(db, digest)]


def _revise(
    db: sqlite3.Connection, photo: Photo, owner: str, caption: Caption, facts: Facts | None
) -> None:
    key = photo_key(photo)
    if not db.execute(f"SELECT 1 FROM photos WHERE {_HELD}", (*key, owner)).fetchone():  # noqa: S608 a constant condition
        return
    if facts is not None:
        keep_facts(db, facts)
    before = shown_id(db, key)
    values = (*caption_columns(caption), before, before, caption.origin)
    added = db.execute(_ADD, values)
    db.execute(_SHOW, (caption.digest, added.lastrowid, *key, owner))


def _withhold(db: sqlite3.Connection, photo: Photo, owner: str, values: tuple[object, ...]) -> None:
    if not db.execute(_WITHHOLD, values).rowcount:
        let_go(db, photo_key(photo), owner)
