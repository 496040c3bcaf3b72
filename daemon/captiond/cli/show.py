"""The verb `show`: all that is known of one photo."""

from __future__ import annotations

import os

import click

from captiond.cli import output


@click.command(short_help="Show all that is known of one photo.")
@click.argument("file")
@output.json_option
@click.pass_context
def command(ctx: click.Context, file: str, *, as_json: bool) -> int:
    """Show all that is known of one photo: its state, its caption, what is known of the file.

    With --json: an object with the columns of the view `library`. Exits with 1 when the index
    does not know the photo.
    """
    from captiond.index.search import Library

    absolute = os.path.abspath(file)  # noqa: PTH100 - Path.absolute keeps ".."
    with Library(output.settings(ctx).index.path) as library:
        entry = library.get(absolute) or library.get(os.path.realpath(absolute))
    if entry is None:
        output.note(f"captiond: {absolute} is not in the index")
        return 1
    known = entry.to_dict()
    if as_json:
        output.print_json(known)
        return 0
    known["keywords"] = ", ".join(entry.keywords)
    rows = [(key, value) for key, value in known.items() if value not in {None, ""}]
    output.table(("", ""), rows)
    return 0
