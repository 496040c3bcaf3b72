"""The command line: parse, call one function, print.

Exit codes: 0 done, 1 something failed, 2 usage, 78 configuration, 130 interrupted. Data goes to
stdout; what is said about the work, and what went wrong, goes to stderr.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from captiond import __version__, crashes, secrecy
from captiond.cli import output
from captiond.errors import CaptiondError, ConfigError, RulesBroken

VERBS = {
    "run": "Watch the folders and caption every photo that arrives.",
    "scan": "Caption what is new in the folders in one pass, then exit.",
    "add": "Fetch photos from the web into a watched folder.",
    "plan": "Tell what captioning would cost and how long it would take.",
    "try": "Caption a few photos as a trial; nothing is kept.",
    "caption": "Caption single files and print what they show.",
    "search": "Find photos by what is in them.",
    "show": "Show all that is known of one photo.",
    "sent": "Show what was sent about a photo.",
    "status": "Tell what the daemon is doing and how far it is.",
    "cost": "Tell what was asked and what it cost.",
    "failed": "List the photos that have no caption, with the reasons.",
    "retry": "Queue photos that have no caption again.",
    "recaption": "Have photos captioned anew.",
    "revert": "Bring a photo's former caption back.",
    "undo": "Take back what captiond wrote.",
    "export": "Write the captions of a whole library for other programs.",
    "config": "Show or check the configuration.",
    "models": "List the models that the key can use, with prices.",
    "doctor": "Check that everything captiond needs is in place.",
    "demo": "Watch captiond work on a handful of photos, without a key.",
}
"""Each verb with its help; the module of the same name holds its `command`."""


class Verbs(click.Group):
    """Imports a verb's module only when that verb is called: `search` starts without the rest."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the verbs in the order in which people meet them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the verb's command, None for an unknown verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"captiond.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the verbs into the help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file [default: $CAPTIOND_CONFIG, ~/.config/captiond/config.toml, "
    "/etc/captiond/config.toml].",
)
@click.version_option(__version__, message="captiond %(version)s")
@click.pass_context
def program(ctx: click.Context, config: Path | None) -> None:  # noqa: ARG001 - output.settings reads it
    """Caption new photos with Gemini, beside each photo and in an index to search."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the program and exit; the console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that is not UTF-8 must not end a listing
            stream.reconfigure(errors="backslashreplace")
    crashes.tell_without_secrets()
    secrecy.forbid_core_dumps()
    sys.exit(_run())


def _run() -> int:
    try:
        code = program.main(prog_name="captiond", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        return 130
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        for line in told.getvalue().splitlines():
            output.note(line)  # a shell may have read the words out of a hostile folder
        return error.exit_code
    except CaptiondError as error:
        return _tell(error)
    except ExceptionGroup as group:
        return _tell(_told_by_tasks(group))
    except BrokenPipeError:
        # The reader has seen enough; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def _told_by_tasks(group: ExceptionGroup[Exception]) -> CaptiondError:
    """Return what ended a group of tasks; raises the group if anything else is in it."""
    ours, others = group.split(CaptiondError)
    if ours is None or others is not None:
        raise group
    first: Exception = ours
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, CaptiondError)  # noqa: S101 by split
    return first


def _tell(error: CaptiondError) -> int:
    """Tell an error in its own sentences; return the exit code."""
    problems: Sequence[str] = [str(error)]
    if isinstance(error, ConfigError):
        problems = error.problems
    elif isinstance(error, RulesBroken):
        problems = [f"{error.path}: {problem}" for problem in error.problems]
    for problem in problems:
        output.note(f"captiond: {problem}")
    return os.EX_CONFIG if isinstance(error, ConfigError) else 1
