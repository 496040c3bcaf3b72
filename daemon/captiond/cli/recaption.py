"""The verb `recaption`: have photos captioned anew."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.cli.since import since as moment_of
from captiond.cli.status import is_running
from captiond.settings import Settings

if TYPE_CHECKING:  # the help text does without
    from captiond.verbs.recaptioning import Choice, Outlook

ALL = (
    "say which photos: FILE or FOLDER, --origin, --model, --stale or --since. Every photo costs "
    "what a new one does; if you mean all of them: captiond recaption --since 1970"
)
OFFLINE = (
    "captioner.backend is offline: it would put date, camera and colours in the place of what "
    "Gemini saw. With --origin offline it is asked for its own captions again"
)


@click.command(short_help="Have photos captioned anew.")
@click.argument("paths", metavar="[FILE|FOLDER]...", nargs=-1)
@click.option(
    "--origin", type=click.Choice(["gemini", "offline"]), help="Only captions that came from there."
)
@click.option("--model", metavar="NAME", help="Only captions by this model, in whatever version.")
@click.option(
    "--stale",
    is_flag=True,
    help="Only captions by another model, prompt, language or the like than now in force; not "
    "those that somebody brought back.",
)
@click.option(
    "--since", metavar="WHEN", callback=moment_of, help="Only photos captioned since then."
)
@click.option("--dry-run", is_flag=True, help="Only say how many, and what it will cost.")
@output.json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    *,
    dry_run: bool,
    as_json: bool,
    **filters: object,
) -> None:
    """Have photos that show a caption captioned anew: what all filters together leave.

    They are queued as a backlog, and each shows its old caption until the new one is there; a
    running daemon takes them up, and pays for each content once. `captiond show --history` lists
    the old captions, `captiond revert` brings one back. A sidecar that you edited stays yours.

    With --json: an object with photos, contents, tier, usd (null: unknown) and queued.
    """
    import anyio

    from captiond.index.search import Library

    settings = output.settings(ctx)
    choice = _choice(paths, settings, filters)
    with Library(settings.index.path) as library:
        health = library.health()
    outlook, queued = anyio.run(
        functools.partial(_recaption, settings, choice, dry_run=dry_run, quiet=as_json)
    )
    if as_json:
        output.print_json(
            {
                "photos": outlook.photos,
                "contents": outlook.contents,
                "tier": outlook.tier.value,
                "usd": outlook.usd,
                "queued": queued,
            }
        )
    if queued and not is_running(health, now=time.time()):
        output.note("no daemon runs; captiond run, or captiond scan, takes them up")
    if not outlook.photos:
        output.note("only photos that show a caption; `captiond retry` is for those that have none")


def _choice(paths: tuple[str, ...], settings: Settings, filters: dict[str, object]) -> Choice:
    from captiond.cli.places import places_at
    from captiond.verbs.recaptioning import Choice

    if not paths and all(value is None or value is False for value in filters.values()):
        raise click.UsageError(ALL)
    if settings.captioner.backend == "offline" and filters["origin"] != "offline":
        raise click.UsageError(OFFLINE)
    places = [place for path in paths for place in places_at(path, settings)]
    return Choice(places=places, **filters)  # type: ignore[arg-type]


async def _recaption(
    settings: Settings, choice: Choice, *, dry_run: bool, quiet: bool
) -> tuple[Outlook, int]:
    from captiond.verbs.recaptioning import open_recaptioning

    async with open_recaptioning(settings, choice) as recaptioning:
        outlook = await recaptioning.outlook()
        if not quiet:
            click.echo(_sentence(outlook))
        queued = 0 if dry_run or not outlook.photos else await recaptioning.order()
    if queued and not quiet:
        click.echo(f"{output.count(queued, 'photo')} queued to be captioned anew")
    return outlook, queued


def _sentence(outlook: Outlook) -> str:
    photos = output.count(outlook.photos, "photo")
    if not outlook.photos:
        return photos
    told = (
        photos
        if outlook.contents == outlook.photos
        else f"{photos} of {output.count(outlook.contents, 'content')}"
    )
    cost = "an unknown price" if outlook.usd is None else f"about {outlook.usd:,.4f} USD"
    return f"{told}: {cost} ({outlook.tier.value} tier)"
