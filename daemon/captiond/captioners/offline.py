"""Describes a photo without a model: by its date, camera, place, size, colours and names.

It never claims to see things, and its captions say so. They are in English whatever language is
configured: their words are a fixed few, and a model replaces them as soon as there is a key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from captiond.captioners.base import Question
from captiond.captioners.wording import ALT_TEXT_CHARACTERS, KEYWORDS, TITLE_CHARACTERS, cut
from captiond.models import Description, Facts, Palette, Photo, Reply

MODEL = "offline"

_MOST_WORDS = 8
_GREYISH = 0.02
"""The saturation that the noise of a black-and-white JPEG stays below."""
_SPLIT = re.compile(r"[\s_.,;+()\[\]{}-]+|(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")
_CAMERA_NAMES = frozenset(
    {"camera", "copy", "dcim", "dji", "dsc", "dscf", "dscn", "edited", "gopr", "hdr", "heic"}
    | {"image", "images", "imag", "img", "jpeg", "jpg", "mvi", "mvimg", "photo", "photos"}
    | {"picture", "pictures", "png", "pxl", "raw", "sam", "tif", "tiff", "untitled", "upload"}
    | {"uploads", "webp", "whatsapp"}
)


class OfflineCaptioner:
    """Answers at once and for free, from what is known without looking."""

    paid = False

    async def caption(self, question: Question) -> Reply:
        """Describe one photo; raises nothing."""
        image = question.image
        words = describe(image.facts, image.palette, words_of(question.photo))
        keywords = question.terms.vocabulary.fit(words.keywords)
        return Reply(replace(words, keywords=keywords), MODEL)

    async def check(self) -> str:
        """Say that it is always there."""
        return "the offline captioner is ready: it needs neither key nor network"

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""


def words_of(photo: Photo) -> tuple[str, ...]:
    """Return what folder and file name say, in lower case, without what cameras number by."""
    stem = photo.name.rpartition(".")[0] or photo.name
    readable = f"{photo.folder}/{stem}".encode(errors="ignore").decode()
    pieces = unicodedata.normalize("NFC", readable).split("/")
    parts = (part for piece in pieces for part in _SPLIT.split(piece))
    found = (part.casefold() for part in parts if part and all(map(_is_letter, part)))
    telling = (w for w in found if w not in _CAMERA_NAMES and (len(w) > 2 or not w.isascii()))  # noqa: PLR2004 "p", "of"
    return tuple(dict.fromkeys(telling))[:_MOST_WORDS]


def describe(facts: Facts, palette: Palette, words: Sequence[str]) -> Description:
    """Return the words about a photo that follow from its facts, its palette and its names."""
    taken = _moment(facts)
    look = _look(facts, palette)
    when = f", taken on {_date(taken)}" if taken else ""
    clock = f" at {taken:%H:%M}" if taken else ""
    named = f", named “{' '.join(words)}”" if words else ""
    caption = (
        f"{look}{when}{clock}{_circumstances(facts, taken)}{named}; "
        "described from the file alone, not from what it shows."
    )
    return Description(
        caption=caption,
        title=_title(facts, taken, words),
        alt_text=_shortened(f"{look}{when}{named}"),
        keywords=tuple(dict.fromkeys(_keywords(facts, palette, words, taken)))[:KEYWORDS],
    )


def _is_letter(character: str) -> bool:
    """Tell letters, marks on letters (Indic vowels), and apostrophes from all else."""
    return (
        unicodedata.category(character)[0] in "LM"
        or character in "'\N{RIGHT SINGLE QUOTATION MARK}"
    )


def _look(facts: Facts, palette: Palette) -> str:
    adjectives = [_shape(facts), *_tones(palette)]
    colours = [name for name, _ in palette.colours]
    coloured = f" in {_listed(colours)}" if colours else ""
    return f"A {', '.join(adjectives)} picture{coloured}"


def _shape(facts: Facts) -> str:
    ratio = facts.width / max(1, facts.height)
    if max(ratio, 1 / ratio if ratio else 1) >= 2:  # noqa: PLR2004 twice as wide as high
        return "panoramic"
    if 0.95 < ratio < 1.05:  # noqa: PLR2004 five per cent are not seen
        return "square"
    return "horizontal" if ratio > 1 else "vertical"


def _tones(palette: Palette) -> Iterator[str]:
    if palette.brightness < 0.25 or palette.brightness > 0.65:  # noqa: PLR2004 of 0 to 1
        yield "dark" if palette.brightness < 0.25 else "bright"  # noqa: PLR2004 the same
    if palette.saturation < _GREYISH:
        yield "black-and-white"
    elif palette.saturation > 0.3:  # noqa: PLR2004 most photos lie between 0.1 and 0.25
        yield "colourful"


def _circumstances(facts: Facts, taken: datetime | None) -> str:
    verb = "" if taken else ", taken"
    place = facts.place or ""
    if facts.latitude is not None and facts.longitude is not None:
        point = _point(facts.latitude, facts.longitude)
        place = f"{place} ({point})" if place else point
    with_camera = f" with a {facts.camera}" if facts.camera else ""
    at_place = f" in {place}" if facts.place else f" at {place}" if place else ""
    return f"{verb}{with_camera}{at_place}" if with_camera or at_place else ""


def _point(latitude: float, longitude: float) -> str:
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.4f}° {north}, {abs(longitude):.4f}° {east}"


def _title(facts: Facts, taken: datetime | None, words: Sequence[str]) -> str:
    if words:
        return cut(" ".join(words).capitalize(), TITLE_CHARACTERS)
    where = f", {facts.place}" if facts.place else ""
    when = f", {_date(taken)}" if taken else ""
    return f"{_shape(facts).capitalize()} picture{where}{when}"


def _keywords(
    facts: Facts, palette: Palette, words: Sequence[str], taken: datetime | None
) -> Iterator[str]:
    yield from words
    yield from (part.strip().casefold() for part in (facts.place or "").split(",") if part.strip())
    yield from (name for name, _ in palette.colours)
    yield _shape(facts)
    yield "black-and-white" if palette.saturation < _GREYISH else "colour"
    yield from _tones(palette)
    if taken:
        yield from (str(taken.year), f"{taken:%B}".casefold())
    if facts.camera:
        yield facts.camera.casefold()
    yield facts.format
    megapixels = round(facts.width * facts.height / 1e6)
    yield f"{megapixels} megapixels" if megapixels > 1 else "small picture"


def _moment(facts: Facts) -> datetime | None:
    return datetime.fromisoformat(facts.taken_at) if facts.taken_at else None


def _date(taken: datetime) -> str:
    return f"{taken.day} {taken:%B %Y}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _shortened(text: str) -> str:
    return f"{text}." if len(text) < ALT_TEXT_CHARACTERS else cut(text, ALT_TEXT_CHARACTERS)
