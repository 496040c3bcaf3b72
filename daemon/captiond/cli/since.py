"""The option --since: a moment as people write it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click

_AGO = re.compile(r"(\d{1,6})\s*([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_YEAR = re.compile(r"\d{4}")


def parse_since(text: str, now: datetime) -> datetime:
    """Return the moment meant by a year, a date (and time), `12h`, `7d`, `2w`, today, yesterday.

    `now` is local; days begin at local midnight. Raises ValueError.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"today": midnight, "yesterday": midnight - timedelta(days=1)}
    if text in named:
        return named[text]
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    moment = datetime.fromisoformat(f"{text}-01-01" if _YEAR.fullmatch(text) else text)
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)


def since(_ctx: click.Context, _param: click.Parameter, text: str | None) -> float | None:
    """Return the option's value in unix seconds; a callback of click's."""
    if text is None:
        return None
    try:
        return parse_since(text, datetime.now().astimezone()).timestamp()
    except (ValueError, OverflowError) as error:
        hint = "write 2026, 2026-11-01, 2026-11-01T18:30, 12h, 7d, 2w, today or yesterday"
        raise click.BadParameter(f"{text!r} is no moment; {hint}") from error
