"""Reads what Gemini answered: the body of a 200 becomes a reply, or the error that says why not.

The body is validated here and not by the SDK: its `.parsed` lets `{"caption": 5}` pass and gives
None for bad JSON, and an enum value that it does not know is a warning. Everything in the body is
untrusted: a picture can talk the model into any text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from captiond.errors import (
    CaptionerStopped,
    CaptionerUnreachable,
    CaptionRefused,
    PhotoError,
    ReplyUnusable,
)
from captiond.models import Description, Reply, Usage
from captiond.visible import without_hidden

CAPTION_CHARACTERS = 2_000
TITLE_CHARACTERS = 200
ALT_TEXT_CHARACTERS = 250
KEYWORD_CHARACTERS = 64
KEYWORDS = 50
TEXT_CHARACTERS = 10_000
MODEL_CHARACTERS = 100
DATE_CHARACTERS = 40

REFUSALS = {
    "SAFETY": "its safety filter objected",
    "IMAGE_SAFETY": "its safety filter objected to the image",
    "PROHIBITED_CONTENT": "it takes the content for prohibited",
    "IMAGE_PROHIBITED_CONTENT": "it takes the image for prohibited",
    "RECITATION": "the answer would have recited protected text",
    "IMAGE_RECITATION": "the answer would have recited a protected image",
    "SPII": "the answer would have held sensitive personal information",
    "BLOCKLIST": "a blocked term occurred",
    "LANGUAGE": "it does not support the language",
    "JAILBREAK": "it takes the content for an attack",
    "MODEL_ARMOR": "Model Armor blocked it",
    "ESCALATION": "an escalation rule blocked it",
    "OTHER": "it gave no reason",
}


def _none_is_empty(value: object) -> object:
    return "" if value is None else _whole(value) if isinstance(value, str) else value


_JOINERS = "\u200c\u200d"

Words = Annotated[str, BeforeValidator(_none_is_empty)]


class _Words(BaseModel):
    """The reply that REPLY_SCHEMA asks for; what a model leaves out is empty."""

    model_config = ConfigDict(strict=True)

    caption: Words = ""
    title: Words = ""
    alt_text: Words = Field("", validation_alias=AliasChoices("alt_text", "altText"))
    keywords: Annotated[list[Words], BeforeValidator(lambda value: value or [])] = []
    text: Words = ""


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Part(_Wire):
    text: str | None = None
    thought: bool | None = None


class _Content(_Wire):
    parts: list[_Part] | None = None


class _Candidate(_Wire):
    content: _Content | None = None
    finish_reason: str | None = None


class _PromptFeedback(_Wire):
    block_reason: str | None = None


class _UsageMetadata(_Wire):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class _ModelStatus(_Wire):
    retirement_time: str | None = None


class _Response(_Wire):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _PromptFeedback | None = None
    usage_metadata: _UsageMetadata | None = None
    model_version: str | None = None
    model_status: _ModelStatus | None = None


def read_reply(body: str, *, model: str) -> Reply:
    """Return the reply in the body of a 200; `model` was asked.

    A refusal or an unusable text is its outcome. Raises CaptionerStopped, and CaptionerUnreachable
    for a body that is not the API's.
    """
    try:
        response = _Response.model_validate_json(body)
    except ValidationError as error:
        raise CaptionerUnreachable("the answer is not the Gemini API's") from error
    answered_by = line(response.model_version or "", MODEL_CHARACTERS) or model
    retires_at = line(
        (response.model_status or _ModelStatus()).retirement_time or "", DATE_CHARACTERS
    )
    return Reply(
        _outcome(response), answered_by, _usage(response.usage_metadata), retires_at=retires_at
    )


def _outcome(response: _Response) -> Description | PhotoError:
    feedback = response.prompt_feedback
    if not response.candidates and feedback and feedback.block_reason:
        return CaptionRefused(_refusal("blocked the photo", feedback.block_reason))
    candidate = response.candidates[0] if response.candidates else _Candidate()
    try:
        return read_description(_text(candidate), finish_reason=candidate.finish_reason or "")
    except PhotoError as error:
        return error


def read_description(text: str, *, finish_reason: str) -> Description:
    """Return the description in the model's text.

    Raises CaptionRefused, ReplyUnusable, CaptionerStopped.
    """
    if finish_reason == "PUP_LIMITED_DISABLED":
        raise CaptionerStopped("Google has limited or disabled this account; see Google AI Studio")
    if finish_reason in REFUSALS and not (finish_reason == "OTHER" and text):
        raise CaptionRefused(_refusal("blocked its answer", finish_reason))
    if not text.strip():
        raise ReplyUnusable(_nothing(finish_reason))
    words = _parse(text, cut_off=finish_reason == "MAX_TOKENS")
    caption = line(words.caption, CAPTION_CHARACTERS)
    if not caption:
        raise ReplyUnusable("Gemini's answer holds no caption")
    return Description(
        caption=caption,
        title=line(words.title, TITLE_CHARACTERS),
        alt_text=line(words.alt_text, ALT_TEXT_CHARACTERS),
        keywords=keywords(words.keywords),
        text=paragraphs(words.text, TEXT_CHARACTERS),
    )


def line(text: str, limit: int) -> str:
    """Return the text as one clean line of at most `limit` characters."""
    collapsed = " ".join(without_hidden(re.sub(r"\s+", " ", text)).split())
    return _cut(collapsed.strip(_JOINERS + " "), limit)


def paragraphs(text: str, limit: int) -> str:
    """Return the text with its line breaks, clean otherwise, of at most `limit` characters."""
    lines = (" ".join(without_hidden(row).split()) for row in text.splitlines())
    return _cut("\n".join(lines).strip(), limit)


def keywords(words: Iterable[str]) -> tuple[str, ...]:
    """Return clean keywords, each once whatever its case."""
    once: dict[str, str] = {}
    for word in words:
        clean = line(word, KEYWORD_CHARACTERS)
        if clean:
            once.setdefault(clean.casefold(), clean)
    return tuple(once.values())[:KEYWORDS]


def _text(candidate: _Candidate) -> str:
    parts = (candidate.content and candidate.content.parts) or []
    return "".join(part.text for part in parts if part.text and not part.thought)


def _usage(usage: _UsageMetadata | None) -> Usage:
    if usage is None:
        return Usage()
    thinking = usage.thoughts_token_count or 0
    return Usage(
        input=usage.prompt_token_count or 0,
        output=(usage.candidates_token_count or 0) + thinking,
        thinking=thinking,
    )


def _refusal(what: str, reason: str) -> str:
    words = REFUSALS.get(reason, "it gave an unknown reason")
    return f"Gemini {what}: {words} ({line(reason, KEYWORD_CHARACTERS)})"


def _nothing(finish_reason: str) -> str:
    if finish_reason == "MAX_TOKENS":
        return "Gemini used up its output tokens before it answered (lower gemini.thinking)"
    if finish_reason and finish_reason != "STOP":
        return f"Gemini answered nothing ({line(finish_reason, KEYWORD_CHARACTERS)})"
    return "Gemini answered nothing"


def _parse(text: str, *, cut_off: bool) -> _Words:
    # json.loads before pydantic: a lone surrogate is an error to pydantic, and a word to a model.
    try:
        document = json.loads(_without_fences(text))
    except (ValueError, RecursionError) as error:
        if cut_off:
            raise ReplyUnusable("Gemini's answer was cut off at its output tokens") from error
        raise ReplyUnusable("Gemini's answer is not the JSON asked for") from error
    try:
        return _Words.model_validate(document)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"]) or "reply"
        raise ReplyUnusable(f"Gemini's answer has a wrong type at {where}") from error


def _without_fences(text: str) -> str:
    fenced = re.fullmatch(r"\s*```\w*\s*(.*?)\s*```\s*", text, re.DOTALL)
    return fenced[1] if fenced else text


def _whole(text: str) -> str:
    return text.encode("utf-8", "ignore").decode("utf-8")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
