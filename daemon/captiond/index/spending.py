"""Tells what was spent, from the ledger, without a daemon and without changing anything."""

from __future__ import annotations

from captiond.errors import LibraryUnavailable
from captiond.index.ledger_base import QUARTER_SECONDS, Spent
from captiond.index.search import Library

_SUMS = """
    coalesce(sum(requests), 0), coalesce(sum(answered), 0), coalesce(sum(input_tokens), 0),
    coalesce(sum(output_tokens), 0), coalesce(sum(thinking_tokens), 0),
    coalesce(sum(nano_usd), 0) / 1e9, coalesce(sum(unpriced), 0), coalesce(sum(lost), 0),
    coalesce(sum(lost_nano_usd), 0) / 1e9, coalesce(sum(in_flight), 0),
    coalesce(sum(in_flight_nano_usd), 0) / 1e9
"""
_COLUMNS = (
    "requests",
    "answered",
    "input_tokens",
    "output_tokens",
    "thinking_tokens",
    "usd",
    "unpriced",
    "lost",
    "lost_usd",
    "in_flight",
    "in_flight_usd",
)
_RECIPES = "spending LEFT JOIN recipes ON recipes.key = spending.recipe"
_FOLDER = "rtrim(root, '/') || CASE folder WHEN '' THEN '' ELSE '/' || folder END"
GROUPS = {
    "day": ("date(quarter * 900, 'unixepoch', 'localtime')", "spending", "1"),
    "folder": (_FOLDER, "requests_spending", "root, folder"),
    "model": ("coalesce(nullif(recipes.model, ''), recipes.origin)", _RECIPES, "1"),
    "tier": ("tier", "spending", "1"),
}
"""What the ledger can be split up by: a name, where it stands, what has the same name.

Folders alone take a look at each request: 1.4 s a million, and twice that by their full names.
"""


def spent(library: Library, *, since: float) -> Spent:
    """Return what was spent from that moment on; raises LibraryUnavailable."""
    _require(library)
    query = f"SELECT {_SUMS} FROM spending WHERE quarter >= ?"  # noqa: S608 constant columns
    return _spent(library.rows(query, (_quarter(since),))[0])


def spent_by(library: Library, group: str, *, since: float) -> list[tuple[str, Spent]]:
    """Return what was spent by each of a group (a key of GROUPS), in its order.

    Raises LibraryUnavailable.
    """
    _require(library)
    name, table, same = GROUPS[group]
    rows = library.rows(
        f"SELECT {name}, {_SUMS} FROM {table} WHERE quarter >= ? GROUP BY {same} ORDER BY 1",  # noqa: S608 constant parts
        (_quarter(since),),
    )
    return [(str(row[0]), _spent(row[1:])) for row in rows]


def has_ledger(library: Library) -> bool:
    """Tell whether the index sums up its ledger: one of an older captiond does not yet."""
    return bool(library.rows("SELECT 1 FROM sqlite_master WHERE name = 'spending'", ()))


def _require(library: Library) -> None:
    if not has_ledger(library):
        raise LibraryUnavailable(
            f"{library.path} was written by an older captiond: start the daemon once, which brings "
            "it up to date"
        )


def _quarter(since: float) -> int:
    return int(since // QUARTER_SECONDS)


def _spent(row: tuple[object, ...]) -> Spent:
    return Spent(**dict(zip(_COLUMNS, row, strict=True)))  # type: ignore[arg-type]  # as SQLite sums
