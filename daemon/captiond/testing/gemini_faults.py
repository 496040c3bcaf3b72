"""Names the ways in which Gemini answers with something else than a caption.

The bodies are those of the real API, as people reported them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from captiond.testing.gemini_fault import Fault, Manner, refusal
from captiond.testing.gemini_quota import (
    RPC,
    SERVICE,
    quota_bare,
    quota_per_day,
    quota_per_minute,
    quota_zero,
)

_REPLY = {"caption": "A cat sleeps.", "title": "Cat", "alt_text": "A cat", "keywords": ["cat"]}


def mix(faults: Sequence[Fault], *, share: float, seed: int) -> Iterator[Fault | None]:
    """Yield a script without end: this share of requests meets a random one of the faults.

    The same seed gives the same script.
    """
    rng = random.Random(seed)  # noqa: S311 a script, no secret
    while True:
        yield rng.choice(faults) if rng.random() < share else None


def prepayment_depleted() -> Fault:
    """Return a 429 that money would cure."""
    return refusal(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go on.")


def overloaded() -> Fault:
    """Return the 503 of a busy model."""
    return refusal(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")


def shed() -> Fault:
    """Return the 503 of a flex request for which there is no room."""
    message = (
        "This model is currently experiencing high demand. Spikes in demand are usually "
        "temporary. Please try again later."
    )
    return refusal(503, "UNAVAILABLE", message)


def internal_error() -> Fault:
    """Return the 500 that goes by itself."""
    return refusal(500, "INTERNAL", "An internal error has occurred. Please retry.")


def deadline_exceeded() -> Fault:
    """Return the 504 of a model that took too long."""
    return refusal(504, "DEADLINE_EXCEEDED", "The request timed out. Please try again.")


def bad_key() -> Fault:
    """Return the 400 for a key that is none."""
    reason = {
        "@type": f"{RPC}.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": SERVICE},
    }
    message = "API key not valid. Please pass a valid API key."
    return refusal(400, "INVALID_ARGUMENT", message, [reason])


def suspended_key(key: str) -> Fault:
    """Return the 403 that tells the key to whoever reads it."""
    message = f"Permission denied: Consumer 'api_key:{key}' has been suspended."
    return refusal(403, "PERMISSION_DENIED", message)


def no_key() -> Fault:
    """Return the 403 for a request without a key."""
    message = (
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API."
    )
    return refusal(403, "PERMISSION_DENIED", message)


def no_model(model: str, version: str) -> Fault:
    """Return the 404 for a model that is not there."""
    message = (
        f"models/{model} is not found for API version {version}, or is not supported for "
        "generateContent. Call ListModels to see the list of available models and their "
        "supported methods."
    )
    return refusal(404, "NOT_FOUND", message)


def closed_model(model: str) -> Fault:
    """Return the 404 for a model that a new project may not use."""
    message = (
        f"This model models/{model} is no longer available to new users. Please update your code "
        "to use a newer model for the latest features and improvements."
    )
    return refusal(404, "NOT_FOUND", message)


def bad_location() -> Fault:
    """Return the 400 for a country that is not served."""
    return refusal(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")


def invalid(message: str) -> Fault:
    """Return a 400 with this message."""
    return refusal(400, "INVALID_ARGUMENT", message)


def too_large(limit: int) -> Fault:
    """Return the 400 for a request of more bytes than that."""
    return invalid(f"Request payload size exceeds the limit: {limit} bytes.")


def not_found() -> Fault:
    """Return the 404 for a resource that is not there."""
    return refusal(404, "NOT_FOUND", "Requested entity was not found.")


def no_file(name: str) -> Fault:
    """Return the 403 for a file that is not there, or is somebody else's."""
    message = (
        f"You do not have permission to access the File {name.removeprefix('files/')} or it may "
        "not exist."
    )
    return refusal(403, "PERMISSION_DENIED", message)


def bad_image() -> Fault:
    """Return the 400 for bytes that are no image."""
    return invalid("Unable to process input image. Please retry or report in troubleshooting.")


def html(status: int = 200) -> Fault:
    """Return what a proxy or a login page in between answers."""
    return Fault(status, b"<html><body>Please log in</body></html>", "text/html")


def truncated_json(status: int = 200) -> Fault:
    """Return JSON that ends in the middle."""
    return Fault(status, b'{"candidates": [{"content": {"par')


def empty_candidates() -> Fault:
    """Return an answer without any candidate."""
    return _answer({"candidates": []})


def blocked_prompt(reason: str = "SAFETY") -> Fault:
    """Return the refusal to look at the photo."""
    return _answer({"promptFeedback": {"blockReason": reason}})


def blocked_answer(reason: str = "SAFETY") -> Fault:
    """Return a candidate that was stopped before its first word."""
    return _answer({"candidates": [{"finishReason": reason, "index": 0}]})


def max_tokens(text: str = "") -> Fault:
    """Return an answer cut off at the output limit; "" = thinking ate all of it."""
    return reply_text(text, finish_reason="MAX_TOKENS")


def wrong_types() -> Fault:
    """Return the JSON asked for, with a number for a caption."""
    return reply_text('{"caption": 5, "keywords": "none"}')


def wrong_envelope() -> Fault:
    """Return JSON in which candidates are a sentence."""
    return _answer({"candidates": "none today"})


def fenced_json() -> Fault:
    """Return a good reply in a Markdown fence."""
    return reply_text(f"```json\n{json.dumps(_REPLY)}\n```")


def drip(seconds: float) -> Fault:
    """Return a good reply that comes byte by byte and takes that long."""
    body = reply_text(json.dumps(_REPLY)).body
    return Fault(200, body, manner=Manner.DRIP, seconds=seconds)


def reply_text(text: str, *, finish_reason: str = "STOP") -> Fault:
    """Return an answer with this text of the model."""
    content = {"parts": [{"text": text}], "role": "model"} if text else {"role": "model"}
    return _answer({"candidates": [{"content": content, "finishReason": finish_reason}]})


def reset_mid_body() -> Fault:
    """Return half an answer: then the connection breaks."""
    return Fault(200, b'{"candidates": [', manner=Manner.RESET)


def silence() -> Fault:
    """Return nothing, for as long as the client waits."""
    return Fault(manner=Manner.SILENCE)


def _answer(body: dict[str, Any]) -> Fault:
    usage = {"promptTokenCount": 1160, "totalTokenCount": 1160}
    return Fault(200, json.dumps({**body, "usageMetadata": usage}).encode())


NAMED: dict[str, Fault] = {
    "quota_per_minute": quota_per_minute(),
    "quota_per_day": quota_per_day(),
    "quota_zero": quota_zero(),
    "quota_bare": quota_bare(),
    "prepayment_depleted": prepayment_depleted(),
    "overloaded": overloaded(),
    "shed": shed(),
    "internal_error": internal_error(),
    "deadline_exceeded": deadline_exceeded(),
    "bad_key": bad_key(),
    "bad_location": bad_location(),
    "html": html(),
    "truncated_json": truncated_json(),
    "empty_candidates": empty_candidates(),
    "wrong_types": wrong_types(),
    "wrong_envelope": wrong_envelope(),
    "max_tokens": max_tokens(),
    "reset_mid_body": reset_mid_body(),
    "drip": drip(3600.0),
    "silence": silence(),
}
"""What the server as a process can be told to answer, by name; its drip never ends in time."""
