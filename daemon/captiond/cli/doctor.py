"""The verb `doctor`: is everything in place?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.secrecy import redact
from captiond.settings import Settings

if TYPE_CHECKING:  # the checks import what the help text does not need
    from captiond.cli.checks import Check

MARKS = {True: "ok", False: "WRONG", None: "note"}


@click.command(short_help="Check that everything captiond needs is in place.")
@click.option("--offline", is_flag=True, help="Do not ask Gemini whether it accepts the key.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, offline: bool, as_json: bool) -> int:
    """Check that everything captiond needs is in place, and say what to do where it is not.

    Looks at the configuration, the folders, the kernel's limits for watching, the API key (a free
    look-up of the model), the caps and the index. Makes no paid call. Exits with 1 when something
    is wrong.

    With --json, a list of checks: name, ok (true, false, or null for what is worth knowing) and
    sentence.
    """
    from captiond import log

    settings = output.settings(ctx)
    log.configure(settings.log)
    found = _examine(settings, offline=offline)
    checks = [dataclasses.replace(check, sentence=redact(check.sentence)) for check in found]
    if as_json:
        output.print_json([dataclasses.asdict(check) for check in checks])
    else:
        rows = ((MARKS[check.ok], check.name, check.sentence) for check in checks)
        output.table(("", "", ""), rows)
    return 1 if any(check.ok is False for check in checks) else 0


def _examine(settings: Settings, *, offline: bool) -> Iterator[Check]:
    import anyio

    from captiond.cli import checks
    from captiond.intake.mounts import inotify_room

    yield checks.check_config(settings)
    yield from checks.check_folders(settings)
    yield checks.check_inotify(settings.folders, inotify_room())
    found, key = checks.check_key(settings)
    yield found
    yield from checks.check_caps(settings)
    if key is not None and not offline:
        yield anyio.run(checks.check_gemini, settings.gemini, key)
    yield checks.check_index(settings.index)
    yield from checks.check_rules(settings)
    yield checks.check_places()
