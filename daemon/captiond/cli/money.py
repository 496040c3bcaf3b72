"""Tells what was spent and what may be, for `status`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from captiond.cli.cost import unknown, usd

if TYPE_CHECKING:  # only named in signatures
    from captiond.index.ledger_base import Spent
    from captiond.index.search import Library
    from captiond.settings import LimitsSettings

PERIODS = {"today": "usd_per_day", "this_month": "usd_per_month"}


def look(library: Library, *, now: float) -> dict[str, Spent]:
    """Return what was spent today, this month and in all; empty where no ledger is summed up."""
    from captiond.index.spending import has_ledger, spent
    from captiond.quota.budget import day, month

    if not has_ledger(library):
        return {}
    began = {"today": day(now)[0], "this_month": month(now)[0], "in_all": 0.0}
    return {period: spent(library, since=since) for period, since in began.items()}


def money_values(looked: dict[str, Spent], limits: LimitsSettings) -> dict[str, Any]:
    """Return it for JSON; a cap is null where there is none."""
    return {
        period: {
            "usd": one.usd,
            "requests": one.requests,
            "unpriced": one.unpriced,
            "lost_usd": one.lost_usd,
            "in_flight_usd": one.in_flight_usd,
            "cap_usd": _cap(period, limits),
        }
        for period, one in looked.items()
    }


def money_rows(looked: dict[str, Spent], limits: LimitsSettings) -> list[tuple[str, Any]]:
    """Return a line for the day and one for the month."""
    return [
        (f"spent {period.replace('_', ' ')}", _sentence(looked[period], _cap(period, limits)))
        for period in PERIODS
        if period in looked
    ]


def _sentence(one: Spent, cap: float | None) -> str:
    most = "" if cap is None else f" of ${cap:g}"
    beside = unknown(one)
    return f"${usd(one.usd)}{most}" + (f" ({beside})" if beside else "")


def _cap(period: str, limits: LimitsSettings) -> float | None:
    cap: float = getattr(limits, PERIODS[period]) if period in PERIODS else math.inf
    return cap if cap < math.inf else None
