"""What was asked, and what it cost.

reservation what a request costs at most; it counts until the cost is known
bill        what is known of a request's cost once it is over
lost        a request whose answer never came: nobody knows whether it is billed, so it stays
            reserved for good
unpriced    a request of which neither the cost nor a bound is known

A request belongs to the time at which it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from captiond.models import Recipe, Tier, Usage

QUARTER_SECONDS = 900
"""The ledger is summed up by the quarter of an hour: every local midnight begins one."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a request is billed: USD (None where no price is known), and by which tier's prices."""

    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    tier: Tier | None = None


FREE = Bill(cost_usd=0.0)
"""Of a request that the service refused, or that never reached it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the ledger holds; `lost_usd` and `in_flight_usd` are bounds, not costs.

    `answered` requests brought words, `unpriced` ones cost nobody knows what; `output_tokens`
    hold the `thinking_tokens`.
    """

    requests: int = 0
    answered: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    lost: int = 0
    lost_usd: float = 0.0
    in_flight: int = 0
    in_flight_usd: float = 0.0


class Ledger(Protocol):
    """Every request that was made.

    Requests are entered by `Index.begin`, `Index.note` and `Jobs.make`: in the transaction that
    finds the caps of `Request.within` kept. They raise OverBudget, and enter nothing, where one
    is not.
    """

    async def settle(self, request: str, bill: Bill, *, now: float) -> None:
        """Close a request that was answered, and whose caption is not kept."""

    async def spent(self, *, since: float) -> Spent:
        """Return what was asked from that moment on, also what lies ahead of the clock."""

    async def recent_output(self, recipe: Recipe) -> float | None:
        """Return the average output tokens of the latest answers by this recipe.

        Else of those by its model; None when there was none among the last thousand requests.
        """
