"""Prints: tables for people on a terminal, lines for programs in a pipe, JSON on request.

Captions come from a model that read a picture anyone may have dropped in, and names from anyone:
characters that steer a terminal never reach one.
"""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import click

from captiond.config import load
from captiond.secrecy import redact
from captiond.settings import Settings
from captiond.visible import escape_json, spelled_out

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def settings(ctx: click.Context, overrides: Mapping[str, object] | None = None) -> Settings:
    """Return the settings in force for this call; raises ConfigError."""
    return load(ctx.find_root().params["config"], overrides=overrides)


def on_terminal() -> bool:
    """Tell whether a person reads stdout."""
    return sys.stdout.isatty()


def note(sentence: str) -> None:
    """Say something about the work on stderr, never the key."""
    click.echo(clean(redact(sentence)), err=True)


def clean(text: str) -> str:
    r"""Return the text on one line, whatever could steer a terminal spelled out as `\x1b`."""
    return spelled_out(text)


def print_json(value: object) -> None:
    """Print one JSON document; names that are not UTF-8 survive as lone surrogate escapes.

    Where stdout has another encoding than UTF-8, all that is not ASCII is escaped.
    """
    is_utf8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
    click.echo(escape_json(json.dumps(value, ensure_ascii=not is_utf8, indent=2)))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table on a terminal, as lines of tab-separated cells in a pipe.

    Columns without a single heading make a table without a head.
    """
    cells = [[clean(text(value)) for value in row] for row in rows]
    if not on_terminal():
        for row in cells:
            click.echo("\t".join(row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headed = any(columns)
    drawn = Table(
        box=box.SIMPLE_HEAD if headed else None,
        show_header=headed,
        pad_edge=False,
        collapse_padding=True,
    )
    for column in columns:
        # A model's name is copied into the configuration: it stays in one piece.
        drawn.add_column(Text(clean(column)), overflow="fold", no_wrap=column == "model")
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


def headed(entries: Iterable[tuple[str, str]]) -> None:
    """Print texts on a terminal, each below its own line, which stays unbroken for copying."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    for line, words in entries:
        console.print(Text(clean(line), style="bold"), soft_wrap=True)
        console.print(Padding(Text(clean(words)), (0, 0, 0, 2), expand=False))


def moment(unix_seconds: float) -> str:
    """Return a time as people here read it: local, to the second."""
    return datetime.fromtimestamp(unix_seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def usd(cost: float | None) -> str:
    """Return an amount of USD for a person: cents, or the digits that a fraction of one has."""
    if cost is None:
        return "unknown"
    return f"{cost:,.2f}" if cost >= 1 or cost == 0 else f"{cost:.4f}"


def count(number: int, thing: str) -> str:
    """Return a number of things in words that fit it: "1 photo", "1,200 photos"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def text(value: object) -> str:
    """Return a cell's text: nothing for None."""
    return "" if value is None else str(value)
