"""Keeps what was asked, what was answered, and which photo shows which caption."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, astuple, replace

from captiond.index import ledger
from captiond.index.base import Answer, Request
from captiond.index.health_base import Health
from captiond.index.names import plain
from captiond.index.queue import let_go
from captiond.index.rows import (
    CAPTION_COLUMNS,
    Key,
    caption_columns,
    photo_key,
    to_caption,
)
from captiond.models import Caption, Facts, Photo, Recipe

_IF_OF_IT = "CASE WHEN digest = ? THEN caption END"
_ASSIGN = f"""
    digest = ?, caption = coalesce(
        (SELECT max(id) FROM captions WHERE digest = ? AND recipe = ? AND created_at = ?),
        {_IF_OF_IT}
    )
"""  # noqa: S608 a constant part
_REUSABLE = """
    origin = 'human' OR recipe = :key
    OR (origin = :origin AND (language = :language OR reverts IS NOT NULL))
"""
_MINE = "root = ? AND folder = ? AND name = ? AND owner = ? AND state = 'inflight'"
_ANSWERED = """
    UPDATE requests SET state = 'answered', model = ?, answered_tier = ?, input_tokens = ?,
        output_tokens = ?, thinking_tokens = ?, cost_usd = ?, ended_at = ?
    WHERE id = ?
"""
# only for the claim that asked, and never beside other bytes than it asked about
_SHOW = """
    UPDATE photos SET caption = ?, digest = ?, crashes = 0, heeded = 0, withdrawn = 0
    WHERE root = ? AND folder = ? AND name = ? AND state = 'inflight'
    AND owner = (SELECT owner FROM requests WHERE id = ?) AND (digest IS NULL OR digest = ?)
"""


def begin(db: sqlite3.Connection, request: Request, owner: str) -> bool:
    """Note the request as in flight; False if the claim is void, which closes it."""
    key = photo_key(request.photo)
    taken = db.execute(
        f"UPDATE photos SET digest = ?, caption = {_IF_OF_IT} WHERE {_MINE}",  # noqa: S608 constant parts
        (request.digest, request.digest, *key, owner),
    )
    if not taken.rowcount:
        let_go(db, key, owner)
        return False
    note(db, request, owner)
    return True


def note(db: sqlite3.Connection, request: Request, owner: str) -> None:
    """Enter a request into the ledger as in flight, and what is true of its content."""
    keep_facts(db, request.facts)
    _keep_recipe(db, request.recipe)
    ledger.enter(db, request, owner)


def answer(db: sqlite3.Connection, answer: Answer) -> None:
    """Keep a reply; the photo shows it unless its claim became void."""
    key, caption, usage = photo_key(answer.photo), answer.caption, answer.usage
    added = db.execute(
        f"""
        INSERT INTO captions ({CAPTION_COLUMNS}, replaces, request)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,  # noqa: S608 constant columns
        (*caption_columns(caption), shown_id(db, key), answer.request),
    )
    spent = (usage.input, usage.output, usage.thinking, answer.cost_usd, answer.ended_at)
    db.execute(_ANSWERED, (plain(caption.model), answer.tier, *spent, answer.request))
    db.execute(_SHOW, (added.lastrowid, caption.digest, *key, answer.request, caption.digest))


def caption_of(
    db: sqlite3.Connection, digest: str, recipe: Recipe, after: int | None
) -> Caption | None:
    """Return the newest caption that may be reused: one much like by this recipe."""
    return newest(db, "digest = :digest", {"digest": digest}, reusable_by(recipe, after))


def newest(
    db: sqlite3.Connection,
    among: str,
    values: Mapping[str, object],
    reusable: tuple[str, Mapping[str, object]],
) -> Caption | None:
    """Return the newest reusable caption among some, by a condition on their digest.

    A person's words before any other, but for what somebody brought back over them.
    """
    condition, more = reusable
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    row = cursor.execute(
        f"""
        SELECT {CAPTION_COLUMNS} FROM captions WHERE {among} AND ({condition})
        ORDER BY origin = 'human' AND id >= (
            SELECT coalesce(max(id), 0) FROM captions AS back
            WHERE back.digest = captions.digest AND reverts IS NOT NULL
        ) DESC, id DESC LIMIT 1
        """,  # noqa: S608 constant parts
        {**values, **more},
    ).fetchone()
    return None if row is None else to_caption(row)


def reusable_by(recipe: Recipe, after: int | None) -> tuple[str, Mapping[str, object]]:
    """Return the condition on a caption that may be reused, with its values."""
    condition = _REUSABLE if after is None else "recipe = :key AND id > :after"
    values = {"key": recipe.key, "origin": recipe.origin, "language": recipe.language}
    return condition, values if after is None else {**values, "after": after}


def restore(db: sqlite3.Connection, caption: Caption, facts: Facts) -> None:
    """Keep a caption that no request of this index brought."""
    keep_facts(db, facts)
    db.execute(
        f"INSERT INTO captions ({CAPTION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 constant columns
        caption_columns(caption),
    )


def assign(db: sqlite3.Connection, photo: Photo, owner: str, caption: Caption) -> None:
    """Show an existing caption for a photo."""
    digest = caption.digest
    db.execute(
        f"UPDATE photos SET {_ASSIGN} WHERE {_MINE}",  # noqa: S608 constant parts
        (digest, digest, caption.recipe, caption.created_at, digest, *photo_key(photo), owner),
    )


def beat(db: sqlite3.Connection, health: Health) -> None:
    """Publish the daemon's health."""
    told = replace(health, pace=None)
    *values, _ = (plain(v) if isinstance(v, str) else v for v in astuple(told))
    values.append(None if health.pace is None else plain(json.dumps(health.pace)))
    db.execute(
        """
        INSERT OR REPLACE INTO daemon
            (owner, pid, version, started_at, beat_at, paused, paused_until,
             found_by_event, found_by_scan, pace)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        values,
    )


def keep_facts(db: sqlite3.Connection, facts: Facts) -> None:
    """Keep what is true of a content, in place of what was known of it."""
    values = [plain(v) if isinstance(v, str) else v for v in astuple(facts)]
    db.execute(
        """
        INSERT OR REPLACE INTO contents
            (digest, format, width, height, taken_at, camera, latitude, longitude, place,
             lens, pixels, likeness)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        values,
    )


def _keep_recipe(db: sqlite3.Connection, recipe: Recipe) -> None:
    document = json.dumps(asdict(recipe), sort_keys=True, ensure_ascii=False)
    db.execute(
        """
        INSERT OR IGNORE INTO recipes (key, document, origin, model, language, prompt)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        (
            recipe.key,
            plain(document),
            recipe.origin,
            recipe.model,
            recipe.language,
            plain(recipe.prompt),
        ),
    )


def shown_id(db: sqlite3.Connection, key: Key) -> int | None:
    """Return the caption that a photo shows, or else the last one of other bytes there."""
    row = db.execute(
        """
        SELECT coalesce(caption, former) FROM photos WHERE root = ? AND folder = ? AND name = ?
        """,
        key,
    ).fetchone()
    return None if row is None else row[0]
