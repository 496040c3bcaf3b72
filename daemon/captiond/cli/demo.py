"""The verb `demo`: the whole daemon at work, without a key."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from captiond.cli import output

if TYPE_CHECKING:  # the stage imports more than a help text should
    from captiond.demo import Stage
    from captiond.index.search import Library

SEARCHES = ("horizontal blue", '"dark grey"', "colour*")


@click.command(short_help="Watch captiond work on a handful of photos, without a key.")
@click.argument(
    "folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--keep", is_flag=True, help="Leave the daemon running until Ctrl-C.")
def command(folder: Path | None, *, keep: bool) -> None:
    """Watch captiond work on a handful of photos, without a key and without a network.

    With FOLDER, on copies of the first photos in it; FOLDER itself is only read.
    """
    from captiond import demo

    sources = demo.own_photos(folder) if folder else demo.sample_photos()
    if not sources:
        raise click.UsageError(f"there are no photos in {folder}")
    _say(
        "The daemon starts. A server on this machine stands in for Gemini: it names colours and",
        "sizes, no more. THESE CAPTIONS ARE NOT GEMINI'S; everything else is the real thing.",
    )
    with demo.stage() as on, demo.await_ready(on) as library:
        _say("", f"It watches {on.photos}. Now {len(sources)} photos arrive there:", "")
        _show_work(on, sources, library)
        _show_files(on)
        for query in SEARCHES:
            _show_search(library, query)
        _show_way_on(on, keep=keep)
        if keep:
            _wait(on)


def _show_work(on: Stage, sources: list[Path], library: Library) -> None:
    from captiond import demo

    started = time.monotonic()
    for event in demo.perform(on, sources, library):
        seconds = f"{time.monotonic() - started:5.1f} s"
        if isinstance(event, str):
            _say(f"{seconds}   + {event}")
        else:
            _say(f"{seconds}  {event.name}: {event.caption or f'{event.state}: {event.reason}'}")


def _show_files(on: Stage) -> None:
    texts = sorted(path for path in on.photos.iterdir() if path.suffix == ".txt")
    if not texts:
        _say("", "None of them could be captioned; the lines above say why.")
        return
    photo = texts[0].stem
    beside = sorted(path.name for path in on.photos.iterdir() if path.name.startswith(f"{photo}."))
    _say("", f"Beside {photo} now lie: {', '.join(beside)}", f"{texts[0].name} says:")
    _say(f"  {texts[0].read_text(encoding='utf-8').strip()}")


def _show_search(library: Library, query: str) -> None:
    _say("", f"$ captiond search '{query}'")
    hits = library.search(query, limit=3)
    for entry in hits:
        _say(f"  {entry.name}: {entry.caption}")
    if not hits:
        _say("  nothing found")


def _show_way_on(on: Stage, *, keep: bool) -> None:
    _say(
        "",
        f"Photos and sidecars: {on.photos}",
        f"The index:           {on.index}   (sqlite3, Datasette, any SQLite client)",
        f"The daemon's log:    {on.log}",
        f"Its configuration:   {on.config}",
        f"Remove {on.home} when you have seen enough.",
        "",
        "To go on with Gemini: get a key at https://aistudio.google.com/apikey, then",
        "  export GEMINI_API_KEY=…",
        "  mkdir -p ~/.config/captiond && cp config.example.toml ~/.config/captiond/config.toml",
        "  captiond doctor && captiond run",
    )
    if keep:
        _say("", f"The daemon goes on: drop photos into {on.photos}; Ctrl-C ends it.")


def _wait(on: Stage) -> None:
    """Return at Ctrl-C, or when the daemon ends."""
    with suppress(KeyboardInterrupt):
        on.daemon.wait()


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(output.clean(line))
