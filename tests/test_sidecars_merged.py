"""captiond's words in the XMP of others: put in, kept up to date, taken out, in the file itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from files_helpers import names
from sidecars_helpers import beside, caption, make_photo, state, write

from captiond.models import Handwriting
from captiond.sidecars.base import Errand
from captiond.sidecars.handwriting import read_handwriting
from captiond.sidecars.withdraw import remove_sidecars, withdraw_sidecars
from captiond.sidecars.xmp import Xmp

THEIRS = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    crs:Exposure2012="+0.35">%s</rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
DESCRIPTION = (
    b'<dc:description xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Alt>'
    b'<rdf:li xml:lang="x-default">My words</rdf:li></rdf:Alt></dc:description>'
)
NAMES = pytest.mark.parametrize("name", ["IMG.jpg.xmp", "IMG.xmp", "IMG.XMP"])


@NAMES
def test_captionds_words_go_into_the_xmp_that_is_there(tmp_path, name):
    """Under either name it is merged into, once; the next run changes nothing."""
    photo = make_photo(tmp_path)
    (tmp_path / name).write_bytes(THEIRS % b"")
    outcome = write(photo, "xmp", caption="First words")
    assert names(tmp_path) == sorted(["IMG.jpg", name])
    merged = (tmp_path / name).read_bytes()
    assert b"First words" in merged
    assert b'crs:Exposure2012="+0.35"' in merged
    assert (outcome.notes, outcome.beside) == ((), beside(tmp_path))
    before = state(tmp_path)
    assert write(photo, "xmp", written=outcome.written, caption="First words") == outcome
    assert write(photo, "xmp", caption="First words").beside == outcome.beside
    assert state(tmp_path) == before
    write(photo, "xmp", written=outcome.written, caption="Second words")
    assert b"First words" not in (tmp_path / name).read_bytes()


@NAMES
def test_a_persons_xmp_is_heard_and_not_changed_for_their_words(tmp_path, name):
    """A description that is not captiond's is heard once, and no byte is written for it."""
    photo = make_photo(tmp_path)
    (tmp_path / name).write_bytes(THEIRS % DESCRIPTION)
    heard = read_handwriting(photo, {}, None)
    assert heard.handwriting == Handwriting(caption="My words")
    before = state(tmp_path)
    errand = Errand(adopted=True, stamps=heard.stamps)
    outcome = write(photo, "xmp", errand=errand, caption="My words", origin="human")
    assert state(tmp_path) == before
    again = read_handwriting(photo, outcome.written, caption().description)
    assert again.handwriting == Handwriting()


@NAMES
def test_captionds_words_are_taken_out_again(tmp_path, name):
    """Taking back leaves the other's file as it was before, and does not remove it."""
    photo = make_photo(tmp_path)
    (tmp_path / name).write_bytes(THEIRS % b"")
    outcome = write(photo, "xmp", "txt")
    assert remove_sidecars(photo, outcome.written) == ("IMG.jpg.txt",)
    done = withdraw_sidecars(photo, outcome.written)
    assert (done.removed, done.changed) == ((), (name,))
    left = (tmp_path / name).read_bytes()
    assert Xmp().withdraw(left) == left
    assert b'crs:Exposure2012="+0.35"' in left
    assert b"erries" not in left
    assert done.outcome.written == {}


def test_an_edited_xmp_of_captionds_keeps_the_edit(tmp_path):
    """Who edits captiond's own XMP is heard, and the next caption does not touch their words."""
    photo = make_photo(tmp_path)
    first = write(photo, "xmp", "txt", caption="First words")
    path: Path = tmp_path / "IMG.jpg.xmp"
    path.write_bytes(path.read_bytes().replace(b"First words", b"My words"))
    heard = read_handwriting(photo, first.written, caption(caption="First words").description)
    assert heard.handwriting == Handwriting(caption="My words")
    errand = Errand(adopted=True, stamps=heard.stamps)
    after = write(photo, "xmp", "txt", written=first.written, errand=errand, caption="My words")
    assert (tmp_path / "IMG.jpg.txt").read_bytes() == b"My words\n"
    write(photo, "xmp", "txt", written=after.written, caption="Third words")
    assert b"My words" in path.read_bytes()
    assert b"Third words" not in path.read_bytes()


@pytest.mark.parametrize("content", [b"", b"<x:xmpmeta", b"<!DOCTYPE a><a/>"])
def test_a_refusal_is_told_and_touches_nothing(tmp_path, content):
    """What cannot be merged into stays to the byte, with the same note each time."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.xmp").write_bytes(content)
    before = state(tmp_path)
    first = write(photo, "xmp")
    assert first.notes[0].startswith("IMG.xmp was left alone: ")
    assert write(photo, "xmp", written=first.written) == first
    assert read_handwriting(photo, {}, None).notes == first.notes
    assert state(tmp_path) == before
