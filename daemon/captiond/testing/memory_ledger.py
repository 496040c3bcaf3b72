"""The ledger of an in-memory index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean

from captiond.errors import OverBudget
from captiond.index.base import Request
from captiond.index.ledger_base import QUARTER_SECONDS, Bill, Spent
from captiond.models import Recipe


@dataclass(slots=True)
class Entry:
    """A request and what became of it; `bill` None until it is known, maybe for good."""

    request: Request
    state: str = "inflight"
    bill: Bill | None = None

    @property
    def bound_usd(self) -> float:
        """What it may cost, while that is not known."""
        known = self.bill is not None and self.bill.cost_usd is not None
        return 0.0 if known else self.request.reserved_usd or 0.0

    @property
    def is_unpriced(self) -> bool:
        """Whether nobody knows what it costs, nor a bound."""
        if self.bill is None:
            return self.request.reserved_usd is None
        return self.bill.cost_usd is None and self.request.reserved_usd is None


class MemoryLedger:
    """Every request of a MemoryIndex: the twin of `index.ledger`."""

    def __init__(self, forget: Callable[[str], object]) -> None:
        self.entries: dict[str, Entry] = {}
        self._forget = forget

    def enter(self, request: Request) -> None:
        """Enter a request as in flight; raises OverBudget where a cap leaves no room for it."""
        for cap in request.within:
            held = self._held(cap.since)
            wanted = (request.reserved_usd or 0.0) + held.usd + held.lost_usd
            if wanted + held.in_flight_usd > cap.usd or not cap.usd:
                raise OverBudget(
                    cap.name,
                    cap.usd,
                    spent_usd=held.usd + held.lost_usd,
                    in_flight_usd=held.in_flight_usd,
                    until=cap.until if wanted > cap.usd or not cap.usd else None,
                )
        self.entries[request.id] = Entry(request)

    def close(self, request: str, bill: Bill | None, *, state: str) -> None:
        """Close a request; without a bill it is lost."""
        entry = self.entries.get(request)
        if entry is not None and entry.state == "inflight":
            entry.state, entry.bill = "lost" if bill is None else state, bill

    async def settle(self, request: str, bill: Bill, *, now: float) -> None:  # noqa: ARG002 the Protocol's words
        """Close a request that was answered, and whose caption is not kept."""
        self.close(request, bill, state="answered")
        self._forget(request)

    async def spent(self, *, since: float) -> Spent:
        """Return what was asked from that moment on, also what lies ahead of the clock."""
        return self._held(since)

    async def recent_output(self, recipe: Recipe) -> float | None:
        """Return the average output tokens of the answers by this recipe or its model."""
        answered = [
            (entry.request.recipe, entry.bill.usage.output)
            for entry in self.entries.values()
            if entry.state == "answered" and entry.bill is not None
        ]
        mine = [output for by, output in answered if by == recipe]
        alike = [output for by, output in answered if by.model == recipe.model]
        return mean(mine or alike) if mine or alike else None

    def _held(self, since: float) -> Spent:
        began = since // QUARTER_SECONDS * QUARTER_SECONDS
        entries = [one for one in self.entries.values() if one.request.started_at >= began]
        bills = [one.bill for one in entries if one.bill is not None]
        lost = [one for one in entries if one.state == "lost"]
        in_flight = [one for one in entries if one.state == "inflight"]
        return Spent(
            requests=len(entries),
            answered=sum(one.state == "answered" for one in entries),
            input_tokens=sum(bill.usage.input for bill in bills),
            output_tokens=sum(bill.usage.output for bill in bills),
            thinking_tokens=sum(bill.usage.thinking for bill in bills),
            usd=sum(bill.cost_usd or 0.0 for bill in bills),
            unpriced=sum(one.is_unpriced for one in entries),
            lost=len(lost),
            lost_usd=sum(one.bound_usd for one in lost),
            in_flight=len(in_flight),
            in_flight_usd=sum(one.bound_usd for one in in_flight),
        )
