"""What is written beside a photo, and what is left alone."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import pytest
from files_helpers import names
from sidecars_helpers import beside, caption, has_attributes, make_photo, state, subject, write

from captiond.errors import SidecarUnwritable
from captiond.models import Written
from captiond.sidecars.base import NOT_OURS, Errand
from captiond.sidecars.deciding import Decision, decide
from captiond.sidecars.handwriting import read_handwriting
from captiond.sidecars.places import EDITED

ALL = ("xmp", "txt", "json")


def written_as(content: bytes) -> Written:
    return Written("IMG.jpg.txt", hashlib.sha256(content).hexdigest())


# --- the decision


@pytest.mark.parametrize("kind", ALL)
def test_the_decision(kind):
    """What is not there is made, what is captiond's is renewed, another's is merged or left."""
    about, wrote = subject(), Written("a", "0" * 64)

    def decided(*, lies: bool = True, is_whole: bool = False, written: Written | None = None):
        return decide(kind, about, written, lies=lies, is_whole=is_whole, adopted=False)

    assert decided(lies=False) is Decision.WRITE
    assert decided(lies=False, written=wrote) is Decision.FORGO
    assert decided(lies=False, written=Written("a", "", heard=("1",))) is Decision.WRITE
    assert decided(is_whole=True) is Decision.WRITE
    assert decided() is (Decision.MERGE if kind == "xmp" else Decision.LEAVE)


def test_the_decision_about_words_of_a_person():
    """No XMP is made for a person's own words; a text is, and goes with a caption taken back."""

    def decided(kind: str, *, lies: bool, is_whole: bool = False, **words: str):
        about = subject(**words)
        return decide(kind, about, None, lies=lies, is_whole=is_whole, adopted=True)

    assert decided("xmp", lies=False) is Decision.FORGO
    assert decided("xmp", lies=True, is_whole=True) is Decision.WRITE
    assert decided("txt", lies=False) is Decision.WRITE
    assert decided("txt", lies=False, caption="") is Decision.FORGO
    assert decided("txt", lies=True, is_whole=True, caption="") is Decision.REMOVE


# --- the writing


def test_every_kind_is_written(tmp_path):
    """A photo without sidecars gets those that are asked for, and the outcome names them."""
    outcome = write(make_photo(tmp_path), *ALL)
    expected = ["IMG.jpg.caption.json", "IMG.jpg.txt", "IMG.jpg.xmp"]
    assert names(tmp_path) == ["IMG.jpg", *expected]
    assert sorted(one.name for one in outcome.written.values()) == expected
    assert outcome.notes == ()
    assert outcome.written["txt"] == written_as((tmp_path / "IMG.jpg.txt").read_bytes())
    assert outcome.beside == beside(tmp_path)


def test_a_second_run_touches_nothing(tmp_path):
    """The same caption again leaves bytes, inodes and times alone, index or no index."""
    photo = make_photo(tmp_path)
    outcome = write(photo, *ALL)
    before = state(tmp_path)
    assert write(photo, *ALL, written=outcome.written) == outcome
    assert write(photo, *ALL) == outcome
    assert state(tmp_path) == before


def test_a_new_caption_replaces_the_old_one(tmp_path):
    """What captiond wrote before is replaced, in every kind."""
    photo = make_photo(tmp_path)
    first = write(photo, *ALL, caption="First words")
    second = write(photo, *ALL, written=first.written, caption="Second words")
    assert second.notes == ()
    for name in ("IMG.jpg.xmp", "IMG.jpg.txt", "IMG.jpg.caption.json"):
        assert b"Second words" in (tmp_path / name).read_bytes()
        assert b"First words" not in (tmp_path / name).read_bytes()


def test_without_the_index_marks_decide(tmp_path):
    """With the index lost, sidecars with captiond's marks are replaced; a text has an attribute."""
    photo = make_photo(tmp_path)
    write(photo, *ALL, caption="First words")
    outcome = write(photo, *ALL, caption="Second words")
    if has_attributes(tmp_path):
        assert (tmp_path / "IMG.jpg.txt").read_bytes() == b"Second words\n"
        os.removexattr(tmp_path / "IMG.jpg.txt", "user.captiond")
    outcome = write(photo, *ALL, caption="Third words")
    assert sorted(outcome.written) == ["json", "xmp"]
    assert outcome.notes == (f"IMG.jpg.txt was left alone: {NOT_OURS}",)
    assert b"Third" not in (tmp_path / "IMG.jpg.txt").read_bytes()


@pytest.mark.parametrize("kind", ["txt", "json"])
def test_what_a_person_edited_stays(tmp_path, kind):
    """A sidecar that was edited since is left alone and reported; the others are written."""
    photo = make_photo(tmp_path)
    first = write(photo, *ALL, caption="First words")
    edited = tmp_path / first.written[kind].name
    edited.write_bytes(edited.read_bytes().replace(b"First", b"My own"))
    before = state(tmp_path)[edited.name]
    second = write(photo, *ALL, written=first.written, caption="Second words")
    assert state(tmp_path)[edited.name] == before
    assert second.notes == (f"{edited.name} was left alone: {NOT_OURS}",)
    assert second.written[kind] == replace(first.written[kind], digest=EDITED)
    assert second.beside == beside(tmp_path)


@pytest.mark.parametrize("content", [b"", b"a person's", b"<x:xmpmeta"])
def test_what_another_program_wrote_stays(tmp_path, content):
    """Files that were there first stay where there is nothing to merge into, empty ones too."""
    photo = make_photo(tmp_path)
    for name in ("IMG.jpg.xmp", "IMG.jpg.txt", "IMG.jpg.caption.json"):
        (tmp_path / name).write_bytes(content)
    before = state(tmp_path)
    outcome = write(photo, *ALL)
    assert state(tmp_path) == before
    assert (len(outcome.notes), outcome.written) == (3, {})
    assert write(photo, *ALL, written=outcome.written) == outcome


def test_a_text_that_says_the_caption_is_no_news(tmp_path):
    """A person's text that is the caption word for word is left alone without a note."""
    photo = make_photo(tmp_path)
    text = "\ufeffTwo  boats\r\n".encode()
    (tmp_path / "IMG.jpg.txt").write_bytes(text)
    assert write(photo, "txt", caption="Two boats").notes == ()
    assert (tmp_path / "IMG.jpg.txt").read_bytes() == text


def test_a_link_in_a_sidecars_place_stays(tmp_path):
    """A link where a sidecar would be is left alone, and so is what it points to."""
    photo = make_photo(tmp_path)
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "IMG.jpg.txt").symlink_to("precious")
    outcome = write(photo, "txt", "json")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "IMG.jpg.txt").is_symlink()
    assert sorted(outcome.written) == ["json"]
    assert "link" in outcome.notes[0]


def test_our_xmp_is_renewed_beside_a_stem_sidecar(tmp_path):
    """An XMP that captiond wrote before an `IMG.xmp` came is still kept up to date."""
    photo = make_photo(tmp_path)
    first = write(photo, "xmp", caption="First words")
    (tmp_path / "IMG.xmp").write_bytes(b"Lightroom's")
    assert write(photo, "xmp", written=first.written, caption="Second").notes == ()
    assert b"Second" in (tmp_path / "IMG.jpg.xmp").read_bytes()


def test_a_name_that_would_be_too_long_is_a_note(tmp_path):
    """Of a photo with a name of 250 bytes the kinds that fit are written, the other is told."""
    photo = make_photo(tmp_path, "x" * 246 + ".jpg")
    outcome = write(photo, *ALL)
    assert sorted(outcome.written) == ["txt", "xmp"]
    assert outcome.notes == ("no json was written: its file name would be too long",)


def test_any_name_gets_its_sidecars(tmp_path):
    """Names with line breaks, or that are no UTF-8, get sidecars like any other."""
    for name in ("line\nbreak.jpg", os.fsdecode(b"\xe9.jpg"), "noextension", ".jpg"):
        assert write(make_photo(tmp_path, name), *ALL).notes == ()
    assert len(names(tmp_path)) == 16


def test_kinds_that_are_not_asked_for_stay_known(tmp_path):
    """A kind taken out of the configuration keeps its file and stays known as captiond's."""
    photo = make_photo(tmp_path)
    first = write(photo, *ALL)
    assert write(photo, "txt", written=first.written).written == first.written


def test_a_write_that_failed_is_finished_by_the_next(tmp_path):
    """After an error the next try takes its own files for its own, without the index."""
    (tmp_path / "gone").mkdir()
    photo = make_photo(tmp_path / "gone")
    (tmp_path / "gone").rename(tmp_path / "away")
    with pytest.raises(SidecarUnwritable):
        write(photo, *ALL)
    (tmp_path / "away").rename(tmp_path / "gone")
    write(photo, "txt")
    outcome = write(photo, *ALL)
    assert (sorted(outcome.written), outcome.notes) == (["json", "txt", "xmp"], ())


# --- what people deleted, and what is a person's


@pytest.mark.parametrize("kind", ALL)
def test_a_sidecar_that_was_deleted_is_not_written_again(tmp_path, kind):
    """What captiond wrote and a person removed stays away, until somebody asks for it."""
    photo = make_photo(tmp_path)
    first = write(photo, *ALL)
    (tmp_path / first.written[kind].name).unlink()
    second = write(photo, *ALL, written=first.written, caption="Second words")
    assert not (tmp_path / first.written[kind].name).exists()
    assert second.written[kind] == replace(first.written[kind], deleted=True)
    assert second.beside == beside(tmp_path)
    assert write(photo, *ALL, written=second.written, caption="Third").written[kind].deleted
    again = write(photo, *ALL, written=second.written, errand=Errand(anew=True))
    assert again.written == first.written
    assert (tmp_path / first.written[kind].name).exists()


def test_no_xmp_is_made_for_a_persons_words(tmp_path):
    """A caption that people wrote goes into a text and a document, and into no XMP."""
    outcome = write(make_photo(tmp_path), *ALL, errand=Errand(adopted=True), origin="human")
    assert names(tmp_path) == ["IMG.jpg", "IMG.jpg.caption.json", "IMG.jpg.txt"]
    assert json.loads((tmp_path / "IMG.jpg.caption.json").read_bytes())["origin"] == "human"
    assert sorted(outcome.written) == ["json", "txt"]


def test_sidecars_of_captiond_follow_a_persons_words(tmp_path):
    """Where a person rewrote one sidecar, those that are wholly captiond's say the same."""
    photo = make_photo(tmp_path)
    first = write(photo, *ALL, caption="First words")
    words = {"caption": "My own words", "origin": "human"}
    outcome = write(photo, *ALL, written=first.written, errand=Errand(adopted=True), **words)
    for name in ("IMG.jpg.xmp", "IMG.jpg.txt", "IMG.jpg.caption.json"):
        assert b"My own words" in (tmp_path / name).read_bytes()
        assert b"First words" not in (tmp_path / name).read_bytes()
    assert outcome.notes == ()


def test_a_text_goes_with_a_caption_that_was_taken_back(tmp_path):
    """Where a person took the caption back, captiond's text is removed; a new one comes back."""
    photo = make_photo(tmp_path)
    first = write(photo, "txt", caption="First words")
    empty = write(photo, "txt", written=first.written, caption="", origin="human")
    assert (names(tmp_path), empty.written, empty.beside) == (["IMG.jpg"], {}, "")
    write(photo, "txt", written=empty.written, caption="Second words", origin="human")
    assert (tmp_path / "IMG.jpg.txt").read_bytes() == b"Second words\n"


def test_a_persons_text_stays_when_the_caption_was_taken_back(tmp_path):
    """A text that somebody edited stays, whatever becomes of the caption."""
    photo = make_photo(tmp_path)
    first = write(photo, "txt", caption="First words")
    (tmp_path / "IMG.jpg.txt").write_bytes(b"My words\n")
    write(photo, "txt", written=first.written, caption="", origin="human")
    assert (tmp_path / "IMG.jpg.txt").read_bytes() == b"My words\n"


def test_where_a_photo_comes_from_stands_in_the_document(tmp_path):
    """The address that a photo was downloaded from is told, where there is one."""
    photo = make_photo(tmp_path)
    write(photo, "json", errand=Errand(source="https://example.org/a.jpg"))
    document = json.loads((tmp_path / "IMG.jpg.caption.json").read_bytes())
    assert document["source"] == "https://example.org/a.jpg"
    write(photo, "json")
    assert "source" not in json.loads((tmp_path / "IMG.jpg.caption.json").read_bytes())


# --- what lies beside, as it was read


@pytest.mark.parametrize("kind", ["xmp", "txt"])
def test_an_edit_after_reading_shows_at_the_next_look(tmp_path, kind):
    """What a person writes between reading and writing is seen as a difference by the scan."""
    photo = make_photo(tmp_path)
    first = write(photo, *ALL)
    read = read_handwriting(photo, first.written, caption().description)
    assert read.stamps.keys() == {one.name for one in first.written.values()}
    errand, path = Errand(stamps=read.stamps), tmp_path / first.written[kind].name
    quiet = write(photo, *ALL, written=first.written, errand=errand, caption="Second words")
    assert quiet.beside == beside(tmp_path)
    read = read_handwriting(photo, quiet.written, caption(caption="Second words").description)
    path.write_bytes(path.read_bytes() + b"\n")
    errand = Errand(stamps=read.stamps)
    late = write(photo, *ALL, written=quiet.written, errand=errand, caption="Third words")
    assert late.beside != beside(tmp_path)
