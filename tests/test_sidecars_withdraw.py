"""What captiond wrote beside a photo can be taken back, and nothing else goes with it."""

from __future__ import annotations

import os

import pytest
from files_helpers import names
from sidecars_helpers import beside, has_attributes, make_photo, state, write

from captiond.errors import SidecarUnwritable
from captiond.models import Photo
from captiond.sidecars.base import NOT_OURS
from captiond.sidecars.withdraw import remove_sidecars, withdraw_sidecars

ALL = ("xmp", "txt", "json")
SIDECARS = ["IMG.jpg.caption.json", "IMG.jpg.txt", "IMG.jpg.xmp"]


@pytest.mark.parametrize("style", ["full", "stem"])
def test_what_captiond_wrote_is_removed(tmp_path, style):
    """All sidecars of captiond's go, under either name, and nothing is remembered of them."""
    photo = make_photo(tmp_path)
    before = write(photo, *ALL, names=style)
    done = withdraw_sidecars(photo, before.written)
    assert names(tmp_path) == ["IMG.jpg"]
    assert sorted(done.removed) == sorted(one.name for one in before.written.values())
    assert (done.changed, done.outcome.notes, done.outcome.written) == ((), (), {})
    assert done.outcome.beside == ""
    assert write(photo, *ALL, names=style, written=done.outcome.written).written == before.written


def test_a_dry_run_tells_the_same_and_touches_nothing(tmp_path):
    """What would be removed is told, and is still there afterwards."""
    photo = make_photo(tmp_path)
    written = write(photo, *ALL).written
    before = state(tmp_path)
    told = withdraw_sidecars(photo, written, dry_run=True)
    assert state(tmp_path) == before
    assert told.outcome.written == written
    assert withdraw_sidecars(photo, written).removed == told.removed


@pytest.mark.parametrize("kind", ["txt", "json"])
def test_what_a_person_edited_is_kept(tmp_path, kind):
    """An edited sidecar stays to the byte, is told, and does not count as captiond's any more."""
    photo = make_photo(tmp_path)
    written = write(photo, *ALL).written
    edited = tmp_path / written[kind].name
    edited.write_bytes(edited.read_bytes() + b"mine")
    before = state(tmp_path)[edited.name]
    for remembered in (written, {}):
        done = withdraw_sidecars(photo, remembered)
        assert state(tmp_path)[edited.name] == before
        assert done.outcome.notes == (f"{edited.name} was left alone: {NOT_OURS}",)
        assert edited.name not in done.removed
        assert done.outcome.written == {}
        assert done.outcome.beside == beside(tmp_path)


def test_without_the_index_marks_tell_what_is_captionds(tmp_path):
    """With the index lost, seals and the attribute tell what may go; a bare text stays."""
    photo = make_photo(tmp_path)
    write(photo, *ALL)
    if has_attributes(tmp_path):
        os.removexattr(tmp_path / "IMG.jpg.txt", "user.captiond")
    withdraw_sidecars(photo, {})
    assert names(tmp_path) == ["IMG.jpg", "IMG.jpg.txt"]


def test_links_stay(tmp_path):
    """A link in a sidecar's place is not followed, and not removed."""
    photo = make_photo(tmp_path)
    written = write(photo, *ALL).written
    (tmp_path / "IMG.jpg.txt").rename(tmp_path / "elsewhere")
    (tmp_path / "IMG.jpg.txt").symlink_to("elsewhere")
    done = withdraw_sidecars(photo, written)
    assert "it is a link" in done.outcome.notes[0]
    assert names(tmp_path) == ["IMG.jpg", "IMG.jpg.txt", "elsewhere"]
    assert remove_sidecars(photo, written) == ()
    assert names(tmp_path) == ["IMG.jpg", "IMG.jpg.txt", "elsewhere"]


# --- at the old place of a photo


def test_the_old_place_is_cleared(tmp_path):
    """Where a photo went away, captiond's own sidecars go, too; the photo's folder may be gone."""
    photo = make_photo(tmp_path)
    written = write(photo, *ALL).written
    (tmp_path / "IMG.jpg").unlink()
    assert sorted(remove_sidecars(photo, written)) == SIDECARS
    assert names(tmp_path) == []
    assert remove_sidecars(photo, written) == ()
    assert remove_sidecars(Photo(str(tmp_path), "gone/IMG.jpg"), written) == ()


def test_at_the_old_place_only_captionds_go(tmp_path):
    """An edited sidecar stays, and so does what the index does not know."""
    photo = make_photo(tmp_path)
    written = dict(write(photo, *ALL).written)
    (tmp_path / "IMG.jpg").unlink()
    for name in ("IMG.jpg.txt", "IMG.jpg.xmp"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"mine")
    del written["json"]
    before = state(tmp_path)
    assert remove_sidecars(photo, written) == ()
    assert state(tmp_path) == before


def test_the_sidecars_of_the_photo_that_stayed_stay(tmp_path):
    """Of a pair with one stem, what is the other's is left when one goes."""
    gone, stayed = make_photo(tmp_path, "IMG.jpg"), make_photo(tmp_path, "IMG.NEF")
    written = write(gone, *ALL).written
    write(stayed, *ALL)
    (tmp_path / "IMG.jpg").unlink()
    remove_sidecars(gone, written)
    assert names(tmp_path) == ["IMG.NEF", "IMG.NEF.caption.json", "IMG.NEF.txt", "IMG.NEF.xmp"]


def test_a_place_that_cannot_be_reached_now_is_told(tmp_path):
    """A folder that cannot be opened is an error, and not a place without sidecars."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SidecarUnwritable):
        remove_sidecars(Photo(str(tmp_path / "file"), "IMG.jpg"), {})
