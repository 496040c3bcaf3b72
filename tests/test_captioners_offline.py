"""What can be said of a photo without a model."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.captioners.base import Captioner, Question, Terms
from captiond.captioners.offline import OfflineCaptioner, describe, words_of
from captiond.captioners.vocabulary import Vocabulary
from captiond.models import Description, Facts, Palette, Photo, Prepared, Recipe

PALETTE = Palette((("blue", 0.5), ("white", 0.2)), brightness=0.7, saturation=0.2)


def facts(**known: object) -> Facts:
    return Facts(**({"digest": "d", "format": "jpeg", "width": 6000, "height": 4000} | known))


def test_everything_known_goes_into_one_sentence():
    """Shape, tone, colours, date, camera, place, coordinates and names, and how it was made."""
    known = facts(
        taken_at="2019-07-04T12:34:56+02:00",
        camera="FUJIFILM X100V",
        place="Oslo, Norway",
        latitude=59.9133,
        longitude=10.739,
    )
    assert describe(known, PALETTE, ["harbour", "trip"]) == Description(
        caption=(
            "A horizontal, bright picture in blue and white, taken on 4 July 2019 at 12:34 "
            "with a FUJIFILM X100V in Oslo, Norway (59.9133° N, 10.7390° E), named "
            "“harbour trip”; described from the file alone, not from what it shows."
        ),
        title="Harbour trip",
        alt_text=(
            "A horizontal, bright picture in blue and white, taken on 4 July 2019, "
            "named “harbour trip”."
        ),
        keywords=(
            "harbour", "trip", "oslo", "norway", "blue", "white", "horizontal", "colour", "bright",
            "2019", "july", "fujifilm x100v", "jpeg", "24 megapixels",
        ),
    )  # fmt: skip


def test_nothing_known_still_makes_a_sentence():
    """Without metadata and telling names, shape and colours are what is left."""
    told = describe(facts(width=300, height=300), PALETTE, [])
    assert told.caption == (
        "A square, bright picture in blue and white; "
        "described from the file alone, not from what it shows."
    )
    assert told.title == "Square picture"
    assert len(told.keywords) >= 5


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"camera": "X"}, "picture in blue and white, taken with a X;"),
        ({"latitude": -33.5, "longitude": -70.0}, "white, taken at 33.5000° S, 70.0000° W;"),
        ({"place": "Oslo"}, "white, taken in Oslo;"),
    ],
)
def test_each_fact_finds_its_place_alone(known, words):
    """The sentence reads well whichever facts are missing."""
    assert words in describe(facts(**known), PALETTE, []).caption


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [
        (6000, 4000, "horizontal"),
        (4000, 6000, "vertical"),
        (1000, 1010, "square"),
        (8000, 2000, "panoramic"),
        (500, 2000, "panoramic"),
    ],
)
def test_the_shape_is_told(width, height, shape):
    """Wide, tall, square or a panorama."""
    assert f"A {shape}," in describe(facts(width=width, height=height), PALETTE, []).caption


@pytest.mark.parametrize(
    ("brightness", "saturation", "tones"),
    [
        (0.1, 0.1, {"dark", "colour"}),
        (0.5, 0.1, {"colour"}),
        (0.8, 0.5, {"bright", "colour", "colourful"}),
        (0.5, 0.0, {"black-and-white"}),
    ],
)
def test_the_tone_is_told(brightness, saturation, tones):
    """Dark or bright, colourful or black-and-white."""
    keywords = describe(facts(), Palette((), brightness, saturation), []).keywords
    known = {"dark", "bright", "colour", "colourful", "black-and-white"}
    assert known.intersection(keywords) == tones


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("2019/Norway trip/oslo_harbour-01.jpg", ("norway", "trip", "oslo", "harbour")),
        ("DCIM/100CANON/IMG_1234.JPG", ()),
        ("DSC_0042.NEF.jpg", ("nef",)),
        ("PXL_20240101_120000000.MP.jpg", ()),
        ("Sommer/SchlossNeuschwanstein (copy).jpg", ("sommer", "schloss", "neuschwanstein")),
        ("Zu\u0308rich/l'été.jpg", ("zürich", "l'été")),
        ("東京/हिन्दी.jpg", ("東京", "हिन्दी")),
        ("Trip/trip/TRIP.jpg", ("trip",)),
        ("caf\udcff/\udcfe.jpg", ("caf",)),
        ('a"; DROP TABLE/<script>.jpg', ("drop", "table")),
    ],
)
def test_names_give_their_telling_words(path, words):
    """Words of folders and file name in any script; not what cameras number by, nor markup."""
    assert words_of(Photo("/photos", path)) == words


@given(
    words=st.lists(st.text(min_size=1, max_size=30), max_size=8),
    palette=st.builds(
        Palette,
        st.lists(st.tuples(st.just("dark grey"), st.floats(0, 1)), max_size=4).map(tuple),
        st.floats(0, 1),
        st.floats(0, 1),
    ),
    width=st.integers(1, 100_000),
    height=st.integers(1, 100_000),
    camera=st.none() | st.text(min_size=1, max_size=100),
)
def test_a_description_keeps_its_bounds(words, palette, width, height, camera):
    """Alt texts stay under 125 characters, keywords under 16 and in lower case."""
    told = describe(facts(width=width, height=height, camera=camera), palette, words)
    assert told.caption
    assert told.title
    assert 0 < len(told.alt_text) < 125
    assert 3 <= len(told.keywords) <= 15
    assert len(set(told.keywords)) == len(told.keywords)


async def test_the_vocabulary_holds_offline_too():
    """A strict vocabulary leaves its own words alone, in its spelling."""
    terms = Terms("en", Vocabulary.of(["Oslo", "Norway"], strict=True))
    image = Prepared(b"", "image/jpeg", 1536, 1024, facts(), PALETTE)
    recipe = Recipe(origin="offline", model="", language="en", prompt="")
    asked = Question(Photo("/photos", "oslo/1.jpg"), image, recipe, terms=terms)
    assert (await OfflineCaptioner().caption(asked)).description.keywords == ("Oslo",)


def test_a_title_of_long_names_keeps_its_bounds():
    """Eight long words of folders and file make a title of whole words under 80 characters."""
    title = describe(facts(), PALETTE, [f"{letter * 15}" for letter in "abcdefgh"]).title
    assert len(title) < 80
    assert title == f"A{'a' * 14} {'b' * 15} {'c' * 15} {'d' * 15}…"


async def test_the_captioner_is_free_and_always_there():
    """It answers as model "offline", costs nothing, and its check succeeds."""
    captioner: Captioner = OfflineCaptioner()
    image = Prepared(b"", "image/jpeg", 1536, 1024, facts(), PALETTE)
    recipe = Recipe(origin="offline", model="offline", language="de", prompt="")
    reply = await captioner.caption(Question(Photo("/photos", "Oslo/1.jpg"), image, recipe))
    assert (reply.model, reply.usage.input, captioner.paid) == ("offline", 0, False)
    assert reply.description == describe(facts(), PALETTE, ["oslo"])
    assert re.search("offline captioner is ready", await captioner.check())
    await captioner.aclose()
