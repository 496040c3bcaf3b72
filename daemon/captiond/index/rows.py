"""Turns the values of `base` into columns and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from captiond.index.base import Claim
from captiond.index.names import from_stored, plain, to_stored
from captiond.models import Caption, Description, Lane, Photo, Signature, Written

Key = tuple[str, str, str]
"""Root, folder and name of a photo, as stored."""

CAPTION_COLUMNS = (
    "digest, recipe, origin, language, model, created_at, caption, title, alt_text, keywords, text"
)
CLAIM_COLUMNS = (
    "root, folder, name, size, mtime_ns, ctime_ns, inode, lane, attempts, seen_at, digest, "
    "written, anew_after, unasked, withdrawn"
)

HELD_BY_JOB = "photos.owner IN (SELECT 'job ' || id FROM jobs WHERE ended_at IS NULL)"
"""The photo lies with the service in an open batch job; see `jobs_base.owner_of`."""

SHOW = """
    digest = ?, caption = coalesce(
        CASE WHEN digest = ? THEN caption END,
        (SELECT max(id) FROM captions WHERE digest = ? AND recipe = ?)
    )
"""
"""Shows a content's caption: the one shown now, else by a recipe; never one of other bytes."""


def show_values(digest: str, recipe: str) -> tuple[str, str, str, str]:
    """Return the values for SHOW."""
    return digest, digest, digest, recipe


def photo_key(photo: Photo) -> Key:
    """Return the columns that identify a photo."""
    return to_stored(photo.root), to_stored(photo.folder), to_stored(photo.name)


def to_photo(root: str, folder: str, name: str) -> Photo:
    """Return the photo of a row."""
    path = f"{folder}/{name}" if folder else name
    return Photo(from_stored(root), from_stored(path))


def signature_columns(signature: Signature) -> tuple[int, int | str, int | str, int | str]:
    """Return size, mtime_ns, ctime_ns, inode; an integer that SQLite cannot hold as text."""
    return (
        signature.size,
        _held(signature.mtime_ns),
        _held(signature.ctime_ns),
        _held(signature.inode),
    )


def to_claim(row: sqlite3.Row) -> Claim:
    """Return the claim of a row with CLAIM_COLUMNS, its attempt counted already."""
    return Claim(
        photo=to_photo(row["root"], row["folder"], row["name"]),
        signature=Signature(
            row["size"], int(row["mtime_ns"]), int(row["ctime_ns"]), int(row["inode"])
        ),
        lane=Lane(row["lane"]),
        attempts=row["attempts"],
        seen_at=row["seen_at"],
        digest=row["digest"],
        anew_after=row["anew_after"],
        written=to_written(row["written"]),
        unasked=row["unasked"] is not None,
        withdrawn=row["withdrawn"] != 0,
    )


def written_column(written: Mapping[str, Written]) -> str:
    """Return what was written to which sidecar as JSON."""
    return json.dumps({kind: _written(one) for kind, one in written.items()})


def to_written(column: str) -> dict[str, Written]:
    """Return what was written to which sidecar, in a column that `written_column` made."""
    return {
        kind: Written(**{**one, "heard": tuple(one.get("heard", ()))})
        for kind, one in json.loads(column).items()
    }


def _written(one: Written) -> dict[str, object]:
    told: dict[str, object] = {"name": one.name, "digest": one.digest}
    if one.deleted:
        told["deleted"] = True
    return {**told, "heard": one.heard} if one.heard else told


def caption_columns(caption: Caption) -> tuple[object, ...]:
    """Return the values for CAPTION_COLUMNS."""
    words = caption.description
    return (
        caption.digest,
        caption.recipe,
        caption.origin,
        plain(caption.language),
        plain(caption.model),
        caption.created_at,
        plain(words.caption),
        plain(words.title),
        plain(words.alt_text),
        plain(json.dumps(words.keywords, ensure_ascii=False)),
        plain(words.text),
    )


def to_caption(row: sqlite3.Row) -> Caption:
    """Return the caption of a row with CAPTION_COLUMNS."""
    return Caption(
        digest=row["digest"],
        recipe=row["recipe"],
        origin=row["origin"],
        language=row["language"],
        model=row["model"],
        created_at=row["created_at"],
        description=Description(
            caption=row["caption"],
            title=row["title"],
            alt_text=row["alt_text"],
            keywords=tuple(json.loads(row["keywords"])),
            text=row["text"],
        ),
    )


def _held(number: int) -> int | str:
    return number if -(2**63) <= number < 2**63 else str(number)
