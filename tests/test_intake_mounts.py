"""What lies under a root, and what may be concluded from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from captiond.intake.mounts import (
    Mount,
    RootState,
    RootWitness,
    find_mount,
    inotify_room,
    look_at_root,
    may_conclude_gone,
    mount_of,
    parse_mountinfo,
)

MOUNTINFO = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
36 22 0:31 / /mnt/nas rw,relatime shared:7 master:2 - nfs4 nas:/photos rw,vers=4.2
37 22 0:32 / /mnt/my\040disk rw - fuse.sshfs me@host: rw
38 22 8:1 / /mnt/usb rw - fuseblk /dev/sda1 rw
39 38 0:40 / /mnt/usb rw - tmpfs tmpfs rw
40 22 0:41 / /mnt/smb rw - cifs //nas/photos rw
garbage
"""


@pytest.mark.parametrize(
    ("path", "mount", "sends_events"),
    [
        ("/home/me/Photos", Mount("/", "ext4"), True),
        ("/mnt/nas", Mount("/mnt/nas", "nfs4"), False),
        ("/mnt/nas/2024", Mount("/mnt/nas", "nfs4"), False),
        ("/mnt/nas2", Mount("/", "ext4"), True),
        ("/mnt/my disk/x", Mount("/mnt/my disk", "fuse.sshfs"), False),
        ("/mnt/usb/x", Mount("/mnt/usb", "tmpfs"), True),
        ("/mnt/smb/x", Mount("/mnt/smb", "cifs"), False),
    ],
)
def test_the_mount_beneath_a_path(path: str, mount: Mount, sends_events: bool):
    """The innermost, last mounted file system counts; network and FUSE ones send no events."""
    found = mount_of(path, parse_mountinfo(MOUNTINFO))
    assert found == mount
    assert found.sends_events is sends_events


def test_this_machines_mount_table_is_read():
    """The mount of the root directory is found."""
    assert find_mount("/") is not None


START = RootState(1, 10, empty=False)


@pytest.mark.parametrize(
    ("start", "now", "allowed"),
    [
        (START, RootState(1, 10, empty=False), True),
        (START, RootState(1, 11, empty=False), True),
        (START, RootState(1, 10, empty=True), False),
        (START, RootState(2, 10, empty=False), False),
        (START, RootState(None, None, empty=True), False),
        (None, RootState(1, 10, empty=False), False),
    ],
)
def test_when_files_may_be_called_gone(start: RootState | None, now: RootState, allowed: bool):
    """Never while the root is missing, empty, or on another device than at the start."""
    assert may_conclude_gone(start, now) is allowed


def test_a_witness_starts_with_the_first_root_that_holds_something(tmp_path: Path):
    """An empty mount point is no start; the device counts from the first file on."""
    witness = RootWitness(str(tmp_path))
    (tmp_path / ".trash").mkdir()
    (tmp_path / "lost+found").mkdir()
    assert witness.look().empty
    assert not witness.may_conclude_gone()
    (tmp_path / "a.jpg").touch()
    assert witness.may_conclude_gone()
    (tmp_path / "a.jpg").unlink()
    assert not witness.may_conclude_gone()


def test_a_look_at_a_root(tmp_path: Path):
    """A root's device and inode are told; a missing one is not present."""
    found = tmp_path.stat()
    assert look_at_root(str(tmp_path)) == RootState(found.st_dev, found.st_ino, empty=True)
    assert not look_at_root(str(tmp_path / "missing")).present


def test_the_kernels_room_may_be_hidden(tmp_path: Path):
    """The limits are read where /proc shows them and unknown where it does not."""
    (tmp_path / "max_user_watches").write_text("8192\n")
    room = inotify_room(tmp_path)
    assert (room.max_user_watches, room.max_user_instances) == (8192, None)
    if Path("/proc/sys/fs/inotify").exists():
        assert inotify_room().max_user_watches
