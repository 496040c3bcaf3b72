"""The verb `revert`: bring a photo's former caption back."""

from __future__ import annotations

import functools

import click

from captiond.cli import output
from captiond.errors import NotReverted, SidecarUnwritable


@click.command(short_help="Bring a photo's former caption back.")
@click.argument("file")
@click.option(
    "--to",
    "number",
    metavar="N",
    type=click.IntRange(min=1),
    help="The caption of this number in `captiond show --history FILE`.",
)
@output.json_option
@click.pass_context
def command(ctx: click.Context, file: str, *, number: int | None, as_json: bool) -> int:
    """Bring back the caption that a photo showed before; once more, the one before that.

    It stands in the index and in the sidecars at once, nobody is asked, and it stays:
    `captiond recaption --stale` leaves it alone. A sidecar that you edited stays yours. Copies of
    the photo go on showing their own caption.

    With --json: an object with path, caption and note (which sidecar was left alone, or null).
    Exits with 1 when there is nothing to bring back, or not now.
    """
    import anyio

    from captiond.cli.places import photo_at
    from captiond.index.search import Library
    from captiond.verbs.reverting import revert

    settings = output.settings(ctx)
    photo = photo_at(file, settings)
    Library(settings.index.path).close()  # a new index is nothing to revert in
    try:
        reverted = anyio.run(functools.partial(revert, settings, photo, number))
    except NotReverted as error:
        output.note(f"captiond: {photo.full}: {error}")
        return 1
    except SidecarUnwritable as error:
        output.note(f"captiond: {photo.full}: the caption is back, but not in the sidecars yet")
        output.note(f"captiond: {error}; the daemon goes on trying")
        return 1
    words = reverted.caption.description.caption
    if as_json:
        output.print_json({"path": photo.full, "caption": words, "note": reverted.note})
    else:
        output.table((), [(photo.full, words)])
        if reverted.note:
            output.note(reverted.note)
    return 0
