"""The verb `scan`: one pass with a progress bar."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from captiond.cli import output

if TYPE_CHECKING:  # importing it would import the whole daemon
    from captiond.verbs.onepass import Progress


@click.command(short_help="Caption what is new in the folders in one pass, then exit.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> int:
    """Caption what is new in the folders in one pass, then exit.

    Each new content costs one request: `captiond plan` tells beforehand what, [limits] caps it.
    Ctrl-C finishes the photos in flight and leaves the rest in the queue. Exits with 1 when a
    photo was set aside or when photos are left waiting. What it handed in as batch jobs is taken
    by a later scan, or by the daemon.

    With --json: an object with captioned, set_aside, waiting and in_jobs, each a number of photos.
    """
    import anyio

    from captiond import log
    from captiond.verbs import onepass

    settings = output.settings(ctx)
    log.configure(settings.log)
    with _progress_bar() as on_progress:
        ended = anyio.run(functools.partial(onepass.scan, settings, on_progress))
    if as_json:
        output.print_json(
            {
                "captioned": ended.captioned,
                "set_aside": ended.set_aside,
                "waiting": ended.waiting,
                "in_jobs": ended.in_flight,
            }
        )
    else:
        told = f"{ended.captioned} captioned, {ended.set_aside} set aside, {ended.waiting} waiting"
        click.echo(f"{told}, {ended.in_flight} in batch jobs" if ended.in_flight else told)
        if ended.set_aside:
            output.note("`captiond failed` tells why photos were set aside")
        if ended.paused:
            output.note(f"paused: {ended.paused}")
    return 1 if ended.set_aside or ended.waiting else 0


@contextmanager
def _progress_bar() -> Iterator[Callable[[Progress], None]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=None)

        def show(now: Progress) -> None:
            done = now.captioned + now.set_aside
            what = "looking" if now.scanning else "captioning"
            bar.update(
                task,
                completed=done,
                total=done + now.waiting + now.in_flight,
                description=output.clean(f"paused: {now.paused}") if now.paused else what,
            )

        yield show
