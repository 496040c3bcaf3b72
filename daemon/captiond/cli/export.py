"""The verb `export`: the captions of a whole library for other programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from captiond.cli import output

if TYPE_CHECKING:  # only named in signatures
    from captiond.exporting.placing import Places
    from captiond.exporting.training import Tally
    from captiond.index.browse import Shown
    from captiond.index.search import Library
    from captiond.settings import Settings

STREAMS = ("jsonl", "csv", "markdown")
FOLDERS = ("imagefolder", "kohya", "html")
FORMATS = STREAMS + FOLDERS


@click.command(short_help="Write the captions of a whole library for other programs.")
@click.argument("places", nargs=-1, metavar="[FOLDER]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="What is written.",
)
@click.option("--json", "form", flag_value="jsonl", help="The same as --format jsonl.")
@click.option(
    "--to", "target", metavar="PATH", help="Where to; a file or folder that is not there."
)
@click.option("--copy", "copies", is_flag=True, help="Copy the photos instead of linking them.")
@click.pass_context
def command(
    ctx: click.Context,
    places: tuple[str, ...],
    *,
    form: str | None,
    target: str | None,
    copies: bool,
) -> int:
    """Write the captions of all photos, or of those in FOLDERs, for other programs.

    \b
    jsonl        one JSON object a line: the columns of `library`, and lens, source, taken_from
    csv          the same as a table for spreadsheets
    markdown     a document with pictures and words
    imagefolder  a folder that Hugging Face datasets loads, with a metadata.jsonl in each folder
    kohya        a folder for training image models: each photo with a .txt of one line
    html         a gallery of pages to open in a browser

    The first three go to stdout, or to a file with --to; the others make the folder --to, with
    links to the photos or, with --copy, copies. Nothing in the library is changed.
    """  # noqa: D301 click's mark for lines that stay as they are
    from captiond.index.search import Library

    settings = output.settings(ctx)
    form = _checked(form, target, copies=copies)
    if target is not None and (problem := _unfit(Path(target), settings)):
        output.note(f"captiond: {problem}")
        return 1
    with Library(settings.index.path) as library:
        try:
            return _export(library, form, places, target, copies=copies)
        except OSError as error:
            output.note(f"captiond: {error.filename or target}: {error.strerror}")
            return 1


def _checked(form: str | None, target: str | None, *, copies: bool) -> str:
    if form is None:
        raise click.UsageError(f"Missing option '--format'. Choose from {', '.join(FORMATS)}")
    if form in FOLDERS and target is None:
        raise click.UsageError(f"--format {form} needs --to FOLDER")
    if form in STREAMS and copies:
        raise click.UsageError(f"--copy is not for --format {form}")
    return form


def _unfit(target: Path, settings: Settings) -> str | None:
    """Return why nothing can be written there."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        return f"{target} is there already"
    real = target.absolute().resolve()
    for folder in settings.folders:
        if real.is_relative_to(Path(folder.path).resolve()):
            return f"{target} lies in the watched folder {folder.path}: choose another place"
    return None


def _export(
    library: Library, form: str, places: tuple[str, ...], target: str | None, *, copies: bool
) -> int:
    from captiond.index.browse import roots

    known = roots(library)
    photos = _photos(library, known, places)
    if form in STREAMS:
        count = _to_stream(form, photos, target)
        left_out = ""
    else:
        from captiond.exporting.placing import Places

        Path(str(target)).mkdir(parents=True, exist_ok=True)
        within = Places(Path(str(target)).absolute(), known, copies=copies)
        count, left_out = _to_folder(form, photos, within, copies=copies)
    output.note(f"{output.count(count, 'photo')}{left_out}")
    return 0


def _photos(library: Library, known: list[str], places: tuple[str, ...]) -> Iterator[Shown]:
    from captiond.index.browse import browse

    if not places:
        for root in known:
            yield from browse(library, root)
        return
    for root in known:
        inside = {_inside(os.path.realpath(place), os.path.realpath(root)) for place in places}
        for beneath in _topmost(place for place in inside if place is not None):
            yield from browse(library, root, beneath)


def _inside(place: str, root: str) -> str | None:
    """Return where a place lies beneath a root, "" for one that holds it, None for elsewhere."""
    if Path(root).is_relative_to(place):
        return ""
    return os.path.relpath(place, root) if Path(place).is_relative_to(root) else None


def _topmost(places: Iterator[str]) -> list[str]:
    kept: list[str] = []
    for place in sorted(places):
        if not any(not one or place == one or place.startswith(f"{one}/") for one in kept):
            kept.append(place)
    return kept


def _to_stream(form: str, photos: Iterator[Shown], target: str | None) -> int:
    if target is None:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        return _write(form, photos, sys.stdout, beside=None)
    with Path(target).open("x", encoding="utf-8") as file:
        return _write(form, photos, file, beside=Path(target).absolute().parent)


def _write(form: str, photos: Iterator[Shown], out: TextIO, *, beside: Path | None) -> int:
    from captiond.exporting import pages, tables

    match form:
        case "jsonl":
            return tables.write_jsonl(photos, out)
        case "csv":
            return tables.write_csv(photos, out)
        case _:
            return pages.write_markdown(photos, out, beside=beside)


def _to_folder(
    form: str, photos: Iterator[Shown], places: Places, *, copies: bool
) -> tuple[int, str]:
    """Return how many photos went in, and a sentence about those that did not."""
    from captiond.exporting import pages, training

    match form:
        case "html":
            return pages.write_html(photos, places, copies=copies), ""
        case "imagefolder":
            tally = training.write_imagefolder(photos, places)
        case _:
            tally = training.write_kohya(photos, places)
    return tally.written, _told(tally)


def _told(tally: Tally) -> str:
    if not tally.left_out:
        return ""
    each = ", ".join(f"{count:,} {why}" for why, count in sorted(tally.left_out.items()))
    return f"; left out: {each}"
