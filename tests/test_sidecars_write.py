"""What is written beside a photo, and what is left alone."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from files_helpers import names
from sidecars_helpers import make_photo, subject, write

from captiond.errors import SidecarUnwritable
from captiond.models import Written
from captiond.sidecars.deciding import Decision, decide

ALL = ("xmp", "txt", "json")


def written_as(content: bytes) -> Written:
    return Written("IMG.jpg.txt", hashlib.sha256(content).hexdigest())


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Return content, inode and times of every file."""
    return {
        path.name: (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.iterdir()
    }


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


def test_a_second_run_touches_nothing(tmp_path):
    """The same caption again leaves bytes, inodes and times alone, index or no index."""
    photo = make_photo(tmp_path)
    outcome = write(photo, *ALL)
    before = state(tmp_path)
    assert write(photo, *ALL, written=dict(outcome.written)) == outcome
    assert write(photo, *ALL) == outcome
    assert state(tmp_path) == before


def test_a_new_caption_replaces_the_old_one(tmp_path):
    """What captiond wrote before is replaced, in every kind."""
    photo = make_photo(tmp_path)
    first = write(photo, *ALL, caption="First words")
    second = write(photo, *ALL, written=dict(first.written), caption="Second words")
    assert second.notes == ()
    for name in ("IMG.jpg.xmp", "IMG.jpg.txt", "IMG.jpg.caption.json"):
        assert b"Second words" in (tmp_path / name).read_bytes()
        assert b"First words" not in (tmp_path / name).read_bytes()


def test_without_the_index_marks_decide(tmp_path):
    """With the index lost, sealed sidecars are replaced and the text file is left alone."""
    photo = make_photo(tmp_path)
    write(photo, *ALL, caption="First words")
    outcome = write(photo, *ALL, caption="Second words")
    assert sorted(outcome.written) == ["json", "xmp"]
    assert outcome.notes == ("IMG.jpg.txt was left alone: captiond did not write it so",)
    assert (tmp_path / "IMG.jpg.txt").read_bytes() == b"First words\n"


@pytest.mark.parametrize("kind", ALL)
def test_what_a_person_edited_stays(tmp_path, kind):
    """A sidecar that was edited since is left alone and reported; the others are written."""
    photo = make_photo(tmp_path)
    first = write(photo, *ALL, caption="First words")
    edited = tmp_path / first.written[kind].name
    edited.write_bytes(edited.read_bytes().replace(b"First", b"My own"))
    before = state(tmp_path)[edited.name]
    second = write(photo, *ALL, written=dict(first.written), caption="Second words")
    assert state(tmp_path)[edited.name] == before
    assert len(second.notes) == 1
    assert edited.name in second.notes[0]
    assert kind not in second.written
    assert len(second.written) == 2


@pytest.mark.parametrize("content", [b"", b"a person's", b"<x:xmpmeta"])
def test_what_another_program_wrote_stays(tmp_path, content):
    """Files that were there first stay, empty ones too."""
    photo = make_photo(tmp_path)
    for name in ("IMG.jpg.xmp", "IMG.jpg.txt", "IMG.jpg.caption.json"):
        (tmp_path / name).write_bytes(content)
    before = state(tmp_path)
    outcome = write(photo, *ALL)
    assert state(tmp_path) == before
    assert (len(outcome.notes), outcome.written) == (3, {})


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


def test_a_stem_sidecar_of_the_photo_stays_alone(tmp_path):
    """Beside an `IMG.xmp` of this photo no second XMP is made."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.xmp").write_bytes(b"Lightroom's")
    (tmp_path / "IMG.MOV").write_bytes(b"the moving half of a Live Photo")
    outcome = write(photo, *ALL)
    assert names(tmp_path) == [
        "IMG.MOV",
        "IMG.jpg",
        "IMG.jpg.caption.json",
        "IMG.jpg.txt",
        "IMG.xmp",
    ]
    assert outcome.notes == ("IMG.xmp was left alone, and a second XMP was not written",)
    assert (tmp_path / "IMG.xmp").read_bytes() == b"Lightroom's"


def test_a_stem_sidecar_of_a_raw_file_is_not_the_photos(tmp_path):
    """In a RAW+JPEG pair `IMG.xmp` is the raw file's, and the JPEG gets its own."""
    photo = make_photo(tmp_path)
    make_photo(tmp_path, "IMG.NEF")
    (tmp_path / "IMG.xmp").write_bytes(b"Lightroom's")
    assert write(photo, "xmp").notes == ()
    assert (tmp_path / "IMG.jpg.xmp").exists()


def test_our_xmp_is_renewed_beside_a_stem_sidecar(tmp_path):
    """An XMP that captiond wrote before an `IMG.xmp` came is still kept up to date."""
    photo = make_photo(tmp_path)
    first = write(photo, "xmp", caption="First words")
    (tmp_path / "IMG.xmp").write_bytes(b"Lightroom's")
    assert write(photo, "xmp", written=dict(first.written), caption="Second").notes == ()
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
    assert write(photo, "txt", written=dict(first.written)).written == first.written


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
