"""The verb `config`: what is in force, and whether it is right."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from captiond import config
from captiond.cli import output
from captiond.errors import ConfigError, RulesBroken
from captiond.quota.budget import unpriced
from captiond.secrecy import redact
from captiond.settings import Settings
from captiond.visible import escape_json


@click.group(short_help="Show or check the configuration.")
def command() -> None:
    """Show or check the configuration."""


@command.command(short_help="Print the settings in force.")
@click.argument("folder", required=False)
@output.json_option
@click.pass_context
def show(ctx: click.Context, folder: str | None, *, as_json: bool) -> None:
    """Print the settings in force: flags, environment, file and defaults taken together.

    With FOLDER, the rules in force for the photos in it, and the .captiond.toml files that say so;
    exits with 1 where one of them is broken.

    What is printed can be used as a configuration file. The key is not in it, only where it was
    found; what looks like one, in a URL for example, is masked. With --json, `source` is the file,
    `api_key` where the key was found, or null, and a cap that is not set null; with FOLDER, `files`
    and each key of the rules.
    """
    settings = output.settings(ctx)
    if folder is not None:
        _show_rules(settings, Path(folder), as_json=as_json)
        return
    document = config.to_document(settings)
    source = document.pop("source")
    if settings.captioner.prompt_file:
        del document["captioner"]["prompt"]  # it came from the file
    if settings.captioner.vocabulary_file:
        del document["captioner"]["vocabulary"]
    if as_json:
        found = config.find_api_key(settings)
        api_key = found.source if found else None
        shown = json.dumps({"source": source, "api_key": api_key, **document})
        # JSON knows no infinity: what is without a limit is null.
        output.print_json(json.loads(redact(shown), parse_constant=lambda _: None))
        return
    click.echo(output.clean(f"# from {source}" if source else "# no configuration file"))
    click.echo(output.clean(f"# {key_sentence(settings)}"))
    for line in to_toml(document):
        click.echo(redact(line))


@command.command(short_help="Tell every mistake in the configuration at once.")
@click.pass_context
def check(ctx: click.Context) -> None:
    """Tell every mistake in the configuration at once; exit with 78 if there is one."""
    from captiond.captioners.recipes import vocabulary_of
    from captiond.captioners.vocabulary import SENT_CHARACTERS, SENT_WORDS

    settings = output.settings(ctx)
    if not settings.gemini.vertex.project:
        config.find_api_key(settings)
    if problems := list(unpriced(settings)):
        raise ConfigError(problems)
    click.echo(output.clean(f"ok: {settings.source or 'no configuration file, all defaults'}"))
    words = len(settings.captioner.vocabulary)
    if words and not vocabulary_of(settings).is_sent:
        output.note(
            f"captioner.vocabulary: {words:,} words are too many to be sent with each photo "
            f"(up to {SENT_WORDS:,} in {SENT_CHARACTERS:,} characters are); the answers are held "
            "against them"
        )
    if not settings.folders:
        output.note("no folder is watched: there is no [[folders]] table")
    _tell_broken_rules(settings)


def _tell_broken_rules(settings: Settings) -> None:
    """Note what is wrong with the rules of watched folders.

    It is no mistake in the configuration: whoever may write there must not stop the daemon.
    """
    from captiond.rules.tree import RuleTree

    for folder in settings.folders:
        try:
            RuleTree().at(folder.path, "")
        except RulesBroken as error:
            for problem in error.problems:
                output.note(f"{error.path}: {problem}")


def _show_rules(settings: Settings, folder: Path, *, as_json: bool) -> None:
    """Print what holds for the photos in a folder. Raises RulesBroken."""
    from captiond.folderplans import FolderPlans, applied

    watched, found = FolderPlans(settings).in_force(folder)
    settings, by = applied(settings, watched, found.rules)
    captioner = settings.captioner
    rules: dict[str, Any] = {
        "language": by.language or captioner.language,
        "prompt": by.prompt or captioner.prompt,
        "context": captioner.context,
        "vocabulary": captioner.vocabulary,
        "sidecars": by.sidecars,
        "private": by.private,
        "ignore": found.closed
        or [one for _, ignored in found.ignored.of_folders for one in ignored],
        "existing": captioner.existing,
    }
    files = [path for path, _ in found.files]
    if as_json:
        output.print_json({"files": files, **rules})
        return
    for path in files:
        click.echo(output.clean(f"# from {path}"))
    for key, value in rules.items():
        click.echo(f"{key} = {_literal(value)}")


def key_sentence(settings: Settings) -> str:
    """Say where the key was found, never the key."""
    if settings.gemini.vertex.project:
        return "Vertex AI takes Application Default Credentials, no API key"
    try:
        found = config.find_api_key(settings)
    except ConfigError as error:
        return redact(str(error))
    return f"the API key comes from {found.source}" if found else "there is no API key"


def to_toml(document: Mapping[str, Any]) -> Iterator[str]:
    """Write sections of plain values, and lists of such sections, as lines of TOML."""
    for name, value in document.items():
        tables = value if isinstance(value, list) else [value]
        heading = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
        for table in tables:
            yield ""
            yield heading
            yield from (f"{key} = {_literal(setting)}" for key, setting in table.items())


def _literal(value: object) -> str:
    """Write text, a number, a truth value, a list or a table; JSON and TOML agree on most."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_literal(one)}' for key, one in value.items())} }}"
    if value == math.inf:
        return "inf"
    return escape_json(json.dumps(value, ensure_ascii=False))
