"""Wording: openings, lengths and keywords are repaired instead of paid for again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.captioners import replies, wording
from captiond.captioners.base import Terms
from captiond.captioners.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("This image shows a cat on a mat.", "A cat on a mat."),
        ("The photo depicts two boats at sea.", "Two boats at sea."),
        ("In this picture, a cat sleeps.", "A cat sleeps."),
        ("Das Bild zeigt eine Katze auf dem Sofa.", "Eine Katze auf dem Sofa."),
        ("Dieses Foto zeigt zwei Boote.", "Zwei Boote."),
        ("Cette image montre un chat endormi.", "Un chat endormi."),
        ("L\u2019image montre l\u2019\u00e9glise du village.", "L\u2019\u00e9glise du village."),
        ("La imagen muestra una calle vac\u00eda.", "Una calle vac\u00eda."),
        ("A imagem mostra um gato na rua.", "Um gato na rua."),
        ("Questa immagine mostra un gatto nero.", "Un gatto nero."),
        ("Deze foto toont een kat op een mat.", "Een kat op een mat."),
        (
            "\u8fd9\u5f20\u7167\u7247\u5c55\u793a\u4e86\u4e00\u53ea\u732b\u5728\u6c99\u53d1\u4e0a\u7761\u89c9\u3002",
            "\u4e00\u53ea\u732b\u5728\u6c99\u53d1\u4e0a\u7761\u89c9\u3002",
        ),
        ("This image shows iPhone cases in a row.", "iPhone cases in a row."),
    ],
)
def test_an_opening_that_says_nothing_is_cut_off(said, kept):
    """What follows "This image shows" and its like stands by itself, with a capital."""
    assert wording.sentence(said, 200) == kept


@pytest.mark.parametrize(
    "said",
    [
        "This image shows how the cat sleeps.",
        "This image shows a cat and is taken at night.",
        "This image shows cats.",
        "The picture on the wall shows a cat.",
        "A photo of a cat hangs on the wall.",
        "The image of a saint stands in a niche.",
        "Das Bild zeigt einen Hund auf einer Wiese.",
        "Das Bild zeigt eine Frau und einen Mann.",
        "Das Bild zeigt, wie eine Katze springt.",
        "Auf dem Bild ist eine Katze zu sehen.",
        "La imagen muestra a una mujer en la calle.",
        "La imagen muestra una mesa y a un hombre.",
        "Cette image montre comment il saute.",
    ],
)
def test_no_sentence_is_damaged(said):
    """Where the rest would not stand by itself, or says too little, nothing is cut."""
    assert wording.sentence(said, 200) == said


def test_a_text_too_long_ends_with_a_whole_sentence():
    """The last sentence that fits is the last one, if that leaves half of the room."""
    text = "A red boat lies in the harbour of a village. Behind it stand old houses with balconies."
    assert wording.cut(text, 60) == "A red boat lies in the harbour of a village."


def test_a_text_too_long_ends_with_a_whole_word():
    """Without a sentence to end with there is an ellipsis after a whole word."""
    text = "A red boat lies in the harbour of a village, behind which stand old houses"
    assert wording.cut(text, 46) == "A red boat lies in the harbour of a village\u2026"
    assert wording.cut(text, 45) == "A red boat lies in the harbour of a village\u2026"
    assert wording.cut(text, 44) == "A red boat lies in the harbour of a\u2026"


def test_an_abbreviation_is_no_end():
    """A text is not cut after the title of a person."""
    text = "A portrait of Dr. Margarethe Johanna von Hohenstein in her library"
    assert wording.cut(text, 40) == "A portrait of Dr. Margarethe Johanna\u2026"


def test_scripts_without_blanks_end_with_their_sentences():
    """Japanese is cut after its full stop, else at the limit."""
    cat, dog = "\u732b\u304c\u5bdd\u3066\u3044\u308b\u3002", "\u72ac\u304c\u8d70\u308b"
    assert wording.cut(cat + dog * 5, 12) == cat
    assert wording.cut(dog * 5, 12) == (dog * 5)[:11] + "\u2026"


@given(st.text(max_size=400), st.integers(2, 200))
def test_no_text_is_longer_than_its_limit_or_cut_within_a_word(text, limit):
    """Whatever the text, it fits; what is kept ends where a word ends, if it has blanks enough."""
    kept = wording.cut(text, limit)
    assert len(kept) <= limit
    if kept != text and kept.endswith("\u2026") and " " in text[limit // 2 : limit - 1]:
        rest = text[len(kept) - 1 :]
        assert not rest[:1].isalnum() or not text[len(kept) - 2 : len(kept) - 1].isalnum()


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        (["Cat", "DOG", "cat", " Boat "], ("cat", "dog", "boat")),
        (["cat, dog; boat\nharbour"], ("cat", "dog", "boat", "harbour")),
        (["\u732b\u3001\u72ac\uff0c\u8239"], ("\u732b", "\u72ac", "\u8239")),
        (["Hund", "Stra\u00dfe"], ("hund", "stra\u00dfe")),
        (["red, white", "boat"], ("red, white", "boat")),
        (["a sentence " * 9, "cat"], ("cat",)),
        ([], ()),
    ],
)
def test_keywords_are_small_single_and_divided(given_, kept):
    """Lower case, each once, a whole list in one string divided, a sentence is no keyword."""
    assert wording.keywords(given_) == kept


def test_turkish_has_its_own_small_letters():
    """The capital I of Turkish becomes a dotless one."""
    words = ["\u0130STANBUL", "KIRMIZI"]
    small = ("istanbul", "k\u0131rm\u0131z\u0131")
    assert wording.keywords(words, language="tr") == small
    assert wording.keywords(words, language="Turkish") == small


def test_a_reply_over_length_is_brought_into_its_form():
    """Title, alt text and keywords of a reply keep to what was asked, and nothing is asked anew."""
    said = {
        "caption": "This photo shows a red boat in a harbour.",
        "title": "This image shows " + "a red boat in the harbour of a village " * 4,
        "alt_text": "The image shows a boat. " * 20,
        "keywords": ", ".join(f"Word{n}" for n in range(40)),
    }
    found = replies.read_description(json.dumps(said), finish_reason="STOP")
    assert found.caption == "A red boat in a harbour."
    assert found.title.startswith("A red boat in the harbour")
    assert len(found.title) < 80
    assert len(found.alt_text) < 125
    assert found.alt_text.endswith("boat.")
    assert found.keywords == tuple(f"word{n}" for n in range(15))


def test_few_keywords_are_enough():
    """A reply with one keyword is as good as another: it was paid for."""
    found = replies.read_description('{"caption": "A.", "keywords": ["cat"]}', finish_reason="STOP")
    assert found.keywords == ("cat",)


def test_a_reply_is_held_against_the_vocabulary():
    """Keywords of a reply come out in the library's own spelling, before they are counted."""
    terms = Terms("en", Vocabulary.of(["Boat", "Harbour"], strict=True))
    said = {"caption": "A.", "keywords": [*(f"w{n}" for n in range(20)), "boats", "harbour"]}
    found = replies.read_description(json.dumps(said), finish_reason="STOP", terms=terms)
    assert found.keywords == ("Boat", "Harbour")
