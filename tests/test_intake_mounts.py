"""What the mount table says of a root."""

from __future__ import annotations

from pathlib import Path

import pytest
from intake_helpers import watched_folder

from captiond.intake.filters import Filter
from captiond.intake.mounts import (
    MountTable,
    find_mount,
    inotify_room,
    is_polled,
    parse_mountinfo,
    places_of,
    read_mounts,
    silent_mount,
)

MOUNTINFO = r"""
36 22 0:31 / /mnt/nas rw,relatime shared:7 master:2 - nfs4 nas:/photos rw,vers=4.2
37 22 0:32 / /mnt/my\040disk rw - fuse.sshfs me@host: rw
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
38 22 8:1 / /mnt/usb rw - fuseblk /dev/sda1 rw
39 38 0:40 / /mnt/usb rw - tmpfs tmpfs rw
40 22 0:41 / /mnt/smb rw - cifs //nas/photos rw
41 22 8:2 /photos /srv/photos rw - ext4 /dev/sdb1 rw
42 41 0:50 / /srv/photos/phone rw - fuse.sshfs phone: rw
43 41 8:3 / /srv/photos/usb/2024 rw - vfat /dev/sdc1 rw
44 22 8:4 / /srv/old/disk rw - nfs nas:/hidden rw
45 22 8:5 / /srv/old rw - ext4 /dev/sdd1 rw
garbage
"""
TABLE = MountTable(parse_mountinfo(MOUNTINFO))


@pytest.mark.parametrize(
    ("path", "point", "fs_type", "sends_events"),
    [
        ("/home/me/Photos", "/", "ext4", True),
        ("/mnt/nas", "/mnt/nas", "nfs4", False),
        ("/mnt/nas/2024", "/mnt/nas", "nfs4", False),
        ("/mnt/nas2", "/", "ext4", True),
        ("/mnt/my disk/x", "/mnt/my disk", "fuse.sshfs", False),
        ("/mnt/usb/x", "/mnt/usb", "tmpfs", True),
        ("/mnt/smb/x", "/mnt/smb", "cifs", False),
        ("/srv/old/disk/x", "/srv/old", "ext4", True),
    ],
)
def test_the_mount_beneath_a_path(path: str, point: str, fs_type: str, sends_events: bool):
    """What the kernel would find there, whatever stands first in the table or lies hidden."""
    found = TABLE.holding(path)
    assert found is not None
    assert (found.point, found.fs_type, found.sends_events) == (point, fs_type, sends_events)


@pytest.mark.parametrize(
    ("root", "changes", "places"),
    [
        ("/srv/photos", {}, {"": "ext4", "phone": "fuse.sshfs", "usb/2024": "vfat"}),
        ("/srv/photos", {"recursive": False}, {"": "ext4"}),
        ("/srv/photos", {"filter": Filter(("usb",))}, {"": "ext4", "phone": "fuse.sshfs"}),
        ("/srv/old", {}, {"": "ext4"}),
        ("/mnt/usb", {}, {"": "tmpfs"}),
        ("/srv/photos/usb", {}, {"": "ext4", "2024": "vfat"}),
    ],
)
def test_the_mounts_a_root_is_made_of(root: str, changes: dict, places: dict[str, str]):
    """The one it lies on and those within it that are looked into; hidden ones are left out."""
    found = places_of(watched_folder(Path(root), **changes), root, TABLE)
    assert {folder: mount.fs_type for folder, mount in found.items()} == places


@pytest.mark.parametrize(
    ("polling", "root", "polled"),
    [
        ("auto", "/home", False),
        ("auto", "/mnt/smb", True),
        ("auto", "/srv/photos", True),
        ("auto", "/srv/photos/usb", False),
        ("always", "/home", True),
        ("never", "/mnt/smb", False),
    ],
)
def test_who_is_polled(polling: str, root: str, polled: bool):
    """By itself a root on a network or FUSE mount, or with one inside it; else as it is told."""
    places = places_of(watched_folder(Path(root)), root, TABLE)
    assert is_polled(polling, silent_mount(places)) is polled


def test_a_root_of_its_own_parent_is_found():
    """The first file system of a booting machine, which names itself as its parent."""
    rootfs = parse_mountinfo("1 1 0:2 / / rw - rootfs rootfs rw")
    assert MountTable(rootfs).holding("/srv") == rootfs[0]


def test_this_machines_mount_table_is_read():
    """The mount of the root directory is found."""
    mount = find_mount("/")
    assert mount is not None
    assert mount.point == "/"
    assert read_mounts().holding("/proc/self") != mount


def test_the_kernels_room_may_be_hidden(tmp_path: Path):
    """The limits are read where /proc shows them and unknown where it does not."""
    (tmp_path / "max_user_watches").write_text("8192\n")
    room = inotify_room(tmp_path)
    assert (room.max_user_watches, room.max_user_instances) == (8192, None)
    if Path("/proc/sys/fs/inotify").exists():
        assert inotify_room().max_user_watches
