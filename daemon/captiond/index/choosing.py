"""Chooses the photos that are wanted with a new caption."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping

from captiond.index.history_base import Share, Wanted
from captiond.index.names import from_stored, to_stored
from captiond.index.rows import photo_key
from captiond.models import Photo

_CHOSEN = """
    SELECT photos.id, folder, captions.recipe, reverts
    FROM photos JOIN captions ON captions.id = photos.caption
    WHERE state = 'captioned' AND photos.owner IS NULL AND captions.origin <> 'human'
    AND (:origin IS NULL OR captions.origin = :origin)
    AND (:since IS NULL OR captioned_at >= :since)
    AND (
        :model IS NULL OR captions.model = :model
        OR captions.recipe IN (SELECT key FROM recipes WHERE model = :model)
        OR (
            substr(captions.model, 1, length(:model) + 1) = :model || '-'
            AND substr(captions.model, length(:model) + 2, 1) BETWEEN '0' AND '9'
        )
    )
"""
# '0' follows '/': all folders beneath, by the index
_IN_FOLDER = """
    photos.root = :root AND (
        :path = '' OR folder = :path OR (folder > :path || '/' AND folder < :path || '0')
    )
"""
_ITSELF = "photos.root = :root AND folder = :folder AND name = :name"
_CONTENTS = """
    SELECT count(DISTINCT digest) FROM photos WHERE id IN (SELECT value FROM json_each(?))
"""


def shares(db: sqlite3.Connection, wanted: Wanted) -> list[Share]:
    """Return how many photos are wanted by each recipe, and how many contents they are."""
    by_recipe = defaultdict(list)
    for row_id, recipe in chosen(db, wanted).items():
        by_recipe[recipe].append(row_id)
    return [
        Share(recipe, len(ids), db.execute(_CONTENTS, (json.dumps(ids),)).fetchone()[0])
        for recipe, ids in sorted(by_recipe.items())
    ]


def chosen(db: sqlite3.Connection, wanted: Wanted) -> dict[int, str]:
    """Return the recipes in force for the wanted photos, by the ids of their rows, in order."""
    found: dict[int, str] = {}
    for place in wanted.places or [Photo(root, "") for root in wanted.recipes]:
        for row_id, folder, recipe, reverts in _at(db, place, wanted):
            in_force = wanted.recipe_in(place.root, from_stored(folder))
            is_stale = reverts is None and recipe != in_force
            if in_force is not None and (is_stale or not wanted.stale):
                found[row_id] = in_force
    return dict(sorted(found.items()))


def _at(
    db: sqlite3.Connection, place: Photo, wanted: Wanted
) -> Iterator[tuple[int, str, str, int | None]]:
    root, folder, name = photo_key(place)
    itself: Mapping[str, object] = {"root": root, "folder": folder, "name": name}
    filters = {"origin": wanted.origin, "model": wanted.model, "since": wanted.since}
    is_photo = f"SELECT 1 FROM photos WHERE {_ITSELF}"  # noqa: S608 a constant condition
    if db.execute(is_photo, itself).fetchone():
        return db.execute(f"{_CHOSEN} AND {_ITSELF}", {**filters, **itself})
    within = {"root": root, "path": to_stored(place.path)}
    return db.execute(f"{_CHOSEN} AND {_IN_FOLDER}", {**filters, **within})
