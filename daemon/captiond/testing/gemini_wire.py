"""Speaks the Gemini REST protocol from the server's side: requests in, answers out; no sockets."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from captiond.models import Description
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_fault import Fault

LEVELS = ("minimal", "low", "medium", "high")
MODELS: Mapping[str, tuple[str, ...]] = {
    "gemini-3.5-flash-lite": LEVELS,
    "gemini-3.1-flash-lite": LEVELS,
    "gemini-3.5-flash": LEVELS,
    "gemini-3.8-flash": ("low", "medium", "high"),
    "gemini-2.5-flash-lite": (),
}
"""The models and the thinking levels they take; 2.5 takes a budget instead."""

MIMES = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
SHORTEST_DEADLINE_SECONDS = 10
IMAGE_TOKENS = 1_080
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True)
class ReceivedRequest:
    """A question as it came over the wire."""

    model: str
    prompt: str
    mime: str
    data: str
    config: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def image(self) -> bytes:
        """The bytes of the image; they come in URL-safe or in plain base64."""
        return base64.b64decode(self.data.translate(_URL_SAFE), validate=True)

    @cached_property
    def digest(self) -> str:
        """The sha256 of the image's bytes, in hex."""
        return hashlib.sha256(self.image).hexdigest()

    @property
    def tokens(self) -> int:
        """What the question counts against the limits, and is paid for."""
        return IMAGE_TOKENS + len(self.prompt) // 4


class Refused(Exception):
    """The API answers with an error; `fault` is that answer."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.body.decode())
        self.fault = fault


def check_caller(headers: Mapping[str, str], *, api_key: str | None) -> None:
    """Refuse a request without the key, or with a deadline that the API finds too short."""
    key = headers.get("x-goog-api-key", "")
    if not key:
        raise Refused(faults.no_key())
    if api_key is not None and key != api_key:
        raise Refused(faults.bad_key())
    deadline = headers.get("x-server-timeout", "")
    if deadline.isdigit() and int(deadline) < SHORTEST_DEADLINE_SECONDS:
        message = (
            f"Manually set deadline {deadline}s is too short. Minimum allowed deadline is "
            f"{SHORTEST_DEADLINE_SECONDS}s."
        )
        raise Refused(faults.invalid(message))


def check_model(model: str, version: str) -> None:
    """Refuse a model that is not there."""
    if model not in MODELS:
        raise Refused(faults.no_model(model, version))


def read_request(model: str, body: bytes) -> ReceivedRequest:
    """Read a request body; raises Refused for what the API would not take."""
    try:
        document = json.loads(body)
        parts = [part for content in document["contents"] for part in content["parts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(faults.invalid("Invalid JSON payload received.")) from error
    images = [found for part in parts if (found := _one(part, "inlineData", "inline_data"))]
    image = images[0] if images else {}
    mime = _one(image, "mimeType", "mime_type") or ""
    if images and mime not in MIMES:
        raise Refused(faults.invalid(f"Unsupported MIME type: {mime}"))
    config = document.get("generationConfig") or {}
    _check_config(model, config)
    prompt = "\n".join(part["text"] for part in parts if "text" in part)
    received = ReceivedRequest(model, prompt, mime, image.get("data", ""), config)
    if image:
        decode_image(received)
    return received


def decode_image(request: ReceivedRequest) -> bytes:
    """Return the image of the request; raises Refused if there is none."""
    try:
        image = request.image
    except (binascii.Error, ValueError) as error:
        raise Refused(faults.invalid("Base64 decoding failed for inline_data.")) from error
    if not image:
        raise Refused(faults.bad_image())
    return image


def write_answer(
    request: ReceivedRequest, description: Description, *, model_version: str = ""
) -> dict[str, Any]:
    """Return the body of the answer with this description, as the schema in the request asks.

    `model_version` is who says that it answered, the model asked for unless given.
    """
    wants_json = _one(request.config, "responseMimeType", "response_mime_type")
    text = json.dumps(asdict(description)) if wants_json else description.caption
    asked, said = request.tokens, len(text) // 4
    return {
        "candidates": [
            {
                "content": {"parts": [{"text": text}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": asked,
            "candidatesTokenCount": said,
            "totalTokenCount": asked + said,
        },
        "modelVersion": model_version or request.model,
        "responseId": uuid.uuid4().hex,
    }


def describe_model(model: str) -> dict[str, Any]:
    """Return what `GET models/MODEL` tells."""
    return {
        "name": f"models/{model}",
        "version": "001",
        "displayName": model.replace("-", " ").title(),
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "batchGenerateContent"],
        "thinking": True,
    }


def list_models(page_size: int, page_token: str) -> dict[str, Any]:
    """Return one page of `GET models`."""
    start = int(page_token) if page_token.isdigit() else 0
    end = start + page_size
    page: dict[str, Any] = {"models": [describe_model(model) for model in [*MODELS][start:end]]}
    if end < len(MODELS):
        page["nextPageToken"] = str(end)
    return page


def _check_config(model: str, config: Mapping[str, Any]) -> None:
    thinking = _one(config, "thinkingConfig", "thinking_config") or {}
    level = _one(thinking, "thinkingLevel", "thinking_level")
    budget = _one(thinking, "thinkingBudget", "thinking_budget")
    if level is not None and budget is not None:
        message = "You can only set only one of thinking budget and thinking level."
        raise Refused(faults.invalid(message))
    if level is not None and level.lower() not in MODELS[model]:
        message = f"Thinking level {level.upper()} is not supported for this model."
        raise Refused(faults.invalid(message))
    schema = _one(config, "responseJsonSchema", "response_json_schema")
    mime = _one(config, "responseMimeType", "response_mime_type")
    if schema is not None and mime != "application/json":
        message = "Response schema is only supported with response mime type application/json."
        raise Refused(faults.invalid(message))


def _one(mapping: Mapping[str, Any], *names: str) -> Any:
    """Return the value under the first of these names: the SDK mixes camel and snake case."""
    return next((mapping[name] for name in names if name in mapping), None)
