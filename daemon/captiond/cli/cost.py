"""The verb `cost`: what was asked and what it cost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from captiond.cli import output
from captiond.cli.since import since as since_callback

if TYPE_CHECKING:  # a wrong option is told without opening an index
    from captiond.index.ledger_base import Spent

HEAD = ("", "requests", "photos", "tokens in", "out", "thinking", "USD", "per 1000", "")


@click.command(short_help="Tell what was asked and what it cost.")
@click.option(
    "--by",
    "group",
    type=click.Choice(["day", "folder", "model", "tier"]),
    help="Split it up by local day, folder, model, or the tier that answered.",
)
@click.option(
    "--since", metavar="WHEN", callback=since_callback, help="Only what was asked since then."
)
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, group: str | None, since: float | None, as_json: bool) -> None:
    """Tell how many requests were made, for how many photos, and what they cost in USD.

    Without options: today, this month, and in all. A photo counts when an answer came for it;
    "per 1000" is the cost of 1000 such photos. What no answer came for may be billed all the same:
    it stands beside, at the most it can cost. --since begins with the quarter of an hour.

    With --json: an object with since (null, or unix seconds) and rows: each with name, what it
    took, usd, usd_per_1000 (null where no price is known) and what is not known.
    """
    from captiond.index.ledger_base import QUARTER_SECONDS
    from captiond.index.search import Library
    from captiond.index.spending import spent_by
    from captiond.quota.budget import day, month

    now = time.time()
    if since is not None:
        since = since // QUARTER_SECONDS * QUARTER_SECONDS
    with Library(output.settings(ctx).index.path) as library:
        if group is not None:
            rows = spent_by(library, group, since=since or 0.0)
        else:
            rows = list(_periods(library, since, today=day(now)[0], this_month=month(now)[0]))
    if as_json:
        output.print_json({"since": since, "rows": [_values(*row) for row in rows]})
        return
    output.table(HEAD, (_row(*row) for row in rows))
    if not rows:
        output.note("nothing was asked")


def _periods(
    library: Any, since: float | None, *, today: float, this_month: float
) -> Iterator[tuple[str, Spent]]:
    from captiond.index.spending import spent

    if since is not None:
        yield f"since {output.moment(since)}", spent(library, since=since)
        return
    yield "today", spent(library, since=today)
    yield "this month", spent(library, since=this_month)
    yield "in all", spent(library, since=0.0)


def usd_per_1000(one: Spent) -> float | None:
    """Return the cost of a thousand photos, None where there was none or its price is not known."""
    return None if one.unpriced or not one.answered else 1000 * one.usd / one.answered


def usd(amount: float) -> str:
    """Return an amount as people read it: cents, or what is below them."""
    return f"{amount:,.2f}" if amount >= 1 or amount == 0 else f"{amount:.4f}"


def unknown(one: Spent) -> str:
    """Say what of the cost is not known, "" for nothing."""
    told = []
    if one.lost:
        most = f": at most ${usd(one.lost_usd)} more" if one.lost_usd else ""
        told.append(f"{output.count(one.lost, 'request')} unanswered{most}")
    if one.in_flight:
        told.append(f"{one.in_flight:,} in flight: at most ${usd(one.in_flight_usd)} more")
    if one.unpriced:
        told.append(f"{output.count(one.unpriced, 'request')} of unknown price")
    return "; ".join(told)


def _row(name: str, one: Spent) -> tuple[object, ...]:
    per_1000 = usd_per_1000(one)
    tokens = (one.input_tokens, one.output_tokens, one.thinking_tokens)
    return (
        name,
        f"{one.requests:,}",
        f"{one.answered:,}",
        *(f"{count:,}" for count in tokens),
        "unknown" if one.unpriced and not one.usd else usd(one.usd),
        "" if per_1000 is None else usd(per_1000),
        unknown(one),
    )


def _values(name: str, one: Spent) -> dict[str, Any]:
    return {
        "name": name,
        **dataclasses.asdict(one),
        "usd": None if one.unpriced and not one.usd else one.usd,
        "usd_per_1000": usd_per_1000(one),
    }
