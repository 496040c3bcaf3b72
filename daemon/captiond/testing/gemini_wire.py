"""Speaks the Gemini REST protocol from the server's side: requests in, answers out; no sockets."""

from __future__ import annotations

import binascii
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from captiond.models import Description
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_fault import Refused
from captiond.testing.gemini_models import MODELS
from captiond.testing.gemini_tokens import image_tokens, text_tokens, thought_tokens

MIMES = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
SHORTEST_DEADLINE_SECONDS = 10
TIERS = {"standard", "flex", "priority"}


@dataclass(frozen=True, kw_only=True)
class ReceivedRequest:
    """A question as it came over the wire; an item of a batch is one of tier "batch".

    `project` is "" but for Vertex AI.
    """

    model: str
    texts: tuple[str, ...]
    system: str = ""
    mime: str = ""
    data: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    tier: str = "standard"
    deadline_seconds: int | None = None
    image_tokens: int = 0
    project: str = ""

    @property
    def prompt(self) -> str:
        """All texts beside the image, in one."""
        return "\n".join(self.texts)

    @cached_property
    def image(self) -> bytes:
        """The bytes of the image; they come in URL-safe or in plain base64."""
        plain = self.data.replace("-", "+").replace("_", "/")
        return binascii.a2b_base64(plain, strict_mode=True)

    @cached_property
    def digest(self) -> str:
        """The sha256 of the image's bytes, in hex."""
        return hashlib.sha256(self.image).hexdigest()

    @property
    def tokens(self) -> int:
        """What the question counts against the limits, and is paid for."""
        return self.image_tokens + text_tokens(self.prompt) + text_tokens(self.system)

    @property
    def thoughts(self) -> int:
        """How many tokens the model thinks before it answers."""
        return thought_tokens(self.model, read_thinking(self.config))


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


def read_request(
    model: str, body: bytes, *, headers: Mapping[str, str], project: str = ""
) -> ReceivedRequest:
    """Read a request body; raises Refused for what the API would not take.

    `project` is that of a route of Vertex AI.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise Refused(faults.invalid("Invalid JSON payload received.")) from error
    deadline = headers.get("x-server-timeout", "")
    return read_document(
        model,
        document,
        deadline_seconds=int(deadline) if deadline.isdigit() else None,
        project=project,
    )


def read_document(
    model: str,
    document: Any,
    *,
    batch: bool = False,
    deadline_seconds: int | None = None,
    project: str = "",
) -> ReceivedRequest:
    """Read what a request asks, an item of a `batch` or a single one; raises Refused."""
    parts, system = _read_parts(document)
    mime, data = _read_image(parts)
    config = _read_config(model, document)
    received = ReceivedRequest(
        model=model,
        texts=tuple(part["text"] for part in parts if "text" in part),
        system=system,
        mime=mime,
        data=data,
        config=config,
        tier="batch" if batch else _read_tier(document),
        deadline_seconds=deadline_seconds,
        image_tokens=sum(_count_image(model, part, config) for part in parts),
        project=project,
    )
    if mime:
        decode_image(received)
    return received


def _read_parts(document: Any) -> tuple[list[dict[str, Any]], str]:
    """Return the parts of the contents, and the system's instruction."""
    try:
        contents = [content["parts"] for content in document["contents"]]
        system = (_one(document, "systemInstruction", "system_instruction") or {}).get("parts", [])
        instruction = "\n".join(part["text"] for part in system)
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused(faults.invalid("Invalid JSON payload received.")) from error
    parts = [part for content in contents for part in content]
    if not all(isinstance(part, dict) for part in parts):
        raise Refused(faults.invalid("Invalid JSON payload received."))
    return parts, instruction


def _read_image(parts: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return MIME type and base64 of the first image; two empty texts if there is none."""
    images = [found for part in parts if (found := _one(part, "inlineData", "inline_data"))]
    mimes = [_one(image, "mimeType", "mime_type") or "" for image in images]
    for mime in mimes:
        if mime not in MIMES:
            raise Refused(faults.invalid(f"Unsupported MIME type: {mime}"))
    return (mimes[0], images[0].get("data", "")) if images else ("", "")


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
    request: ReceivedRequest,
    description: Description,
    *,
    model_version: str = "",
    retires_at: str = "",
) -> dict[str, Any]:
    """Return the body of the answer with this description, as the schema in the request asks.

    `model_version` is who says that it answered, the model asked for unless given; `retires_at`
    is when that model will be gone, as RFC 3339.
    """
    wants_json = _one(request.config, "responseMimeType", "response_mime_type")
    text = json.dumps(asdict(description)) if wants_json else description.caption
    content = {"parts": [{"text": text}], "role": "model"}
    body = {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": _usage(request, said=text_tokens(text)),
        "modelVersion": model_version or request.model,
        "responseId": uuid.uuid4().hex,
    }
    return {**body, "modelStatus": _status(request.model, retires_at)} if retires_at else body


def _status(model: str, retires_at: str) -> dict[str, str]:
    message = f"The model {model} is deprecated; see its successors."
    return {"modelStage": "LEGACY", "retirementTime": retires_at, "message": message}


def read_thinking(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the level and the budget of thinking; None where the request names none."""
    thinking = _one(config, "thinkingConfig", "thinking_config") or {}
    return {
        "level": _one(thinking, "thinkingLevel", "thinking_level"),
        "budget": _one(thinking, "thinkingBudget", "thinking_budget"),
    }


def _usage(request: ReceivedRequest, *, said: int) -> dict[str, Any]:
    details = [{"modality": "TEXT", "tokenCount": request.tokens - request.image_tokens}]
    if request.image_tokens:
        details.append({"modality": "IMAGE", "tokenCount": request.image_tokens})
    usage = {
        "promptTokenCount": request.tokens,
        "candidatesTokenCount": said,
        "totalTokenCount": request.tokens + said + request.thoughts,
        "promptTokensDetails": details,
    }
    return {**usage, "thoughtsTokenCount": request.thoughts} if request.thoughts else usage


def _read_tier(document: Mapping[str, Any]) -> str:
    tier = str(_one(document, "serviceTier", "service_tier") or "unspecified").lower()
    if tier not in {"unspecified", *TIERS}:
        raise Refused(faults.invalid(f"Invalid value at 'service_tier': {tier}"))
    return "standard" if tier == "unspecified" else tier


def _count_image(model: str, part: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    if not _one(part, "inlineData", "inline_data"):
        return 0
    own = (_one(part, "mediaResolution", "media_resolution") or {}).get("level", "")
    shared = _one(config, "mediaResolution", "media_resolution") or ""
    resolution = (own or shared).removeprefix("MEDIA_RESOLUTION_").replace("UNSPECIFIED", "")
    try:
        return image_tokens(model, resolution, of_part=bool(own))
    except KeyError as error:
        message = f"Media resolution {resolution} is not supported for this model."
        raise Refused(faults.invalid(message)) from error


def _read_config(model: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of a request; raises Refused for those that the model does not take."""
    config: Mapping[str, Any] = _one(document, "generationConfig", "generation_config") or {}
    level, budget = read_thinking(config).values()
    if level is not None and budget is not None:
        message = "You can only set only one of thinking budget and thinking level."
        raise Refused(faults.invalid(message))
    if level is not None and level.lower() not in MODELS[model].levels:
        message = f"Thinking level {level.upper()} is not supported for this model."
        raise Refused(faults.invalid(message))
    schema = _one(config, "responseJsonSchema", "response_json_schema")
    mime = _one(config, "responseMimeType", "response_mime_type")
    if schema is not None and mime != "application/json":
        message = "Response schema is only supported with response mime type application/json."
        raise Refused(faults.invalid(message))
    return config


def _one(mapping: Mapping[str, Any], *names: str) -> Any:
    """Return the value under the first of these names: the SDK mixes camel and snake case."""
    return next((mapping[name] for name in names if name in mapping), None)
