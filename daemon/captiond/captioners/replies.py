"""Reads what Gemini answered: the body of a 200 becomes a reply, or the error that says why not.

The body is validated here and not by the SDK: its `.parsed` lets `{"caption": 5}` pass and gives
None for bad JSON, and an enum value that it does not know is a warning. Everything in the body is
untrusted: a picture can talk the model into any text.
"""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from captiond.captioners import wording
from captiond.captioners.base import ANY, Terms
from captiond.captioners.languages import misses
from captiond.captioners.wording import KEYWORD_CHARACTERS, line
from captiond.errors import (
    CaptionerStopped,
    CaptionerUnreachable,
    CaptionRefused,
    PhotoError,
    ReplyUnusable,
    WrongLanguage,
)
from captiond.models import Description, Reply, Usage

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


def _list(value: object) -> object:
    return [value] if isinstance(value, str) else value or []


Words = Annotated[str, BeforeValidator(_none_is_empty)]


class _Words(BaseModel):
    """The reply that REPLY_SCHEMA asks for; what a model leaves out is empty."""

    model_config = ConfigDict(strict=True)

    caption: Words = ""
    title: Words = ""
    alt_text: Words = Field("", validation_alias=AliasChoices("alt_text", "altText"))
    keywords: Annotated[list[Words], BeforeValidator(_list)] = []
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


def read_reply(body: str, *, model: str, terms: Terms = ANY) -> Reply:
    """Return the reply in the body of a 200; `model` was asked, on these terms.

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
        _outcome(response, terms),
        answered_by,
        _usage(response.usage_metadata),
        retires_at=retires_at,
    )


def _outcome(response: _Response, terms: Terms) -> Description | PhotoError:
    feedback = response.prompt_feedback
    if not response.candidates and feedback and feedback.block_reason:
        return CaptionRefused(_refusal("blocked the photo", feedback.block_reason))
    candidate = response.candidates[0] if response.candidates else _Candidate()
    try:
        reason = candidate.finish_reason or ""
        return read_description(_text(candidate), finish_reason=reason, terms=terms)
    except PhotoError as error:
        return error


def read_description(text: str, *, finish_reason: str, terms: Terms = ANY) -> Description:
    """Return the description in the model's text, in the form that was asked for.

    Raises CaptionRefused, ReplyUnusable, WrongLanguage, CaptionerStopped.
    """
    if finish_reason == "PUP_LIMITED_DISABLED":
        raise CaptionerStopped("Google has limited or disabled this account; see Google AI Studio")
    if finish_reason in REFUSALS and not (finish_reason == "OTHER" and text):
        raise CaptionRefused(_refusal("blocked its answer", finish_reason))
    if not text.strip():
        raise ReplyUnusable(_nothing(finish_reason))
    words = _parse(text, cut_off=finish_reason == "MAX_TOKENS")
    description = _described(words, terms)
    if not description.caption:
        raise ReplyUnusable("Gemini's answer holds no caption")
    if not terms.final and misses(description, terms.language):
        raise WrongLanguage(f"Gemini did not answer in the language asked for: {terms.language}")
    return description


def _described(words: _Words, terms: Terms) -> Description:
    given = wording.keywords(words.keywords, language=terms.language)
    return Description(
        caption=wording.sentence(words.caption, wording.CAPTION_CHARACTERS),
        title=wording.sentence(words.title, wording.TITLE_CHARACTERS),
        alt_text=wording.sentence(words.alt_text, wording.ALT_TEXT_CHARACTERS),
        keywords=terms.vocabulary.fit(given)[: wording.KEYWORDS],
        text=wording.paragraphs(words.text, wording.TEXT_CHARACTERS),
    )


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
