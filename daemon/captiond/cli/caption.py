"""The verb `caption`: single files, to stdout."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from captiond.cli import output

if TYPE_CHECKING:  # importing it would import the whole daemon
    from captiond.errors import CaptiondError
    from captiond.models import Caption


@click.command(short_help="Caption single files and print what they show.")
@click.argument("files", nargs=-1, required=True)
@click.option("--language", help="The language of the caption.")
@click.option("--model", help="The Gemini model to ask.")
@output.json_option
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    *,
    language: str | None,
    model: str | None,
    as_json: bool,
) -> int:
    """Caption single files and print what they show; nothing is written beside them.

    Each file costs one request, within [limits]; one that was captioned before is free. One file:
    its caption; several: path TAB caption, a line each. Exits with 1 when a file has none.

    With --json: a list of objects with path, caption, title, alt_text, keywords, text, language,
    model, origin and digest.
    """
    import anyio

    from captiond import log
    from captiond.errors import CaptiondError
    from captiond.verbs import single

    flags = {"captioner.language": language, "gemini.model": model}
    overrides = {key: value for key, value in flags.items() if value is not None}
    settings = output.settings(ctx, overrides)
    log.configure(settings.log)
    told: list[dict[str, object]] = []
    failures: list[CaptiondError] = []

    def tell(path: Path, result: Caption | CaptiondError) -> None:
        if isinstance(result, CaptiondError):
            failures.append(result)
            output.note(f"{path}: {result}")
        elif as_json:
            told.append(_record(path, result))
        else:
            _print(path, result, alone=len(files) == 1)

    paths = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100 - Path.absolute keeps ".."
    anyio.run(functools.partial(single.caption_files, settings, paths, tell))
    if as_json:
        output.print_json(told)
    return 1 if failures else 0


def _print(path: Path, caption: Caption, *, alone: bool) -> None:
    words = output.clean(caption.description.caption)
    click.echo(words if alone else f"{output.clean(str(path))}\t{words}")


def _record(path: Path, caption: Caption) -> dict[str, object]:
    words = caption.description
    return {
        "path": str(path),
        "caption": words.caption,
        "title": words.title,
        "alt_text": words.alt_text,
        "keywords": list(words.keywords),
        "text": words.text,
        "language": caption.language,
        "model": caption.model,
        "origin": caption.origin,
        "digest": caption.digest,
    }
