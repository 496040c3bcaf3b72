"""Maps every error of the SDK and its transport into captiond's tree.

The table and its traps are those of the API as people met it: a bad key is a 400, a suspended key
is echoed in the message (continuedev/continue#10902), a violation per day may carry a retryDelay
of a minute (googleapis/python-genai#1875).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.http import HttpProcessingError

from captiond.errors import (
    Busy,
    CaptiondError,
    CaptionerBusy,
    CaptionerSilent,
    CaptionerStopped,
    CaptionerUnreachable,
    ImageRejected,
    Violation,
)
from captiond.secrecy import redact
from captiond.visible import without_hidden

if TYPE_CHECKING:
    from google.genai.errors import APIError

MESSAGE_CHARACTERS = 300
BAD_KEY = "the API key is not accepted; give another one ({})"
NO_MONEY = "the project's money is used up; top it up or raise its cap in Google AI Studio"
NO_QUOTA = "this project has no quota for this model; change gemini.model or the plan"
NO_MODEL = "no such model: check gemini.model, gemini.api_version and gemini.base_url ({})"

_BAD_IMAGE = re.compile(
    r"input image|image is not valid|mime ?type|image.*(too large|exceed)", re.IGNORECASE
)
_SETTINGS = {
    "gemini.thinking": re.compile(r"thinking", re.IGNORECASE),
    "gemini.timeout_seconds": re.compile(r"deadline", re.IGNORECASE),
    "gemini.media_resolution": re.compile(r"media.?resolution", re.IGNORECASE),
    "gemini.api_version": re.compile(r"unknown name|cannot find field", re.IGNORECASE),
    "gemini.model": re.compile(
        r"json mode|schema|modality|not (supported|enabled) (for|by) (this model|models/)",
        re.IGNORECASE,
    ),
}
_LIMITS = {
    "requests_per_minute": re.compile(r"Requests.*PerMinute"),
    "tokens_per_minute": re.compile(r"InputTokens.*PerMinute"),
    "requests_per_day": re.compile(r"Requests.*PerDay"),
}
_NO_QUOTA = re.compile(r"\blimit:\s*0(?![\d.])")
_PREPAID = re.compile(r"prepa(id|yment)|credits are depleted|spending cap", re.IGNORECASE)


def foreign_errors() -> tuple[type[Exception], ...]:
    """Return everything that a call of the SDK can raise; imports the SDK."""
    from google.genai.errors import APIError, ContinuationInterruptedError

    return (
        APIError,
        ContinuationInterruptedError,
        aiohttp.ClientError,
        aiohttp.WSMessageTypeError,
        HttpProcessingError,
        OSError,  # TimeoutError is one
        ValueError,  # json.JSONDecodeError, pydantic.ValidationError, the SDK's own checks
    )


def map_error(error: Exception) -> CaptiondError:
    """Return what `error` means for captiond, in a sentence without secrets."""
    from google.genai.errors import APIError

    def say(text: object) -> str:
        return redact(without_hidden(" ".join(str(text).split())))[:MESSAGE_CHARACTERS]

    if isinstance(error, APIError):
        return _map_api_error(error, say)
    if isinstance(error, TimeoutError):
        return CaptionerSilent("Gemini did not answer within gemini.timeout_seconds")
    if isinstance(error, aiohttp.InvalidURL):
        return CaptionerStopped(f"gemini.base_url is not a URL to ask: {say(error)}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return CaptionerUnreachable(f"Gemini cannot be reached: {say(_why(error))}")
    if isinstance(error, aiohttp.ClientError | OSError):
        return CaptionerSilent(f"Gemini cannot be reached: {say(_why(error))}")
    return CaptionerUnreachable("the answer is not the Gemini API's; see gemini.base_url")


def _why(error: Exception) -> object:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{error.host}: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        # Its own words hold the address of an object: no two log lines would be the same.
        number = error.os_error.errno or 0  # below 0 is a name that does not resolve
        why = os.strerror(number) if number > 0 else error.os_error.strerror
        return f"{error.host}: {why or error.os_error}"
    return str(error) or type(error).__name__


def _map_api_error(error: APIError, say: Callable[[object], str]) -> CaptiondError:
    body = _error_object(error.details)
    # Somebody else's body (a proxy, a login page) is HTML: its status line says enough.
    said = say(error.message if body else error.status or "no reason given")
    if error.code == HTTPStatus.TOO_MANY_REQUESTS:
        return _map_quota(body, said)
    if error.code == HTTPStatus.BAD_REQUEST and body:
        return _map_bad_request(error.status or "", body, said)
    if error.code == HTTPStatus.UNAUTHORIZED or (error.code == HTTPStatus.FORBIDDEN and body):
        return CaptionerStopped(BAD_KEY.format(said))
    return _map_status(error.code, said)


def _map_status(code: int, said: str) -> CaptiondError:
    if code == HTTPStatus.NOT_FOUND:
        return CaptionerStopped(NO_MODEL.format(said))
    if code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return ImageRejected(f"Gemini finds the image too large: {said}")
    if code == HTTPStatus.REQUEST_TIMEOUT or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CaptionerBusy(f"Gemini is overloaded or failing (HTTP {code}): {said}")
    return CaptionerUnreachable(f"HTTP {code} instead of an answer of the Gemini API: {said}")


def _map_bad_request(status: str, body: dict[str, Any], said: str) -> CaptiondError:
    reasons = {detail.get("reason") for detail in _details(body, "ErrorInfo")}
    if "api key" in said.lower() or any(str(r).startswith("API_KEY") for r in reasons):
        return CaptionerStopped(BAD_KEY.format(said))
    if status == "FAILED_PRECONDITION":
        return CaptionerStopped(
            f"Google does not serve this project from here; enable billing or move it ({said})"
        )
    if _BAD_IMAGE.search(said):
        return ImageRejected(f"Gemini cannot read this image: {said}")
    for key, words in _SETTINGS.items():
        if words.search(said):
            return CaptionerStopped(f"Gemini does not take {key} as it is set; change it ({said})")
    return ImageRejected(f"Gemini rejects this photo: {said}")


def _map_quota(body: dict[str, Any], said: str) -> CaptiondError:
    told = [v for d in _details(body, "QuotaFailure") for v in _dicts(d.get("violations"))]
    whole = str(body.get("message"))  # its limit stands behind 300 characters of links
    if _PREPAID.search(whole):
        return CaptionerStopped(f"{NO_MONEY} ({said})")
    if _NO_QUOTA.search(whole) or any(str(v.get("quotaValue")) == "0" for v in told):
        return CaptionerStopped(f"{NO_QUOTA} ({said})")
    violations = tuple(v for one in told if (v := _violation(one)) is not None)
    # PerDay first: such a violation may carry a retryDelay of a minute all the same.
    if any("PerDay" in str(one.get("quotaId")) for one in told):
        return CaptionerBusy("daily quota used up", kind=Busy.DAY, violations=violations)
    delays = [_seconds(info.get("retryDelay")) for info in _details(body, "RetryInfo")]
    known = [delay for delay in delays if delay is not None]
    return CaptionerBusy(
        f"asked too fast: {said}",
        kind=Busy.RATE if told or known else Busy.BARE,
        violations=violations,
        retry_after=max(known, default=None),
    )


def _violation(told: dict[str, Any]) -> Violation | None:
    """Return which key of [limits] a violation speaks of, None for another kind of limit."""
    quota, value = str(told.get("quotaId")), str(told.get("quotaValue"))
    for limit, words in _LIMITS.items():
        if words.search(quota):
            return Violation(limit, int(value) if value.isdecimal() else None, quota)
    return None


def _error_object(details: object) -> dict[str, Any]:
    """Return the API's error object, empty when the body came from somebody else."""
    inner = details.get("error") if isinstance(details, dict) else None
    return inner if isinstance(inner, dict) else {}


def _details(body: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [d for d in _dicts(body.get("details")) if str(d.get("@type", "")).endswith(kind)]


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _seconds(delay: object) -> float | None:
    """Return a protobuf Duration ("36s", "45.837906927s") in seconds."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", str(delay))
    return float(found[1]) if found else None
