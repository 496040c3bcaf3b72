"""Tells what people wrote from what cameras and captiond wrote, and puts both together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence

from captiond.models import Description, Handwriting

_JUNK = frozenset(
    text.casefold()
    for text in (
        "OLYMPUS DIGITAL CAMERA",
        "SONY DSC",
        "SAMSUNG",
        "SAMSUNG DIGITAL CAMERA",
        "SAMSUNG CAMERA PICTURES",
        "MINOLTA DIGITAL CAMERA",
        "KONICA MINOLTA DIGITAL CAMERA",
        "MEDION DIGITAL CAMERA",
        "MOULTRIE DIGITAL GAME CAMERA",
        "DIGITAL CAMERA",
        "HELLOMOTO",
        "SANYO DIGITAL CAMERA",
        "KODAK Digital Still Camera",
        "DCF 1.0",
        "EPSON DSC picture",
        "Created with GIMP",
        "default",
        "null",
    )
)
"""What cameras and programs put where a person would write a caption."""
_OWN_NAME = re.compile(r"(?:[a-z]:)?[\\/]?dcim[\\/]\S+|<(?:kenox|digimax) [^<>]*>")
"""The path on the card, by drones and GoPro; the models that go by one name, by Samsung."""


def is_junk(text: str) -> bool:
    """Tell whether a text says nothing: blank, or what cameras write by themselves."""
    told = " ".join(text.split()).casefold()
    return not told or told in _JUNK or _OWN_NAME.fullmatch(told) is not None


def combined(first: Handwriting, second: Handwriting) -> Handwriting:
    """Return both together; where both speak of the same, the first counts."""
    return Handwriting(
        caption=first.caption or second.caption,
        title=first.title or second.title,
        alt_text=first.alt_text or second.alt_text,
        keywords=tuple(dict.fromkeys((*first.keywords, *second.keywords))),
        taken_back=first.taken_back | second.taken_back,
        keywords_taken_back=tuple(
            dict.fromkeys((*first.keywords_taken_back, *second.keywords_taken_back))
        ),
    )


def later(hand: Handwriting, before: Handwriting) -> Handwriting:
    """Return both together, where the first was written after the other and may undo it."""
    lost, found = set(hand.keywords_taken_back), set(hand.keywords)
    back = hand.taken_back
    gone = (word for word in before.keywords_taken_back if word not in found)
    kept = Handwriting(
        caption="" if "caption" in back else before.caption,
        title="" if "title" in back else before.title,
        alt_text="" if "alt_text" in back else before.alt_text,
        keywords=tuple(word for word in before.keywords if word not in lost),
        taken_back=frozenset(name for name in before.taken_back if not getattr(hand, name)),
        keywords_taken_back=tuple(gone),
    )
    return combined(hand, kept)


def change(before: Description, after: Description) -> Handwriting:
    """Return what people changed in words, but for the caption: who has one of theirs keeps it."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in ("title", "alt_text")}
    texts = {name: new if new != old else "" for name, (old, new) in pairs.items()}
    return Handwriting(
        title=texts["title"],
        alt_text=texts["alt_text"],
        keywords=tuple(word for word in after.keywords if word not in before.keywords),
        taken_back=frozenset(name for name, (old, new) in pairs.items() if old and not new),
        keywords_taken_back=tuple(w for w in before.keywords if w not in after.keywords),
    )


def speaks(hand: Handwriting) -> bool:
    """Tell whether people decided about the caption: they wrote one, or took captiond's back."""
    return bool(hand.caption) or "caption" in hand.taken_back


def said(words: Description) -> Handwriting:
    """Return words as what people wrote."""
    return Handwriting(
        caption=words.caption,
        title=words.title,
        alt_text=words.alt_text,
        keywords=words.keywords,
    )


def revised(words: Description, hand: Handwriting) -> Description:
    """Return the words as people left them: theirs in place of captiond's, none that they removed.

    The caption is empty where a person took it back.
    """
    lost = set(hand.keywords_taken_back)
    kept = (word for word in (*hand.keywords, *words.keywords) if word not in lost)

    def field(name: str) -> str:
        return "" if name in hand.taken_back else str(getattr(words, name))

    return Description(
        caption=hand.caption or field("caption"),
        title=hand.title or field("title"),
        alt_text=hand.alt_text or field("alt_text"),
        keywords=tuple(dict.fromkeys(kept)),
        text=words.text,
    )


def tokens(hand: Handwriting) -> frozenset[str]:
    """Return a digest of each thing that it says, to be known again by."""
    back = {(f"-{name}", "") for name in hand.taken_back}
    lost = {("-keyword", word) for word in hand.keywords_taken_back}
    return frozenset(_token(*one) for one in (*_told(hand), *back, *lost))


def unheard(hand: Handwriting, known: Collection[str], shown: Description | None) -> Handwriting:
    """Return what of it is not among these tokens of what the same file said.

    Whoever removes a text of theirs that is not `shown`, for they wrote another one elsewhere,
    takes back nothing.
    """

    def text(name: str) -> str:
        told = str(getattr(hand, name))
        return "" if _token(name, told) in known else told

    def is_news(name: str) -> bool:
        was_other = any(one.startswith(f"{name}:") for one in known)
        if was_other and _token(name, str(getattr(shown, name, ""))) not in known:
            return False
        return _token(f"-{name}", "") not in known

    lost = (w for w in hand.keywords_taken_back if _token("-keyword", w) not in known)
    return Handwriting(
        caption=text("caption"),
        title=text("title"),
        alt_text=text("alt_text"),
        keywords=tuple(word for word in hand.keywords if _token("keyword", word) not in known),
        taken_back=frozenset(filter(is_news, hand.taken_back)),
        keywords_taken_back=tuple(lost),
    )


def without(words: Description, gone: Collection[str]) -> Handwriting:
    """Return that people took back what of these words is among the tokens that are gone."""
    found = [one for one in _told(words) if _token(*one) in gone]
    return Handwriting(
        taken_back=frozenset(name for name, _ in found if name != "keyword"),
        keywords_taken_back=tuple(word for name, word in found if name == "keyword"),
    )


def own(words: Description, others: Sequence[Description]) -> Description:
    """Return a person's part of these words: what none of captiond's descriptions say."""
    given = {word for one in others for word in one.keywords}

    def field(name: str) -> str:
        text = str(getattr(words, name))
        return "" if any(getattr(one, name) == text for one in others) else text

    return Description(
        caption=field("caption"),
        title=field("title"),
        alt_text=field("alt_text"),
        keywords=tuple(word for word in words.keywords if word not in given),
        text=field("text"),
    )


def _told(words: Description | Handwriting) -> Iterator[tuple[str, str]]:
    """Return each text and keyword of it, after what it is."""
    texts = ((name, str(getattr(words, name))) for name in ("caption", "title", "alt_text"))
    yield from (one for one in texts if one[1])
    yield from (("keyword", word) for word in words.keywords)


def _token(name: str, text: str) -> str:
    told = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return f"{name}:{hashlib.sha256(told).hexdigest()[:12]}"
