"""The verb `show`: all that is known of one photo."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from captiond.cli import output

if TYPE_CHECKING:  # only named in signatures
    from captiond.index.history_base import Past
    from captiond.index.search import Entry


@click.command(short_help="Show all that is known of one photo.")
@click.argument("file")
@click.option("--history", is_flag=True, help="List every caption it had, the newest first.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, file: str, *, history: bool, as_json: bool) -> int:
    """Show all that is known of one photo: its state, its caption, what is known of the file.

    With --history: every caption of this content, with the number that `captiond revert --to`
    takes; the one shown is marked with a star.

    With --json: an object with the columns of the view `library`, and lens, source (the address it
    was downloaded from) and taken_from (the photo whose caption it shows); with --history a list of
    objects, one a caption. Exits with 1 when the index does not know the photo.
    """
    from captiond.index.browse import facts_of
    from captiond.index.search import Library

    absolute = os.path.abspath(file)  # noqa: PTH100 - Path.absolute keeps ".."
    with Library(output.settings(ctx).index.path) as library:
        for path in (absolute, os.path.realpath(absolute)):
            entry = library.get(path)
            if entry is not None and history:
                _print_history(library.history(path), as_json=as_json)
                return 0
            if entry is not None:
                _print_entry(entry, facts_of(library, path), as_json=as_json)
                return 0
    output.note(f"captiond: {absolute} is not in the index")
    return 1


def _print_entry(entry: Entry, facts: dict[str, Any], *, as_json: bool) -> None:
    known = {**entry.to_dict(), **facts}
    if as_json:
        output.print_json(known)
        return
    known["keywords"] = ", ".join(entry.keywords)
    known["cost_usd"] = None if entry.cost_usd is None else round(entry.cost_usd, 9)
    rows = [(key, value) for key, value in known.items() if value not in {None, ""}]
    output.table(("", ""), rows)


def _print_history(past: list[Past], *, as_json: bool) -> None:
    if as_json:
        output.print_json([_to_dict(one) for one in past])
        return
    if output.on_terminal():
        output.headed(map(_block, past))
    else:
        output.table((), map(_cells, past))
    if not past:
        output.note("it has had no caption yet")


def _block(past: Past) -> tuple[str, str]:
    """Return a line of what is known of a caption, and the caption."""
    *known, usd, words = map(output.text, _cells(past))
    return "  ".join(filter(None, (*known, usd and f"{usd} USD"))), words


def _cells(past: Past) -> tuple[object, ...]:
    caption = past.caption
    words = caption.description.caption
    return (
        "*" if past.shown else "",
        past.number,
        output.moment(caption.created_at),
        caption.model,
        past.tier,
        caption.language,
        caption.origin,
        caption.recipe,
        None if past.cost_usd is None else f"{past.cost_usd:.6f}",
        words if past.reverts is None else f"{words} (number {past.reverts} brought back)",
    )


def _to_dict(past: Past) -> dict[str, Any]:
    caption, words = past.caption, past.caption.description
    return {
        "number": past.number,
        "shown": past.shown,
        "reverts": past.reverts,
        "created_at": f"{datetime.fromtimestamp(caption.created_at, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "model": caption.model,
        "tier": past.tier,
        "language": caption.language,
        "origin": caption.origin,
        "recipe": caption.recipe,
        "cost_usd": past.cost_usd,
        "caption": words.caption,
        "title": words.title,
        "alt_text": words.alt_text,
        "keywords": list(words.keywords),
        "text": words.text,
    }
