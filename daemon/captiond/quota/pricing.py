"""Says what a request cost, by the price list that genai-prices carries; never by network."""

from __future__ import annotations

from functools import cache

from captiond.models import Usage


def price(model: str, usage: Usage) -> float | None:
    """Return the cost of one request in USD at today's standard rates, None for an unknown model.

    Gemini bills thinking as output, and `usage.output` includes it. The first call imports the
    list (0.2 s: warm it in a thread), each later one takes 60 microseconds.
    """
    if not _is_listed(model):
        return None
    import genai_prices

    tokens = genai_prices.Usage(input_tokens=usage.input, output_tokens=usage.output)
    # Asked anew each time: the list knows from which day on a model costs more.
    return float(genai_prices.calc_price(tokens, _name(model), provider_id="google").total_price)


@cache  # genai-prices remembers what it finds, and searches anew for what it does not
def _is_listed(model: str) -> bool:
    import genai_prices

    try:
        genai_prices.calc_price(genai_prices.Usage(), _name(model), provider_id="google")
    except LookupError:
        return False
    return True


def _name(model: str) -> str:
    return model.removeprefix("models/")
