"""What the service said of its limits, beside what the settings say.

The lower of the two holds: settings cannot raise what the service grants. What it said is believed
for BELIEVED_SECONDS from when it said so last, then forgotten: a project that moved to a higher
tier is served by it within a day, and one that did not hears its limit again at the price of a few
refused questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from captiond.errors import Violation

BELIEVED_SECONDS = 24 * 3600.0
RENEWED_SECONDS = 3600.0
"""How often it is written down that a limit was told again."""
NAMES = ("requests_per_minute", "tokens_per_minute", "requests_per_day")


@dataclass(frozen=True, slots=True)
class Told:
    """A limit as the service told it: the name of its quota, and when, in unix seconds."""

    value: int
    quota: str
    at: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in force, None = none; `source` is "settings", "QuotaFailure ..." or "none"."""

    value: float | None
    source: str
    since: float | None = None


class Learning:
    """Keeps what was told, by the key of [limits]."""

    def __init__(
        self,
        settings: Mapping[str, int] = MappingProxyType({}),
        told: Mapping[str, Told] = MappingProxyType({}),
    ) -> None:
        self._settings = {name: settings[name] for name in NAMES if settings.get(name)}
        self._told = {name: one for name, one in told.items() if name in NAMES}

    def learn(self, violations: Iterable[Violation], *, clock: float) -> dict[str, Told]:
        """Note what was told; return what of it is to be written down."""
        new = {}
        for one in violations:
            if not one.value:
                continue
            known = self._told.get(one.limit)
            told = self._told[one.limit] = Told(one.value, one.quota, clock)
            if known is None or known.value != told.value or clock - known.at > RENEWED_SECONDS:
                new[one.limit] = told
        return new

    def in_force(self, *, clock: float) -> dict[str, Limit]:
        """Return the limits that hold now, one for each name."""
        return {name: self._one(name, clock) for name in NAMES}

    def _one(self, name: str, clock: float) -> Limit:
        told, wanted = self._told.get(name), self._settings.get(name)
        # What was told in the future was told by a clock that was wrong, or is wrong now.
        believed = told is not None and abs(clock - told.at) < BELIEVED_SECONDS
        if told is not None and believed and (wanted is None or told.value < wanted):
            return Limit(told.value, f"QuotaFailure {told.quota}", told.at)
        return Limit(None, "none") if wanted is None else Limit(wanted, "settings")
