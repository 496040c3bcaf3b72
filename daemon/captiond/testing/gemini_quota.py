"""Tells, as the Gemini API does, which limits a request exceeds: the 429s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from captiond.testing.gemini_fault import Fault, refusal

RPC = "type.googleapis.com/google.rpc"
SERVICE = "generativelanguage.googleapis.com"
MODEL = "gemini-3.5-flash-lite"
QUOTA_EXCEEDED = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. "
    "To monitor your current usage, head to: https://ai.dev/rate-limit."
)
QUOTA_HELP = {
    "@type": f"{RPC}.Help",
    "links": [
        {
            "description": "Learn more about Gemini API quotas",
            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that a request exceeds; `wait_seconds` None = until the day ends."""

    metric: str
    quota_id: str
    limit: int
    wait_seconds: float | None = None

    def tell(self, model: str) -> dict[str, Any]:
        """Return it as the API does, which leaves the value out when it is 0."""
        told = {
            "quotaMetric": f"{SERVICE}/{self.metric}",
            "quotaId": self.quota_id,
            "quotaDimensions": {"location": "global", "model": model},
        }
        return {**told, "quotaValue": str(self.limit)} if self.limit else told


def quota_per_minute(retry_after: str = "36s", *, limit: int = 15) -> Fault:
    """Return a 429 that says how long to wait, as a protobuf Duration ("45.837906927s")."""
    return _quota("GenerateRequestsPerMinutePerProjectPerModel", limit, retry_after)


def quota_per_day(retry_after: str = "59s") -> Fault:
    """Return a 429 for the day, with the misleading delay that the real one carries."""
    return _quota("GenerateRequestsPerDayPerProjectPerModel", 20, retry_after)


def quota_zero() -> Fault:
    """Return a 429 for a model of which the project may ask nothing at all."""
    return _quota("GenerateRequestsPerDayPerProjectPerModel", 0, "59s")


def quota_bare() -> Fault:
    """Return a 429 without details."""
    return refusal(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")


def batches_exhausted() -> Fault:
    """Return the 429 for one batch too many, which tells no limit and no delay."""
    return refusal(429, "RESOURCE_EXHAUSTED", QUOTA_EXCEEDED, [QUOTA_HELP])


def quota_failure(
    violations: Sequence[Violation], *, model: str = MODEL, retry_after: str
) -> Fault:
    """Return the 429 that names its limits; `retry_after` is a protobuf Duration ("36.4s")."""
    lines = "".join(
        f"\n* Quota exceeded for metric: {SERVICE}/{violation.metric}, "
        f"limit: {violation.limit}, model: {model}"
        for violation in violations
    )
    message = f"{QUOTA_EXCEEDED} {lines}\nPlease retry in {retry_after}."
    failure = [violation.tell(model) for violation in violations]
    details: list[dict[str, Any]] = [
        QUOTA_HELP,
        {"@type": f"{RPC}.QuotaFailure", "violations": failure},
        {"@type": f"{RPC}.RetryInfo", "retryDelay": retry_after},
    ]
    return refusal(429, "RESOURCE_EXHAUSTED", message, details)


def _quota(quota_id: str, limit: int, retry_after: str) -> Fault:
    violation = Violation("generate_content_free_tier_requests", f"{quota_id}-FreeTier", limit)
    return quota_failure([violation], retry_after=retry_after)
