"""Each word that people wrote beside a photo is heard once, and missed when it is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from people_helpers import alt, bag, xmp
from sidecars_helpers import caption, make_photo, write

from captiond.handwriting import revised
from captiond.models import Handwriting, Photo, Written
from captiond.sidecars.base import Errand
from captiond.sidecars.handwriting import read_handwriting

WORDS = {"caption": "One", "title": "Quay", "keywords": ("pond", "duck")}
THEIRS = xmp(alt("description", "One") + alt("title", "Quay") + bag("pond", "duck"))


class Told:
    """A photo that shows what people said last beside it, whoever writes there."""

    def __init__(self, folder: Path) -> None:
        self.photo: Photo = make_photo(folder)
        self.words: Any = caption(**WORDS).description
        self.written: dict[str, Written] = {}
        self.path = folder / "IMG.jpg"

    def lay(self, ending: str, content: str) -> Handwriting:
        """Write a file as a person does; return what is heard, and go on from that."""
        self.path.with_name(f"IMG.jpg{ending}").write_text(content)
        return self.hear()

    def hear(self) -> Handwriting:
        beside = read_handwriting(self.photo, self.written, self.words)
        self.words = revised(self.words, beside.handwriting)
        outcome = write(
            self.photo,
            "xmp",
            "txt",
            "json",
            written=self.written,
            errand=Errand(adopted=True, stamps=beside.stamps),
            origin="human",
            caption=self.words.caption,
            title=self.words.title,
            alt_text=self.words.alt_text,
            keywords=self.words.keywords,
            text="",
        )
        self.written = dict(outcome.written)
        return beside.handwriting


@pytest.fixture
def told(tmp_path: Path) -> Told:
    told = Told(tmp_path)
    told.lay(".xmp", THEIRS)
    return told


def test_words_that_were_heard_do_not_undo_newer_ones(told):
    """A file that says the same and was changed for something else, a rating, is silent."""
    assert told.lay(".txt", "Two").caption == "Two"
    assert told.lay(".xmp", THEIRS.replace('Rating="4"', 'Rating="5"')) == Handwriting()
    assert told.words.caption == "Two"
    assert told.lay(".xmp", THEIRS.replace("One", "Three")).caption == "Three"


def test_own_words_that_a_person_removes_are_taken_back(told):
    """A caption, a title and a keyword that are theirs alone, and stand in no file of theirs."""
    heard = told.lay(".xmp", xmp(bag("duck")))
    assert heard.taken_back == {"caption", "title"}
    assert heard.keywords_taken_back == ("pond",)
    assert (told.words.caption, told.words.title, told.words.keywords) == ("", "", ("duck",))
    assert not told.path.with_name("IMG.jpg.txt").exists()
    assert told.lay(".xmp", xmp(bag("duck"), ' xmp:Label="Red"')) == Handwriting()


def test_words_that_another_file_says_stay(told):
    """Who removes a text in one of two files that say it has not taken it back."""
    told.lay(".txt", "One")
    told.lay(".txt", "One\n")
    assert "caption" not in told.lay(".xmp", xmp(bag("duck"))).taken_back
    assert told.words.caption == "One"
    assert told.lay(".txt", "").taken_back == {"caption"}


def test_older_words_that_a_person_removes_take_nothing_back(told):
    """The newer ones, which they wrote elsewhere, are shown on."""
    told.lay(".txt", "Two")
    assert "caption" not in told.lay(".xmp", xmp(bag("pond", "duck"))).taken_back
    assert told.words.caption == "Two"


def test_a_file_that_is_gone_or_broken_takes_nothing_back(told):
    """Nor one that comes back as it was."""
    told.lay(".xmp", "<x")
    assert told.words.caption == "One"
    assert told.lay(".xmp", THEIRS) == Handwriting()
    told.path.with_name("IMG.jpg.xmp").unlink()
    assert told.hear() == Handwriting()
    assert json.loads(told.path.with_name("IMG.jpg.caption.json").read_text())["caption"] == "One"
