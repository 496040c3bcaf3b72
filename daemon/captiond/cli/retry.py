"""The verb `retry`: queue photos that have no caption again."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.cli.status import is_running
from captiond.settings import Settings

if TYPE_CHECKING:  # the help text does without
    from captiond.models import Photo, State

STATES = ("failed", "refused", "skipped")


@click.command(short_help="Queue photos that have no caption again.")
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    default=STATES,
    help="Only photos in this state; can be given again.  [default: all three]",
)
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, files: tuple[str, ...], *, states: tuple[str, ...], as_json: bool
) -> None:
    """Queue photos that failed, were refused or were skipped again: all of them, or each FILE.

    Without a FILE, photos from the web that failed to come are fetched again, too. A running
    daemon takes them up within seconds; captioning them may cost money. With --json: an object with
    queued, the number of photos, and downloads, that of addresses.
    """
    import anyio

    from captiond.cli.places import photo_at
    from captiond.index.search import Library
    from captiond.models import State

    settings = output.settings(ctx)
    photos = [photo_at(file, settings) for file in files] or None
    with Library(settings.index.path) as library:
        health = library.health()
    wanted = [State(state) for state in states]
    queued, downloads = anyio.run(
        functools.partial(_requeue, settings, states=wanted, photos=photos)
    )
    if as_json:
        output.print_json({"queued": queued, "downloads": downloads})
    else:
        click.echo(f"{output.count(queued, 'photo')} queued again")
        if downloads:
            click.echo(f"{output.count(downloads, 'photo')} from the web will be fetched again")
    if (queued or downloads) and not is_running(health, now=time.time()):
        output.note("no daemon runs; captiond run, or captiond scan, takes them up")


async def _requeue(
    settings: Settings, *, states: Sequence[State], photos: Sequence[Photo] | None
) -> tuple[int, int]:
    from captiond.index.store import SqliteIndex

    index, now, downloads = await SqliteIndex.open(Path(settings.index.path)), time.time(), 0
    try:
        if photos is None and "failed" in states:
            downloads = await index.downloads.retry_failed(now=now)
        return await index.requeue(states=states, now=now, photos=photos), downloads
    finally:
        await index.aclose()
