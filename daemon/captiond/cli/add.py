"""The verb `add`: fetch photos from the web into a watched folder."""

from __future__ import annotations

import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.cli.status import is_running

if TYPE_CHECKING:  # a wrong option is told without opening an index
    from captiond.index.downloads_base import Download
    from captiond.verbs.adding import Added


@click.command(short_help="Fetch photos from the web into a watched folder.")
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option("--to", required=True, metavar="FOLDER", help="The folder, in a watched one.")
@click.option(
    "--from",
    "lists",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Addresses from a file: one a line, or a .url or .webloc; can be given again.",
)
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, urls: tuple[str, ...], *, to: str, lists: tuple[Path, ...], as_json: bool
) -> int:
    """Fetch photos from the web into FOLDER; `-` reads addresses from stdin, one a line.

    A running daemon does the fetching, and captions what comes; without one it is done here at
    once, and `captiond scan` captions. This verb pays for nothing. An address that is known is
    fetched again only if it failed or its photo is gone. Exits with 1 when one failed or waits.

    In a pipe: a line each, the state, the path or the reason, and the address with tabs between.
    With --json: a list of objects with url, state, path and reason.
    """
    import anyio

    from captiond import log
    from captiond.cli.places import folder_at
    from captiond.verbs import adding

    settings = output.settings(ctx)
    place = folder_at(to, settings)
    texts = [*_addresses(urls), *(url for file in lists for url in _listed(file))]
    if not texts:
        raise click.UsageError("give an address, - for stdin, or --from FILE")
    log.configure(settings.log)
    with _progress_bar(len(texts)) as on_progress:
        added = anyio.run(functools.partial(adding.add, settings, texts, place, on_progress))
    if as_json:
        output.print_json([dataclasses.asdict(one) for one in added])
    else:
        rows = [(one.state, one.reason or one.path, one.url) for one in added]
        output.table(("", "", ""), rows)
        _note(settings.index.path, added)
    return 0 if all(one.state == "done" for one in added) else 1


def _addresses(urls: Sequence[str]) -> Iterator[str]:
    from captiond.downloads.links import addresses_in

    for url in urls:
        if url == "-":
            yield from addresses_in("-.urls.txt", sys.stdin.buffer.read())
        else:
            yield url


def _listed(file: Path) -> list[str]:
    from captiond.downloads.links import addresses_in

    return addresses_in(file.name, file.read_bytes())


def _note(index: str, added: Sequence[Added]) -> None:
    from captiond.index.search import Library

    with Library(index) as library:
        running = is_running(library.health(), now=time.time())
    waiting = sum(one.state == "queued" for one in added)
    if waiting:
        output.note(f"{output.count(waiting, 'address')} will be tried again later")
    if not running:
        output.note("no daemon runs; captiond run, or captiond scan, captions what came")


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[Sequence[Download]], None]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("downloading", total=total)

        def show(rows: Sequence[Download]) -> None:
            ended = sum(row.state in {"done", "failed"} for row in rows)
            bar.update(task, completed=ended)

        yield show
