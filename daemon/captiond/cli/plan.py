"""The verb `plan`: what captioning would cost, before anything is paid."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from captiond.cli import output
from captiond.errors import ConfigError

if TYPE_CHECKING:  # importing it would import the whole daemon
    from captiond.models import Tier
    from captiond.planning.forecast import Allowance
    from captiond.planning.outlook import Outlook

TIERS = ("standard", "flex", "batch", "priority")
_UNITS = (
    (("d", 86400), ("h", 3600)),
    (("h", 3600), ("min", 60)),
    (("min", 60), ("s", 1)),
    (("s", 1), ("s", 1)),
)


@click.command(short_help="Tell what captioning would cost and how long it would take.")
@click.argument("folders", metavar="[FOLDER]...", nargs=-1)
@output.json_option
@click.pass_context
def command(ctx: click.Context, folders: tuple[str, ...], *, as_json: bool) -> int:
    """Tell how many photos would be captioned, at what price, and how long it would take.

    For all watched folders, or for each FOLDER: one of them, one beneath, or any other as if it
    were watched. Needs no key, sends nothing, writes nothing, and reads of each new photo no more
    than its header. Prices are estimates, for the configured model ("*") and for each other one.

    With --json: an object with folders, problems (folders that could not be looked into), photos
    (a number for each standing), to_caption, reasons, index (null if there is none), tokens_from
    ("index": the average of its latest answers; "defaults"), tier (by which a scan would go),
    models (tokens and usd by tier, null where a price is not known), durations and caps.
    """
    from captiond.planning.outlook import look_ahead

    settings = output.settings(ctx)
    if not folders and not settings.folders:
        raise ConfigError(["folders: none is watched; name a FOLDER, or add a [[folders]] table"])
    paths = [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100 - Path.absolute keeps ".."
    with _progress() as tell:
        outlook = look_ahead(settings, paths, tell)
    if as_json:
        output.print_json(_document(outlook))
    else:
        _print(outlook)
    for problem in outlook.problems:
        output.note(problem)
    return 1 if outlook.problems else 0


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} photos looked at", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None)
        yield lambda photos: shown.advance(task, photos)


def _print(outlook: Outlook) -> None:
    photos = [(_words(what), f"{count:,}") for what, count in _standings(outlook).items() if count]
    output.table(("photos", ""), photos or [("none", "0")])
    if outlook.reasons:
        rows = (
            (_words(what), reason, f"{one.count:,}", one.path)
            for (what, reason), one in sorted(outlook.reasons.items())
        )
        output.table(("", "why", "how many", "for example"), rows)
    if outlook.tier is None or not outlook.to_caption:
        how = " offline" if outlook.tier is None else ""
        click.echo(f"{outlook.to_caption:,} to be captioned{how}, which costs nothing")
        return
    output.table(("", "model", "tokens in", "tokens out", *map(_head, TIERS)), _prices(outlook))
    times = ((one.tier, _span(one.seconds), one.held_by) for one in outlook.durations)
    output.table(("", "takes about", "as held by"), times)
    for sentence in _sentences(outlook):
        click.echo(sentence)


def _words(what: str) -> str:
    return what.replace("_", " ")


def _head(tier: str) -> str:
    return f"{tier}, USD"


def _prices(outlook: Outlook) -> Iterator[tuple[str, ...]]:
    for at, one in enumerate(outlook.quotes):
        tokens = f"{one.input_tokens:,}", f"{one.output_tokens:,}"
        standard, *others = _by_tier(one.usd).values()
        told = ("-" if usd is None else output.usd(usd) for usd in others)
        yield ("" if at else "*", one.model, *tokens, output.usd(standard), *told)


def _sentences(outlook: Outlook) -> Iterator[str]:
    ours = outlook.quotes[0]
    assert outlook.tier is not None  # noqa: S101 by the caller
    cost = ours.usd[outlook.tier]
    told = "a price that is not known" if cost is None else f"about {output.usd(cost)} USD"
    yield (
        f"{outlook.to_caption:,} to be captioned by {ours.model} ({outlook.tier}) for {told}; "
        "copies of each other are paid for once"
    )
    source = "the average of the latest answers" if outlook.measured else "a guess, until some"
    yield f"tokens out are {source}" + ("" if outlook.measured else " have been captioned")
    yield from (_allowed(one, known=cost is not None) for one in outlook.allowances)


def _allowed(one: Allowance, *, known: bool) -> str:
    cap, period = f"{one.cap} = {one.usd:g}", one.cap.removeprefix("usd_per_")
    if one.periods is None:
        return f"{cap}: nothing would be sent" + ("" if known else ", as the price is not known")
    return f"{cap}: takes {one.periods} {period}{'' if one.periods == 1 else 's'}"


def _document(outlook: Outlook) -> dict[str, object]:
    import dataclasses

    models = (dataclasses.asdict(one) | {"usd": _by_tier(one.usd)} for one in outlook.quotes)
    return {
        "folders": [dataclasses.asdict(part) for part in outlook.parts],
        "problems": list(outlook.problems),
        "photos": _standings(outlook),
        "to_caption": outlook.to_caption,
        "reasons": [
            {"what": what, "reason": reason, "count": one.count, "example": one.path}
            for (what, reason), one in sorted(outlook.reasons.items())
        ],
        "index": outlook.index,
        "tokens_from": "index" if outlook.measured else "defaults",
        "tier": outlook.tier,
        "models": [{"configured": not at} | one for at, one in enumerate(models)],
        "durations": [dataclasses.asdict(one) for one in outlook.durations],
        "caps": [dataclasses.asdict(one) for one in outlook.allowances],
    }


def _standings(outlook: Outlook) -> dict[str, int]:
    from captiond.planning.sorting import Standing

    return {standing.value: outlook.standings.get(standing, 0) for standing in Standing}


def _by_tier(usd: Mapping[Tier, float | None]) -> dict[str, float | None]:
    from captiond.models import Tier

    return {tier: usd[Tier(tier)] for tier in TIERS}


def _span(seconds: float) -> str:
    """Return a time as people say it, in its two largest units."""
    larger, smaller = next((pair for pair in _UNITS if seconds > pair[0][1]), _UNITS[-1])
    count, rest = divmod(round(seconds), larger[1])
    told = f"{count} {larger[0]}"
    return f"{told} {rest // smaller[1]} {smaller[0]}" if rest // smaller[1] else told
