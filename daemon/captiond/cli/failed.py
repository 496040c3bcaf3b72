"""The verb `failed`: photos without a caption, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from captiond.cli import output

if TYPE_CHECKING:  # a wrong option is told without opening an index
    from captiond.index.awaited import Awaited
    from captiond.index.search import Entry

    Trouble = Entry | Awaited


@click.command(short_help="List the photos that have no caption, with the reasons.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many."
)
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, limit: int, as_json: bool) -> None:
    """List the photos that have no caption, the newest first, with the reasons.

    Photos from the web that did not come stand below them, with their address as the path.

    `failed`, `refused` and `skipped` photos stay as they are until their file changes or
    `captiond retry`; `queued` ones were tried in vain and will be tried again by themselves.

    In a pipe: a line each, the state, the reason and the path with tabs between. With --json: a
    list of objects with state, reason, path and seen_at.
    """
    from captiond.downloads.addresses import told
    from captiond.index.awaited import awaited
    from captiond.index.search import Library

    with Library(output.settings(ctx).index.path) as library:
        found: list[Trouble] = [*library.failed(limit), *awaited(library, limit, told)]
    if as_json:
        keys = ("state", "reason", "path", "seen_at")
        output.print_json([{key: getattr(entry, key) for key in keys} for entry in found])
        return
    if output.on_terminal():
        _print_groups(found)
    else:
        output.table((), ((entry.state, entry.reason, entry.path) for entry in found))
    if len(found) >= limit:
        output.note(f"these are the newest {limit}; --limit shows more")
    if not found:
        output.note("no photo has failed")


def _print_groups(found: list[Trouble]) -> None:
    groups = Counter((entry.state, entry.reason) for entry in found)
    for (state, reason), count in groups.most_common():
        paths = [entry.path for entry in found if (entry.state, entry.reason) == (state, reason)]
        output.table((f"{state}: {reason or ''} ({count})",), [[p] for p in paths])
