"""Says what a tier changes about a request, and about what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from captiond.errors import CaptiondError, CaptionerShed, CaptionerShedSilent, CaptionerStopped
from captiond.models import Tier

FLEX_SECONDS = 900.0
"""Flex answers within 1 to 15 minutes; the service itself gives up then."""
_NOT_FOR_YOU = re.compile(r"tier|billing|paid|flex|priority", re.IGNORECASE)
_NO_ROOM = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


def timeout_seconds(tier: Tier, seconds: float) -> float:
    """Return how long an answer is waited for, where `seconds` is what the settings say."""
    return max(seconds, FLEX_SECONDS) if tier is Tier.FLEX else seconds


def request_options(tier: Tier, seconds: float) -> dict[str, Any]:
    """Return what a tier adds to the configuration of a request; nothing for standard."""
    if tier not in (Tier.FLEX, Tier.PRIORITY):
        return {}
    from google.genai import types

    # The SDK tells the service this timeout (X-Server-Timeout), and gives it to its transport.
    milliseconds = int(timeout_seconds(tier, seconds) * 1000)
    return {
        "service_tier": types.ServiceTier(tier),
        "http_options": types.HttpOptions(timeout=milliseconds),
    }


def answered_tier(headers: Mapping[str, str]) -> str:
    """Return the tier that answered, "" when it is not told."""
    told = headers.get("x-gemini-service-tier", "")
    return told if told in set(Tier) else ""


def read_error(error: Exception, mapped: CaptiondError, tier: Tier) -> CaptiondError:
    """Return what an error means in this tier, where `mapped` is its meaning in standard."""
    code = getattr(error, "code", None)
    if tier is Tier.FLEX and isinstance(error, TimeoutError):
        return CaptionerShedSilent(f"flex had no room: {mapped}")
    if tier is Tier.FLEX and code in _NO_ROOM:
        return CaptionerShed(f"flex had no room: {mapped}")
    refused = code in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)
    if tier is not Tier.STANDARD and refused and _NOT_FOR_YOU.search(str(mapped)):
        return CaptionerStopped(
            f"Gemini does not serve this project by the tier {tier}: it takes a paid project "
            f"(priority: tier 2); change gemini.tier or gemini.backlog ({mapped})"
        )
    return mapped
