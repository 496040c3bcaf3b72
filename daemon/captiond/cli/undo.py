"""The verb `undo`: take back what captiond wrote."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.cli.since import since as moment_of
from captiond.settings import Settings

if TYPE_CHECKING:  # the help text does without
    from captiond.index.withdrawals_base import Found
    from captiond.verbs.undoing import Choice, Undone

RUNS = 10
ALL = (
    "say what is to be taken back: FILE or FOLDER, --since or --run; `captiond undo --runs` lists "
    "the runs; if you mean all of it: captiond undo --since 1970"
)


@click.command(short_help="Take back what captiond wrote.")
@click.argument("paths", metavar="[FILE|FOLDER]...", nargs=-1)
@click.option(
    "--since", metavar="WHEN", callback=moment_of, help="Only photos captioned since then."
)
@click.option("--run", metavar="N|last", help="Only what that run of captiond wrote.")
@click.option("--runs", is_flag=True, help="List the last runs, and do nothing.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, /, paths: tuple[str, ...], **options: object) -> int:
    """Take back what captiond wrote: sidecars of its own, its words in others, its captions.

    What people wrote or edited stays, in their files and in the index. A photo whose caption is
    taken back is `skipped`, and nothing asks about it unasked; `captiond retry FILE` shows its
    caption again for nothing. What was written is told first, and you are asked.

    With --json: an object with photos, by_people (how many of them go on showing a person's
    caption), busy (being captioned now, and left alone), undone, left (photos with a sidecar that
    was left alone) and pending (with one that cannot be written now; undo again). With --runs: a
    list of id, verb, version, started_at and ended_at.
    """
    import anyio

    from captiond.index.search import Library

    settings, as_json = output.settings(ctx), bool(options["as_json"])
    Library(settings.index.path).close()  # in a new index there is nothing to take back
    if options["runs"]:
        return anyio.run(functools.partial(_tell_runs, settings, as_json=as_json))
    choice = _choice(paths, settings, options["since"], options["run"])
    dry_run, yes = bool(options["dry_run"]), bool(options["yes"])
    undo = functools.partial(_undo, settings, choice, dry_run=dry_run, yes=yes, as_json=as_json)
    return anyio.run(undo)


def _choice(paths: tuple[str, ...], settings: Settings, since: object, run: object) -> Choice:
    from captiond.cli.places import places_at
    from captiond.verbs.undoing import Choice

    if not paths and since is None and run is None:
        raise click.UsageError(ALL)
    if since is not None and run is not None:
        raise click.UsageError("--since and --run do not go together")
    if run not in (None, "last") and not str(run).isdecimal():
        raise click.BadParameter(f"{run!r} is no run: give its number, or last", param_hint="--run")
    number = None if run is None else 0 if run == "last" else int(str(run))
    places = [place for path in paths for place in places_at(path, settings)]
    return Choice(places=places, since=since, run=number)  # type: ignore[arg-type]


async def _undo(
    settings: Settings, choice: Choice, *, dry_run: bool, yes: bool, as_json: bool
) -> int:
    from captiond.verbs.undoing import Undone, open_undoing

    async with open_undoing(settings, choice) as undoing:
        found = await undoing.outlook()
        if not as_json:
            _tell(found)
        carries_out = bool(found.photos) and not dry_run and _is_sure(yes=yes, as_json=as_json)
        undone = await undoing.carry_out() if carries_out else Undone()
    if as_json:
        output.print_json(_values(found, undone))
    elif carries_out:
        _tell_undone(undone)
    return 1 if undone.pending else 0


def _is_sure(*, yes: bool, as_json: bool) -> bool:
    if yes:
        return True
    if as_json or not output.on_terminal():
        raise click.UsageError("nobody can be asked here: add --yes, or --dry-run")
    return click.confirm("Take this back?")


def _tell(found: Found) -> None:
    click.echo(f"{output.count(found.photos, 'photo')} with words of captiond's")
    for photo in found.examples:
        click.echo(output.clean(f"  {photo.full}"))
    if found.photos > len(found.examples):
        click.echo("  ...")
    if found.by_people:
        click.echo(f"{found.by_people:,} of them go on showing what a person wrote")
    if found.busy:
        output.note(f"{output.count(found.busy, 'photo')} being captioned are left alone")


def _tell_undone(undone: Undone) -> None:
    click.echo(f"{output.count(undone.photos, 'caption')} taken back")
    output.note("captiond retry FILE shows a caption again, for nothing")
    if undone.notes:
        photos = output.count(undone.notes, "photo")
        output.note(f"something was left alone beside {photos}: {undone.reason}")
    if undone.pending:
        photos = output.count(undone.pending, "photo")
        output.note(f"beside {photos} nothing can be written now: {undone.reason}; undo again")


def _values(found: Found, undone: Undone) -> dict[str, int]:
    return {
        "photos": found.photos,
        "by_people": found.by_people,
        "busy": found.busy,
        "undone": undone.photos,
        "left": undone.notes,
        "pending": undone.pending,
    }


async def _tell_runs(settings: Settings, *, as_json: bool) -> int:
    import dataclasses

    from captiond.verbs.undoing import last_runs

    runs = await last_runs(settings, RUNS)
    if as_json:
        output.print_json([dataclasses.asdict(run) for run in runs])
        return 0
    columns = ("run", "verb", "version", "from", "until")
    ended = (output.moment(run.ended_at) if run.ended_at else "" for run in runs)
    output.table(
        columns,
        [
            (run.id, run.verb, run.version, output.moment(run.started_at), until)
            for run, until in zip(runs, ended, strict=True)
        ],
    )
    return 0
