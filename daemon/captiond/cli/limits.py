"""Tells how fast the captioner is asked, and which limits hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from captiond.cli import output

GAUGES = {
    "requests_last_minute": "Requests in the last minute, those in flight included.",
    "input_tokens_last_minute": "Their input tokens, guessed while they are in flight.",
    "answers_last_minute": "Answers in the last minute.",
    "requests_today": "Requests since midnight in Los Angeles, when the daily quotas begin anew.",
    "slots": "How many questions are asked at once now, at most.",
    "slots_most": "How many that may become: gemini.concurrency.",
}


def pace_rows(pace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield rows for people."""
    asked = (
        f"{pace['requests_last_minute']:,} requests, {pace['input_tokens_last_minute']:,} input "
        f"tokens, {pace['answers_last_minute']:,} answers in the last minute"
    )
    yield "pace", f"{asked}; {pace['requests_today']:,} requests today"
    yield "slots", f"{pace['slots']:,} at once now, {pace['slots_most']:,} at most"
    for name, limit in pace["limits"].items():
        words = name.replace("_", " ")
        if limit["value"] is None:
            yield words, "no limit known"
        else:
            since = f" at {output.moment(limit['since'])}" if limit["since"] else ""
            yield words, f"{limit['value']:,.0f} ({limit['source']}{since})"
