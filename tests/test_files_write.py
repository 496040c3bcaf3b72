"""Writing beneath a root: whole or not at all, whatever the disk, the names and the links do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from disk_helpers import small_disk
from files_helpers import AWKWARD_NAMES, ROOT, as_nobody, names

from captiond.disk import files
from captiond.disk.files import Draft
from captiond.errors import SidecarForeign, SidecarImpossible, SidecarUnwritable


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_what_is_written_is_read_back(tmp_path, name):
    """Any name that fits can be written beside a photo, and nothing else is left there."""
    (tmp_path / "sub").mkdir()
    files.write_beneath(str(tmp_path), "sub", [Draft(name, b"words")])
    assert files.read_beneath(str(tmp_path), "sub", name, limit_bytes=5) == b"words"
    assert files.names_beneath(str(tmp_path), "sub") == [name]


def test_several_files_are_written_at_once(tmp_path):
    """A batch writes every file of one photo."""
    files.write_beneath(str(tmp_path), "", [Draft("a", b"1"), Draft("b", b"2")])
    assert sorted(files.names_beneath(str(tmp_path), "")) == ["a", "b"]


def test_nothing_there_reads_as_none(tmp_path):
    """A sidecar that does not exist is no error."""
    assert files.read_beneath(str(tmp_path), "", "a.txt", limit_bytes=10) is None


def test_a_new_file_follows_the_umask(tmp_path):
    """A new sidecar has the mode that any program would give it."""
    before = os.umask(0o027)
    try:
        files.write_beneath(str(tmp_path), "", [Draft("a.txt", b"x")])
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o7777 == 0o640


def test_mode_and_owner_of_the_replaced_file_are_kept(tmp_path):
    """Replacing a file changes its words only; as root it also stays its owner's."""
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")
    target.chmod(0o604)
    owner = (1234, 4321) if ROOT else (os.getuid(), os.getgid())
    os.chown(target, *owner)
    files.write_beneath(str(tmp_path), "", [Draft("a.txt", b"new", replaces=b"old")])
    status = target.stat()
    assert (target.read_bytes(), status.st_mode & 0o777) == (b"new", 0o604)
    assert (status.st_uid, status.st_gid) == owner


@pytest.mark.parametrize("replaces", [None, b"old", b"older"])
def test_a_file_that_someone_wrote_meanwhile_is_not_replaced(tmp_path, replaces):
    """A file that is not what the decision was made on stays as it is."""
    (tmp_path / "a.txt").write_bytes(b"a person's")
    with pytest.raises(SidecarUnwritable, match="meanwhile"):
        files.write_beneath(str(tmp_path), "", [Draft("a.txt", b"new", replaces=replaces)])
    assert (tmp_path / "a.txt").read_bytes() == b"a person's"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_that_went_meanwhile_is_not_written_again(tmp_path):
    """A sidecar deleted between the decision and the write is looked at anew."""
    with pytest.raises(SidecarUnwritable, match="meanwhile"):
        files.write_beneath(str(tmp_path), "", [Draft("a.txt", b"new", replaces=b"old")])
    assert names(tmp_path) == []


def test_a_link_or_directory_is_never_written_through(tmp_path):
    """A target that is no plain file is foreign, to reading and writing, and nothing happens."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    (folder / "link.txt").symlink_to(tmp_path / "precious")
    (folder / "dir.txt").mkdir()
    os.mkfifo(folder / "pipe.txt")
    for name in ("link.txt", "dir.txt", "pipe.txt"):
        with pytest.raises(SidecarForeign, match=name):
            files.write_beneath(str(folder), "", [Draft(name, b"x")])
        with pytest.raises(SidecarForeign, match=name):
            files.read_beneath(str(folder), "", name, limit_bytes=100)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert names(folder) == ["dir.txt", "link.txt", "pipe.txt"]


def test_a_linked_folder_is_not_written_into(tmp_path):
    """A folder beneath the root that became a link is not followed."""
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root/sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SidecarUnwritable, match="link"):
        files.write_beneath(str(tmp_path / "root"), "sub", [Draft("a.txt", b"x")])
    assert names(tmp_path / "elsewhere") == []


def test_a_name_that_is_too_long_is_impossible(tmp_path):
    """A sidecar's name over 255 bytes is reported for good, whether read or written."""
    name = "x" * 252 + ".txt"
    with pytest.raises(SidecarImpossible, match="too long"):
        files.read_beneath(str(tmp_path), "", name, limit_bytes=1)
    with pytest.raises(SidecarImpossible, match="too long"):
        files.write_beneath(str(tmp_path), "", [Draft(name, b"x")])
    assert names(tmp_path) == []


def test_a_folder_that_is_gone_is_for_later(tmp_path):
    """A folder that vanished is no reason to give the sidecar up."""
    with pytest.raises(SidecarUnwritable, match="gone cannot be written"):
        files.write_beneath(str(tmp_path), "gone", [Draft("a.txt", b"x")])


def test_too_large_a_file_is_not_read(tmp_path):
    """A sidecar over the limit is foreign; one of just that size is read."""
    (tmp_path / "a.xmp").write_bytes(b"x" * 100)
    assert files.read_beneath(str(tmp_path), "", "a.xmp", limit_bytes=100) == b"x" * 100
    with pytest.raises(SidecarForeign, match="larger than 99 bytes"):
        files.read_beneath(str(tmp_path), "", "a.xmp", limit_bytes=99)


def test_the_sentence_can_be_stored(tmp_path):
    """The path in an error's sentence is text, also when the name is no UTF-8."""
    with pytest.raises(SidecarUnwritable) as caught:
        files.write_beneath(str(tmp_path), os.fsdecode(b"\xe9"), [Draft("a.txt", b"x")])
    assert "\\xe9" in str(caught.value)
    str(caught.value).encode()


def test_a_read_only_folder_is_for_later(tmp_path):
    """A read-only file system is told with path and reason, and left as it was."""
    with small_disk(tmp_path / "disk", kilobytes=64) as disk:
        (disk / "a.txt").write_bytes(b"old")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(SidecarUnwritable, match=r"a\.txt .*Read-only file system"):
            files.write_beneath(str(disk), "", [Draft("a.txt", b"new", replaces=b"old")])
        assert names(disk) == ["a.txt"]


def test_a_folder_without_write_permission_is_for_later(tmp_path, monkeypatch):
    """A folder that the daemon may not write to is told with path and reason."""
    tmp_path.chmod(0o555)
    with as_nobody(tmp_path, monkeypatch), pytest.raises(SidecarUnwritable, match="Permission"):
        files.write_beneath(".", "", [Draft("a.txt", b"new")])
    tmp_path.chmod(0o755)
    assert names(tmp_path) == []


def test_an_unreadable_sidecar_is_foreign(tmp_path, monkeypatch):
    """A sidecar that another user keeps to himself is his, and not to be waited for."""
    (tmp_path / "a.txt").write_bytes(b"private")
    (tmp_path / "a.txt").chmod(0)
    with as_nobody(tmp_path, monkeypatch), pytest.raises(SidecarForeign, match="may not be read"):
        files.read_beneath(".", "", "a.txt", limit_bytes=100)


def test_a_full_disk_leaves_the_old_file_whole(tmp_path):
    """On a full disk the old sidecar stays, the temporary goes, and there is room again later."""
    with small_disk(tmp_path / "disk", kilobytes=64) as disk:
        (disk / "a.txt").write_bytes(b"old")
        draft = Draft("a.txt", b"x" * 200_000, replaces=b"old")
        with pytest.raises(SidecarUnwritable, match="No space left on device"):
            files.write_beneath(str(disk), "", [Draft("first.txt", b"small"), draft])
        assert names(disk) == ["a.txt", "first.txt"]
        assert (disk / "a.txt").read_bytes() == b"old"
        files.write_beneath(str(disk), "", [Draft("a.txt", b"new", replaces=b"old")])


KILLED = """
import sys
from captiond.disk.files import Draft, write_beneath
folder, size = sys.argv[1], int(sys.argv[2])
texts = [bytes([65 + turn]) * size for turn in range(26)]
was = None
print("on", flush=True)
while True:
    for text in texts:
        write_beneath(folder, "", [Draft("a.txt", text, replaces=was)])
        was = text
"""


def test_a_kill_in_the_middle_tears_nothing(tmp_path):
    """Whenever a writer is killed, the sidecar is one of the texts it wrote, whole."""
    size, seen = 3_000_000, 0
    for turn in range(8):
        folder = tmp_path / str(turn)
        folder.mkdir()
        command = [sys.executable, "-c", KILLED, str(folder), str(size)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            while not any(name.endswith(".tmp") for name in names(folder)):
                assert child.poll() is None
            child.send_signal(signal.SIGKILL)
        if (folder / "a.txt").exists():
            content = (folder / "a.txt").read_bytes()
            assert len(content) == size
            assert len(set(content)) == 1
        seen += any(name.startswith(files.TEMPORARY_PREFIX) for name in names(folder))
    assert seen, "no kill fell into a write"
