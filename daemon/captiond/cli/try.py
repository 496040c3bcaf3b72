"""The verb `try`: a few photos captioned, to see what comes and what it costs."""  # noqa: N999 as the verb

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.errors import CaptiondError
from captiond.settings import Settings

if TYPE_CHECKING:  # importing it would import the whole daemon
    from captiond.verbs.trying import Sample, Trial


@click.command(short_help="Caption a few photos as a trial; nothing is kept.")
@click.argument("number", metavar="N", type=click.IntRange(min=1))
@click.argument("folders", metavar="[FOLDER]...", nargs=-1)
@click.option("--prompt-file", metavar="FILE", help="A prompt to try in place of the configured.")
@click.option("--model", metavar="NAME", help="The Gemini model to ask.")
@click.option("--thinking", metavar="LEVEL", help="How much it thinks, as gemini.thinking.")
@click.option("--seed", type=int, help="Draw the same photos as with this number before.")
@click.option("--yes", is_flag=True, help="Do not ask before it costs something.")
@output.json_option
@click.pass_context
def command(
    ctx: click.Context,
    number: int,
    folders: tuple[str, ...],
    *,
    prompt_file: str | None,
    model: str | None,
    thinking: str | None,
    seed: int | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Caption N photos drawn by chance from all watched folders, or from each FOLDER.

    Says first what that costs at most, and asks on a terminal; elsewhere it wants --yes. What was
    asked stands in the ledger and counts for caps and limits; no caption is kept, and no sidecar
    is written.

    With --json: an object with photos (path, caption, title, alt_text, keywords, text, or error;
    model, input_tokens, output_tokens, usd, seconds), at_most_usd, usd, usd_per_1000 and of (how
    many photos there are to draw from). Exits with 1 when a photo failed, or nothing was sent.
    """
    import anyio

    from captiond import log
    from captiond.verbs import trying

    settings = _settings(ctx, prompt_file, model, thinking)
    log.configure(settings.log)
    paths = [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100 - Path.absolute keeps ".."
    sample = trying.draw(settings, paths, number, seed)
    if not _agreed(sample, settings, yes=yes):
        return 1
    trials: list[Trial] = []

    def tell(trial: Trial) -> None:
        trials.append(trial)
        if not as_json:
            output.table(("", ""), _rows(trial))
            if output.on_terminal():
                click.echo()

    anyio.run(functools.partial(trying.try_photos, settings, sample, tell))
    _print_totals(sample, trials, as_json=as_json)
    failed = any(isinstance(trial.outcome, CaptiondError) for trial in trials)
    return 1 if failed or sample.problems else 0


def _settings(
    ctx: click.Context, prompt_file: str | None, model: str | None, thinking: str | None
) -> Settings:
    """Return the settings with the flags in them; a prompt to try is every folder's."""
    import msgspec

    flags: dict[str, object] = {"gemini.model": model, "gemini.thinking": thinking}
    if prompt_file is not None:
        flags |= {"captioner.prompt": "", "captioner.prompt_file": os.path.abspath(prompt_file)}  # noqa: PTH100 - Path.absolute keeps ".."
    overrides = {key: value for key, value in flags.items() if value is not None}
    settings = output.settings(ctx, overrides)
    if prompt_file is None:
        return settings
    folders = [msgspec.structs.replace(folder, prompt="") for folder in settings.folders]
    return msgspec.structs.replace(settings, folders=folders)


def _agreed(sample: Sample, settings: Settings, *, yes: bool) -> bool:
    """Say what was drawn and what it costs at most; return whether to go on."""
    for problem in sample.problems:
        output.note(problem)
    if not sample.photos:
        output.note("there is no photo to draw")
        return False
    drawn = f"{output.count(len(sample.photos), 'photo')} of {sample.of:,}"
    if settings.captioner.backend == "offline":
        output.note(f"{drawn}, captioned offline, which costs nothing")
        return True
    known = sample.most_usd is not None
    cost = f"at most {output.usd(sample.most_usd)} USD, about {output.usd(sample.about_usd)}"
    told = cost if known else "nobody knows how much: the price list does not have the model"
    output.note(f"{drawn}, by {settings.gemini.model} ({settings.gemini.tier}): {told}")
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("this costs money: say --yes")
    if yes or click.confirm("go on?", err=True):
        return True
    output.note("nothing was sent")
    return False


def _rows(trial: Trial) -> list[tuple[str, object]]:
    used = trial.bill.usage
    rows = [(key, value) for key, value in _words(trial).items() if value]
    tokens = f"{used.input:,} in, {used.output:,} out"
    ended = f"{output.usd(trial.bill.cost_usd)} USD, {tokens}, {trial.seconds:.1f} s"
    return [("path", trial.photo.full), *rows, (trial.model or "cost", ended)]


def _words(trial: Trial) -> dict[str, object]:
    words = trial.outcome
    if isinstance(words, CaptiondError):
        return {"error": str(words)}
    keywords = ", ".join(words.keywords)
    return {
        "caption": words.caption,
        "title": words.title,
        "alt_text": words.alt_text,
        "keywords": keywords,
        "text": words.text,
    }


def _print_totals(sample: Sample, trials: Sequence[Trial], *, as_json: bool) -> None:
    costs = [trial.bill.cost_usd for trial in trials]
    known = [cost for cost in costs if cost is not None]
    usd = sum(known) if len(known) == len(costs) else None
    # Of the photos that brought words: a failure may be free, and flatters the average.
    good = [trial for trial in trials if not isinstance(trial.outcome, CaptiondError)]
    per_1000 = None if usd is None or not good else 1000 * usd / len(good)
    if as_json:
        output.print_json(
            {
                "photos": [_document(trial) for trial in trials],
                "of": sample.of,
                "at_most_usd": sample.most_usd,
                "usd": usd,
                "usd_per_1000": per_1000,
            }
        )
        return
    seconds = sum(trial.seconds for trial in good) / max(len(good), 1)
    failed = len(trials) - len(good)
    click.echo(
        f"{len(good)} captioned, {failed} failed: {output.usd(usd)} USD, "
        f"{output.usd(per_1000)} USD per 1000 photos, {seconds:.1f} s each"
    )


def _document(trial: Trial) -> dict[str, object]:
    words = _words(trial)
    if not isinstance(trial.outcome, CaptiondError):
        words["keywords"] = list(trial.outcome.keywords)
    return {
        "path": trial.photo.full,
        **words,
        "model": trial.model,
        "input_tokens": trial.bill.usage.input,
        "output_tokens": trial.bill.usage.output,
        "usd": trial.bill.cost_usd,
        "seconds": round(trial.seconds, 3),
    }
