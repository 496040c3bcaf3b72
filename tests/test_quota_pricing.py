"""Pricing: what a request cost."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from captiond.models import Tier, Usage
from captiond.quota.pricing import is_priced, price

MILLION = Usage(input=1_000_000)
NEW_YEAR_2027 = datetime(2027, 1, 1, tzinfo=UTC).timestamp()


def test_a_request_costs_what_its_tokens_cost():
    """Input and output are priced apart, thinking within output."""
    million = 1_000_000
    model = "gemini-3.5-flash-lite"
    assert price(model, Usage(input=million)) == pytest.approx(0.30)
    assert price(model, Usage(output=million, thinking=million)) == pytest.approx(2.50)
    assert price(model, Usage(input=1089, output=120)) == pytest.approx(0.0006267)
    assert price(f"models/{model}", Usage(input=million)) == pytest.approx(0.30)


def test_nothing_is_known_of_an_unknown_model():
    """An unknown price is None, never 0."""
    assert price("a-model-of-my-own", Usage(input=1)) is None
    assert price("", Usage(input=1)) is None


def test_an_answer_without_tokens_costs_nothing():
    """A known model with no tokens counted costs 0."""
    assert price("gemini-3.5-flash-lite", Usage()) == 0.0


@pytest.mark.parametrize(
    ("model", "tier", "usd"),
    [
        ("gemini-3.5-flash-lite", Tier.STANDARD, 0.30),
        ("gemini-3.5-flash-lite", Tier.FLEX, 0.15),
        ("gemini-3.5-flash-lite", Tier.BATCH, 0.15),
        ("gemini-3.5-flash-lite", Tier.PRIORITY, 0.54),
        ("gemini-3.8-flash", Tier.PRIORITY, 1.35),
        ("gemini-3.8-flash", Tier.BATCH, 0.375),
        ("gemini-3.7-flash", Tier.BATCH, 0.375),
        ("gemini-3.5-flash", Tier.PRIORITY, None),
        ("a-model-of-my-own", Tier.BATCH, None),
    ],
)
def test_each_tier_has_its_price(model, tier, usd):
    """Batch and flex are half the price, priority is 1.8 times it where the model has it."""
    at = NEW_YEAR_2027 - 1
    assert price(model, MILLION, tier, at=at) == (usd if usd is None else pytest.approx(usd))
    assert is_priced(model, tier) == (usd is not None)


@pytest.mark.parametrize("tier", list(Tier))
def test_a_price_that_changes_at_a_date_changes_at_that_date(tier):
    """3.8 Flash doubles with the year 2027 in every tier: by the day of the request."""
    before = price("gemini-3.8-flash", MILLION, tier, at=NEW_YEAR_2027 - 1)
    after = price("gemini-3.8-flash", MILLION, tier, at=NEW_YEAR_2027)
    assert before is not None
    assert after == pytest.approx(2 * before)


def test_pricing_loads_its_list_when_first_asked_and_opens_no_socket():
    """Importing is free, and a price is told without any network."""
    program = (
        "import socket, sys\n"
        "from captiond.models import Usage\n"
        "from captiond.quota.pricing import price\n"
        "assert 'genai_prices' not in sys.modules\n"
        "def refuse(*a, **k): raise AssertionError('a socket')\n"
        "socket.socket.connect = refuse\n"
        "print(price('gemini-3.5-flash-lite', Usage(input=1_000_000)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0.3\n"
