"""May it be paid for? The caps on what is spent, each for the day or the month that it is.

Days and months are the machine's own calendar. What the ledger holds from the beginning of a period
on counts for it, also what is ahead of the clock: a clock that jumps back never opens a cap again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from captiond.models import Cap, Tier
from captiond.settings import Settings


def unpriced(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each cap that cannot be kept, as nobody knows what a request costs."""
    limits, gemini = settings.limits, settings.gemini
    capped = [key for key in ("usd_per_day", "usd_per_month") if getattr(limits, key) < math.inf]
    if not capped or settings.captioner.backend != "gemini":
        return
    from captiond.quota.pricing import is_priced

    # Whoever asks by another tier is sent on to standard where there is no room.
    for tier in dict.fromkeys((Tier.STANDARD, Tier(gemini.tier), Tier(gemini.backlog))):
        if is_priced(gemini.model, tier):
            continue
        for key in capped:
            yield (
                f"limits.{key}: nobody knows what gemini.model {gemini.model!r} costs by the tier "
                f"{tier}, so this cap cannot be kept; choose another model or take the cap out"
            )
        return


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be spent in USD, as in `[limits]`; infinity is no cap, 0 is nothing at all."""

    usd_per_day: float = math.inf
    usd_per_month: float = math.inf

    def at(self, now: float, zone: tzinfo | None = None) -> tuple[Cap, ...]:
        """Return the caps that hold now (unix seconds), by the calendar of `zone`, or the local."""
        found = (
            Cap("usd_per_day", self.usd_per_day, *day(now, zone)),
            Cap("usd_per_month", self.usd_per_month, *month(now, zone)),
        )
        return tuple(cap for cap in found if cap.usd < math.inf)


def day(now: float, zone: tzinfo | None = None) -> tuple[float, float]:
    """Return when the day of `now` began and when it ends; it may have 23 or 25 hours."""
    today = _midnight(datetime.fromtimestamp(now, zone))
    return today.timestamp(), _midnight(today + timedelta(days=1)).timestamp()


def month(now: float, zone: tzinfo | None = None) -> tuple[float, float]:
    """Return when the month of `now` began and when it ends."""
    first = _midnight(datetime.fromtimestamp(now, zone)).replace(day=1)
    return first.timestamp(), (first + timedelta(days=31)).replace(day=1).timestamp()


def _midnight(moment: datetime) -> datetime:
    # fold 0: where the clock is put back at midnight, the day begins with the first of the two;
    # where it is put forward then, with the first moment there is.
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
