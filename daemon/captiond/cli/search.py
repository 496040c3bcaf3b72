"""The verb `search`: photos by what is in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.cli.since import since as moment_of

if TYPE_CHECKING:  # a wrong option is told without opening an index
    from captiond.index.search import Entry


@click.command(short_help="Find photos by what is in them.")
@click.argument("query", nargs=-1, required=True)
@click.option("--folder", metavar="DIR", help="Only photos in this folder and those beneath it.")
@click.option(
    "--since", metavar="WHEN", callback=moment_of, help="Only photos that came since then."
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many."
)
@output.json_option
@click.pass_context
def command(
    ctx: click.Context,
    query: tuple[str, ...],
    *,
    folder: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """Find photos by what is in them: captions, keywords, text in the picture, names.

    All words must match, in any grammatical form; "a phrase" (quoted once more for the shell)
    matches as it stands, prefix* the beginning of a word. The best match comes first.

    In a pipe: a line each, the path, a tab, the caption. With --json: a list of objects with the
    columns of the view `library`.
    """
    from captiond.index.search import Library

    beneath = None if folder is None else os.path.abspath(folder)  # noqa: PTH100 - Path.absolute keeps ".."
    with Library(output.settings(ctx).index.path) as library:
        found = library.search(" ".join(query), folder=beneath, since=since, limit=limit)
    if as_json:
        output.print_json([entry.to_dict() for entry in found])
    else:
        _print(found)
    if not found:
        output.note("nothing found")


def _print(found: list[Entry]) -> None:
    if not output.on_terminal():
        output.table((), ((entry.path, entry.caption) for entry in found))
        return
    output.headed((entry.path, entry.caption or "") for entry in found)
