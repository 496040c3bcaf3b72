"""What people wrote beside a photo is heard: their words, their edits, what they took back."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sidecars_helpers import beside, caption, has_attributes, make_photo, write
from sidecars_xmp_helpers import alt, packet

from captiond.handwriting import revised
from captiond.models import Handwriting, Photo, Written
from captiond.sidecars.base import Beside, Errand
from captiond.sidecars.handwriting import read_handwriting
from captiond.sidecars.seal import BLANK, seal

SILENT = Handwriting()
ALL = ("xmp", "txt", "json")


def hear(
    photo: Photo, written: dict[str, Written] | None = None, *, shown: bool = True, **words: Any
) -> Beside:
    """Read what people wrote beside a photo that shows the caption of these words."""
    description = caption(**words).description
    return read_handwriting(photo, written or {}, description if shown else None)


def edit(path: Path, **fields: object) -> None:
    """Change fields of a caption.json as a person does, None to take one out."""
    document = json.loads(path.read_bytes()) | fields
    kept = {key: value for key, value in document.items() if value is not None}
    path.write_text(json.dumps(kept, indent=1))


def touch(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


# --- texts


@pytest.mark.parametrize("name", ["IMG.jpg.txt", "IMG.txt", "IMG.TXT"])
@pytest.mark.parametrize("text", ["My words", "My\nwords", "\ufeffMy words\r\n", "Größe & <b>\n"])
def test_the_whole_text_is_a_caption(tmp_path, name, text):
    """All lines of a person's text are their caption, whichever way it is named."""
    photo = make_photo(tmp_path)
    (tmp_path / name).write_bytes(text.encode())
    expected = text.strip("\ufeff\r\n")
    for shown in (True, False):
        assert hear(photo, shown=shown).handwriting == Handwriting(caption=expected)


@pytest.mark.parametrize("text", ["", " \n\t", "OLYMPUS DIGITAL CAMERA\n", "null", "\u200b\n"])
def test_junk_in_a_text_is_silence(tmp_path, text):
    """What cameras and programs write, and what nobody sees, is no caption."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.jpg.txt").write_text(text)
    assert hear(photo).handwriting == SILENT


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfeM\0y\0", "it is no text in UTF-8"),
        (b"caf\xe9", "it is no text in UTF-8"),
        (b"PK\0\x03", "it is no text"),
        (b"word " * 1601, "it is longer than 8000 characters"),
        (b"w" * (2 << 20) + b"w", "it is larger than 2097152 bytes"),
    ],
)
def test_what_is_no_text_is_silence_with_a_note(tmp_path, content, why):
    """A text that cannot be a caption is not read, which is told, and stays as it is."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.jpg.txt").write_bytes(content)
    heard = hear(photo)
    assert heard.handwriting == SILENT
    assert heard.notes[0].endswith(f": {why}")
    write(photo, "txt")
    assert (tmp_path / "IMG.jpg.txt").read_bytes() == content


def test_a_text_of_captionds_own_is_silence(tmp_path):
    """What captiond wrote is nobody's handwriting: by the index, by its attribute, by its words."""
    photo = make_photo(tmp_path)
    written = write(photo, "txt", caption="First words").written
    assert hear(photo, dict(written), caption="Second words").handwriting == SILENT
    if has_attributes(tmp_path):
        assert hear(photo, shown=False).handwriting == SILENT
        os.removexattr(tmp_path / "IMG.jpg.txt", "user.captiond")
    assert hear(photo, caption="First words").handwriting == SILENT
    assert hear(photo, shown=False).handwriting == Handwriting(caption="First words")
    write(photo, "json", caption="First words")
    assert hear(photo, shown=False).handwriting == SILENT


@pytest.mark.parametrize("left", [b"", b"\n", b"  \n"])
def test_a_text_that_was_emptied_takes_the_caption_back(tmp_path, left):
    """Whoever empties captiond's text takes its caption back; an empty text of theirs is silent."""
    photo = make_photo(tmp_path)
    written = write(photo, "txt").written
    (tmp_path / "IMG.jpg.txt").write_bytes(left)
    heard = hear(photo, dict(written)).handwriting
    assert heard == Handwriting(taken_back=frozenset({"caption"}))
    assert revised(caption().description, heard).caption == ""
    assert hear(photo).handwriting == SILENT


# --- documents


def test_fields_that_a_person_changed_in_a_document_are_theirs(tmp_path):
    """Each field that differs from what the photo shows is heard, and nothing else."""
    photo = make_photo(tmp_path)
    written = dict(write(photo, "json").written)
    path = tmp_path / "IMG.jpg.caption.json"
    assert hear(photo, written).handwriting == SILENT
    edit(path, caption="My words", keywords=["ferry", "Ada"])
    assert hear(photo, written).handwriting == Handwriting(
        caption="My words",
        keywords=("Ada",),
        keywords_taken_back=("black/white", "rain storm"),
    )
    edit(path, caption=caption().description.caption, title="", alt_text=None)
    heard = hear(photo, written).handwriting
    assert heard.taken_back == {"title", "alt_text"}
    assert heard.caption == ""


def test_a_document_of_which_nothing_is_known_is_a_persons(tmp_path):
    """With the index lost, all words of an edited document count, and nothing is taken back."""
    photo = make_photo(tmp_path)
    write(photo, "json", caption="Any", keywords=("a",))
    edit(tmp_path / "IMG.jpg.caption.json", title="")
    assert hear(photo, shown=False).handwriting == Handwriting(
        caption="Any", alt_text="Ferries under a bridge", keywords=("a",)
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"caption": "of another program"}',
        b'{"captiond": {"schema": 1, "version": "1"}, "caption": 7}',
        json.dumps({"captiond": {"schema": 1, "version": "1"}, "caption": "x" * 20001}).encode(),
    ],
)
def test_any_other_document_is_silence(tmp_path, content):
    """JSON of other programs, broken or boundless JSON is nobody's handwriting."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.jpg.caption.json").write_bytes(content)
    assert hear(photo).handwriting == SILENT
    assert hear(photo, shown=False).handwriting == SILENT


def test_a_persons_words_come_back_from_captionds_document(tmp_path):
    """With the index lost, a document that captiond wrote for a person's words tells them."""
    photo = make_photo(tmp_path)
    write(photo, "json", caption="My words", origin="human", recipe="human", model="", language="")
    heard = hear(photo, shown=False)
    assert heard.handwriting.caption == "My words"
    assert heard.kept is not None
    assert heard.by_hand == SILENT
    assert hear(photo, caption="Others").handwriting == SILENT


# --- several sidecars


def test_of_several_sidecars_the_last_one_counts(tmp_path):
    """Where people wrote into two, the words of the one changed last go first."""
    photo = make_photo(tmp_path)
    write(photo, "json")
    edit(tmp_path / "IMG.jpg.caption.json", caption="In the document", title="Mine")
    (tmp_path / "IMG.jpg.txt").write_text("In the text")
    for newer, said in (
        ("IMG.jpg.txt", "In the text"),
        ("IMG.jpg.caption.json", "In the document"),
    ):
        for name in ("IMG.jpg.txt", "IMG.jpg.caption.json"):
            touch(tmp_path / name, 2000 if name == newer else 1000)
        heard = hear(photo).handwriting
        assert (heard.caption, heard.title) == (said, "Mine")


def test_an_older_edit_does_not_come_back(tmp_path):
    """Words that were heard are silent until they are edited again: they undo no later caption."""
    photo = make_photo(tmp_path)
    written = dict(write(photo, *ALL, caption="First words").written)
    (tmp_path / "IMG.jpg.txt").write_text("My words")
    edit(tmp_path / "IMG.jpg.caption.json", title="My title")
    heard = hear(photo, written, caption="First words")
    assert (heard.handwriting.caption, heard.handwriting.title) == ("My words", "My title")
    errand = Errand(adopted=True, stamps=heard.stamps)
    after = write(photo, *ALL, written=written, errand=errand, caption="My words", origin="human")
    assert hear(photo, dict(after.written), caption="Brought back").handwriting == SILENT
    assert hear(photo, dict(after.written), shown=False).handwriting.caption == "My words"
    again = write(photo, *ALL, written=after.written, errand=Errand(anew=True))
    assert hear(photo, dict(again.written)).handwriting == SILENT
    (tmp_path / "IMG.jpg.txt").write_text("My other words")
    assert hear(photo, dict(again.written)).handwriting == Handwriting(caption="My other words")


def test_an_edit_that_was_not_read_is_not_taken_for_heard(tmp_path):
    """What is written after the words were read speaks at the next look."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.jpg.txt").write_text("My words")
    heard = hear(photo)
    (tmp_path / "IMG.jpg.txt").write_text("My last words")
    after = write(photo, "txt", errand=Errand(stamps=heard.stamps), caption="My words")
    assert after.beside != beside(tmp_path)
    assert hear(photo, dict(after.written)).handwriting.caption == "My last words"


def test_an_edit_that_is_undone_by_hand_is_an_edit(tmp_path):
    """Whoever puts captiond's own words back after another text was heard means them."""
    photo = make_photo(tmp_path)
    path = tmp_path / "IMG.jpg.txt"
    first = write(photo, "txt", caption="First words")
    path.write_text("My words\n")
    errand = Errand(adopted=True, stamps=hear(photo, dict(first.written)).stamps)
    after = write(photo, "txt", written=first.written, errand=errand, caption="My words")
    path.write_text("First words\n")
    assert hear(photo, dict(after.written), caption="My words").handwriting.caption == "First words"
    write(photo, "txt", written=after.written, caption="My words")
    assert path.read_text() == "First words\n"


def test_what_was_deleted_says_nothing(tmp_path):
    """A sidecar that a person removed takes nothing back by itself."""
    photo = make_photo(tmp_path)
    written = dict(write(photo, *ALL).written)
    for one in written.values():
        (tmp_path / one.name).unlink()
    assert hear(photo, written) == Beside()


def test_what_stood_in_a_document_before_is_no_news(tmp_path):
    """A later edit of it brings back no older words of captiond's, nor takes away newer ones."""
    photo = make_photo(tmp_path)
    old = caption(caption="Old words", keywords=("boat", "rain")).description
    write(photo, "json", caption="Old words", keywords=("boat", "rain"))
    edit(tmp_path / "IMG.jpg.caption.json", alt_text="Mine", keywords=["boat"])
    shown = caption(caption="A person's words", keywords=("boat", "rain", "Ada")).description
    heard = read_handwriting(photo, {}, shown, (old,)).handwriting
    assert heard == Handwriting(alt_text="Mine", keywords_taken_back=("rain",))


def test_an_xmp_that_lost_its_marks_is_judged_by_what_was_said(tmp_path):
    """Captiond's words without its properties are no person's where they are known for its own."""
    photo, words = make_photo(tmp_path), caption(caption="Ferries").description
    theirs = packet(alt("dc:description", ("x-default", "Ferries")))
    (tmp_path / "IMG.jpg.xmp").write_bytes(theirs)
    assert read_handwriting(photo, {}, None, (words,)).handwriting == SILENT
    assert read_handwriting(photo, {}, None).handwriting.caption == "Ferries"
    other = replace(words, caption="Mine")
    assert read_handwriting(photo, {}, other, (words,)).handwriting.caption == "Ferries"


def test_another_photos_sidecars_are_not_heard(tmp_path):
    """Beside two photos of one stem a text named after it is neither's."""
    photos = [make_photo(tmp_path, name) for name in ("IMG.jpg", "IMG.NEF")]
    (tmp_path / "IMG.txt").write_text("Whose words?")
    for photo in photos:
        assert hear(photo).handwriting == SILENT


def test_a_forged_seal_says_no_more_than_a_caption(tmp_path):
    """Whoever can compute a seal can write a caption there, as in any text; it is cleaned."""
    photo = make_photo(tmp_path)
    document = {"captiond": {"schema": 1, "version": "1", "seal": BLANK}, "caption": "\x1b[2Jhi"}
    path = tmp_path / "IMG.jpg.caption.json"
    path.write_bytes(seal(json.dumps(document).encode(), b'"seal": "'))
    assert hear(photo).handwriting == SILENT
    path.write_bytes(json.dumps(document | {"title": "\u202etitle"}).encode())
    assert hear(photo).handwriting.title == "title"
