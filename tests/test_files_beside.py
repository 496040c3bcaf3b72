"""What lies beside a photo is looked at and removed: only what is as expected, never by a link."""

from __future__ import annotations

import os

import pytest
from files_helpers import names

from captiond.disk import files
from captiond.disk.files import Draft
from captiond.disk.plainfiles import Stamp
from captiond.errors import SidecarForeign, SidecarUnwritable


def test_what_is_there_is_told_with_its_stamp(tmp_path):
    """Of names that are asked about those there are told; what is no plain file has no stamp."""
    (tmp_path / "a.txt").write_bytes(b"words")
    os.utime(tmp_path / "a.txt", ns=(5, 1234567890123456789))
    (tmp_path / "link").symlink_to("a.txt")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    asked = ["a.txt", "b.txt", "link", "dangling", "folder", "x" * 256]
    assert files.look_beneath(str(tmp_path), "", asked) == {
        "a.txt": Stamp(5, 1234567890123456789),
        "link": None,
        "dangling": None,
        "folder": None,
    }


def test_the_stamps_of_what_was_written_are_those_on_the_disk(tmp_path):
    """A write tells the size and time that any look at the file will find."""
    drafts = [Draft("a.txt", b"words"), Draft("b.txt", b"")]
    stamps = files.write_beneath(str(tmp_path), "", drafts)
    assert stamps == files.look_beneath(str(tmp_path), "", ["a.txt", "b.txt"])
    content = files.content_beneath(str(tmp_path), "", "a.txt", limit_bytes=9)
    assert content is not None
    assert (content.data, content.stamp) == (b"words", stamps["a.txt"])


def test_hard_links_are_files_of_their_own(tmp_path):
    """Two names that both stand in the folder are two files, though they share an inode."""
    (tmp_path / "a.xmp").write_bytes(b"words")
    os.link(tmp_path / "a.xmp", tmp_path / "a.XMP")
    assert files.look_beneath(str(tmp_path), "", ["a.xmp", "a.XMP"]).keys() == {"a.xmp", "a.XMP"}


def test_only_the_very_bytes_are_removed(tmp_path):
    """A file goes when it holds what is expected, and stays when it holds anything else."""
    for content, gone in ((b"words", True), (b"word", False), (b"words!", False), (b"", False)):
        (tmp_path / "a.txt").write_bytes(content)
        assert files.remove_beneath(str(tmp_path), "", "a.txt", holding=b"words") is gone
        assert names(tmp_path) == ([] if gone else ["a.txt"])
    (tmp_path / "a.txt").unlink()
    assert not files.remove_beneath(str(tmp_path), "", "a.txt", holding=b"words")


def test_nothing_is_removed_through_a_link(tmp_path):
    """A link is not removed, nor what it points to, nor anything in a folder behind one."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_bytes(b"words")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "sub").symlink_to(tmp_path / "out")
    (tmp_path / "root" / "a.txt").symlink_to(tmp_path / "out" / "a.txt")
    with pytest.raises(SidecarForeign):
        files.remove_beneath(str(tmp_path / "root"), "", "a.txt", holding=b"words")
    with pytest.raises(SidecarUnwritable):
        files.remove_beneath(str(tmp_path / "root"), "sub", "a.txt", holding=b"words")
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"words"
    assert names(tmp_path / "root") == ["a.txt", "sub"]


def test_a_folder_that_is_gone_is_told(tmp_path):
    """Nothing can be looked at or removed where there is no folder."""
    with pytest.raises(SidecarUnwritable):
        files.look_beneath(str(tmp_path), "gone", ["a.txt"])
    with pytest.raises(SidecarUnwritable):
        files.remove_beneath(str(tmp_path), "gone", "a.txt", holding=b"")
