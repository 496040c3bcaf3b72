"""Replies: what Gemini says becomes clean words, or the error that says why not."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.captioners import replies, wording
from captiond.errors import (
    CaptionerStopped,
    CaptionerUnreachable,
    CaptionRefused,
    PhotoError,
    ReplyUnusable,
)
from captiond.models import Description, Usage

GOOD = {
    "caption": "A cat sleeps.",
    "title": "Cat",
    "alt_text": "A sleeping cat",
    "keywords": ["cat", "sleep"],
    "text": "HOME\nSWEET HOME",
}


def body(text: str | None = None, *, finish: str = "STOP", **more: object) -> str:
    parts = [] if text is None else [{"text": text}]
    candidate = {"content": {"parts": parts}, "finishReason": finish}
    return json.dumps({"candidates": [candidate], **more})


def read(text: str, finish: str = "STOP") -> Description:
    return replies.read_description(text, finish_reason=finish)


def test_a_good_answer_is_read_word_for_word():
    """Every field, the tokens and the version that answered arrive as they were sent."""
    usage = {"promptTokenCount": 1100, "candidatesTokenCount": 50, "thoughtsTokenCount": 7}
    sent = body(json.dumps(GOOD), usageMetadata=usage, modelVersion="gemini-3.5-flash-lite-002")
    reply = replies.read_reply(sent, model="gemini-3.5-flash-lite")
    assert reply.description == Description(**GOOD | {"keywords": ("cat", "sleep")})
    assert reply.model == "gemini-3.5-flash-lite-002"
    assert reply.usage == Usage(input=1100, output=57, thinking=7)


def test_an_answer_without_usage_or_version_is_still_a_reply():
    """Counts that the API leaves out or gives as null are 0; the model asked stands in."""
    reply = replies.read_reply(body(json.dumps(GOOD), usageMetadata=None), model="m")
    assert (reply.model, reply.usage) == ("m", Usage())
    nulls = {"promptTokenCount": None, "candidatesTokenCount": 3}
    assert replies.read_reply(body(json.dumps(GOOD), usageMetadata=nulls), model="m").usage.output


def test_thoughts_are_not_part_of_the_answer():
    """Parts marked as thought are left out, and the others are joined."""
    text = json.dumps(GOOD)
    parts = [{"text": "hm", "thought": True}, {"text": text[:9]}, {"text": text[9:]}]
    sent = json.dumps({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})
    assert replies.read_reply(sent, model="m").description.caption == "A cat sleeps."


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}```", " \n```JSON\n{}\n```\n"])
def test_code_fences_are_taken_off(fence):
    """A reply in a Markdown fence is read like a bare one."""
    assert read(fence.replace("{}", json.dumps(GOOD))).title == "Cat"


def test_what_a_model_leaves_out_is_empty():
    """Only the caption is needed: a missing or null field is empty."""
    expected = Description(caption="A cat.")
    assert read('{"caption": "A cat.", "title": null, "keywords": null}') == expected


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "OTHER", "NEW"])
def test_a_blocked_prompt_is_refused_in_words(reason):
    """A photo that Gemini declines to look at is refused, and the reason is told."""
    sent = json.dumps({"promptFeedback": {"blockReason": reason}})
    with pytest.raises(CaptionRefused, match=rf"blocked the photo: .*\({reason}\)"):
        assert not replies.read_reply(sent, model="m").description


@pytest.mark.parametrize("reason", sorted(replies.REFUSALS))
def test_a_blocked_answer_is_refused_in_words(reason):
    """An answer that Gemini stopped by itself is refused, and the reason is told."""
    with pytest.raises(CaptionRefused, match=rf"blocked its answer: .*\({reason}\)"):
        assert not replies.read_reply(body(finish=reason), model="m").description


def test_a_limited_account_stops_asking():
    """An account that Google disabled is no photo's fault."""
    with pytest.raises(CaptionerStopped, match="account"):
        replies.read_reply(body(finish="PUP_LIMITED_DISABLED"), model="m")


@pytest.mark.parametrize(
    ("text", "finish", "sentence"),
    [
        ("", "STOP", "answered nothing$"),
        ("  \n", "STOP", "answered nothing$"),
        ("", "NO_IMAGE", r"answered nothing \(NO_IMAGE\)"),
        ("", "MAX_TOKENS", "used up its output tokens"),
        ('{"caption": "A ca', "MAX_TOKENS", "cut off"),
        ('{"caption": "A ca', "STOP", "not the JSON"),
        ("A cat sleeps.", "STOP", "not the JSON"),
        ("[" * 100_000, "STOP", "not the JSON"),
        ("1" * 5_000, "STOP", "not the JSON"),
        ('{"caption": 5}', "STOP", "wrong type at caption"),
        ('{"caption": "A", "keywords": {"cat": 1}}', "STOP", "wrong type at keywords"),
        ('{"caption": "A", "keywords": ["cat", 1]}', "STOP", r"wrong type at keywords\.1"),
        ("[]", "STOP", "wrong type at reply"),
        ('{"title": "Cat"}', "STOP", "no caption"),
        ('{"caption": " \\u200b\\u202e\\u0000\\u200d "}', "STOP", "no caption"),
    ],
)
def test_unusable_answers_are_told_apart(text, finish, sentence):
    """Empty, cut off, malformed and mistyped answers each have their sentence."""
    with pytest.raises(ReplyUnusable, match=sentence):
        read(text, finish)


def test_a_complete_answer_at_the_limit_is_good():
    """An answer that just fits its output tokens is not thrown away: it was paid for."""
    assert read(json.dumps(GOOD), "MAX_TOKENS").title == "Cat"


def test_an_answer_without_candidates_is_unusable():
    """No candidate and no reason is an empty answer."""
    with pytest.raises(ReplyUnusable, match="answered nothing"):
        assert not replies.read_reply('{"candidates": []}', model="m").description


@pytest.mark.parametrize("sent", ["", "<html>", '{"candidates": [', "[]", '{"candidates": 5}'])
def test_a_body_that_is_not_the_apis_is_no_photos_fault(sent):
    """HTML or half a body in a 200 comes from somebody else."""
    with pytest.raises(CaptionerUnreachable):
        replies.read_reply(sent, model="m")


def test_words_are_cleaned():
    """Control and bidi characters go, white space is one space, lengths are capped."""
    dirty = {
        "caption": "A\u202e cat\u0000\r\n sleeps\u2028 here. \ud83d",
        "title": "x" * 300,
        "alt_text": "\ufeffa\tcat\ufffe",
        "keywords": ["Cat", "CAT ", "", "stra\u00dfe", "STRASSE", "k" * 99, "\u200b"],
        "text": "\x1b[31mHOME \u2066 \nSWEET\x07",
    }
    clean = read(json.dumps(dirty))
    assert clean.caption == "A cat sleeps here."
    assert len(clean.title) == wording.TITLE_CHARACTERS
    assert clean.title.endswith("\u2026")
    assert clean.alt_text == "a cat"
    assert clean.keywords == ("cat", "stra\u00dfe")
    assert clean.text == "[31mHOME\nSWEET"


def test_emoji_and_joined_scripts_survive():
    """Joiners stay within words: a family is one emoji, and Persian keeps its spaces."""
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    farsi = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert read(json.dumps({"caption": f"{family} {farsi}"})).caption == f"{family} {farsi}"


wild = st.text(alphabet=st.characters(), max_size=60)
documents = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | wild,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(wild, inner, max_size=4),
    max_leaves=8,
)
wordy = st.fixed_dictionaries(
    {"caption": wild},
    optional={"title": wild, "alt_text": wild, "keywords": st.lists(wild), "text": wild},
)


@given(wild | documents.map(json.dumps) | wordy.map(json.dumps), st.sampled_from(["STOP", "X"]))
def test_whatever_a_model_says_becomes_clean_words_or_a_photo_error(text, finish):
    """No text raises anything but a photo error or lets a control character through."""
    try:
        found = read(text, finish)
    except PhotoError:
        return
    lines = [found.caption, found.title, found.alt_text, *found.keywords, *found.text.split("\n")]
    shown = "".join(lines)
    assert found.caption
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffe")
    assert shown.encode()
    assert len(found.caption) <= wording.CAPTION_CHARACTERS
    assert len({word.casefold() for word in found.keywords}) == len(found.keywords)
