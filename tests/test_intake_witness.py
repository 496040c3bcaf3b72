"""Whether a photo that is not found is gone, or only its disk."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from index_helpers import sighting
from intake_helpers import watched_folder, write_photo
from structlog.testing import capture_logs

from captiond.index.base import Sighting
from captiond.intake.mounts import Mount
from captiond.intake.witness import (
    RootState,
    RootWitness,
    Share,
    identities,
    identity_of,
    look_at_root,
    may_conclude_gone,
    share_at,
)
from captiond.models import Photo
from captiond.testing.memory_index import MemoryIndex

A, B, C = "ext4 a /", "ext4 b /", "vfat c /"


@pytest.mark.parametrize(
    ("path", "trusted", "now", "allowed"),
    [
        ("x.jpg", {"": A}, {"": A}, True),
        ("x.jpg", {"": A}, {"": B}, False),
        ("x.jpg", {"": A}, {}, False),
        ("x.jpg", {}, {"": A}, False),
        ("usb/x.jpg", {"": A, "usb": C}, {"": A, "usb": C}, True),
        ("usb/x.jpg", {"": A, "usb": C}, {"": A}, False),
        ("usb/x.jpg", {"": A, "usb": C}, {"": A, "usb": B}, False),
        ("usb/x.jpg", {"": A}, {"": A, "usb": C}, False),
        ("usb/x.jpg", {"": A, "usb": C}, {"": B, "usb": C}, True),
        ("usb2/x.jpg", {"": A, "usb": C}, {"": A}, True),
        ("a/b/x.jpg", {"": A, "a/b": C}, {"": A}, False),
    ],
)
def test_when_a_photo_may_be_called_gone(path: str, trusted: dict, now: dict, allowed: bool):
    """Only while the disk it was on is there: the root's, or one mounted within the root."""
    assert may_conclude_gone(path, trusted, now) is allowed


@pytest.mark.parametrize(
    ("known", "here", "trusted"),
    [(0, 0, True), (1, 0, False), (1, 1, True), (3, 1, False), (4, 2, True), (1000, 1, False)],
)
def test_when_another_disk_is_the_library(known: int, here: int, trusted: bool):
    """When half of what is known lies on it, and where nothing was known."""
    assert Share(known, here).is_the_library is trusted


MOUNT = Mount(id=2, parent=1, subtree="/", point="/srv/photos", fs_type="ext4", source="/dev/sda1")
BIND = Mount(
    id=3, parent=1, subtree="/data/a", point="/srv/photos", fs_type="ext4", source="/dev/sda1"
)
NFS = Mount(id=4, parent=1, subtree="/", point="/", fs_type="nfs4", source="nas:/x")


@pytest.mark.parametrize(
    ("path", "mount", "number", "identity"),
    [
        ("/srv/photos", MOUNT, "abc", "ext4 abc /"),
        ("/srv/photos/in", MOUNT, "abc", "ext4 abc /in"),
        ("/srv/photos", BIND, "abc", "ext4 abc /data/a"),
        ("/srv/photos/in", BIND, "abc", "ext4 abc /data/a/in"),
        ("/srv", NFS, "", "nfs4 nas:/x /srv"),
    ],
)
def test_the_identity_of_a_disk(path: str, mount: Mount, number: str, identity: str):
    """Type, number and the path on it: a bind mount of another folder is another disk."""
    assert identity_of(path, mount, number) == identity


def test_identities_are_the_same_at_each_look(tmp_path: Path):
    """A folder keeps its identity; another has another."""
    first = identities(watched_folder(tmp_path))
    assert set(first) == {""}
    assert identities(watched_folder(tmp_path)) == first
    (tmp_path / "in").mkdir()
    assert identities(watched_folder(tmp_path / "in")) != first
    assert identities(watched_folder(tmp_path / "missing")) == {}


def test_a_look_at_a_root(tmp_path: Path):
    """What a bare mount point may hold counts for nothing; a missing root is not present."""
    (tmp_path / ".trash").mkdir()
    (tmp_path / "lost+found").mkdir()
    assert look_at_root(str(tmp_path)) == RootState(present=True, empty=True)
    (tmp_path / "a.jpg").touch()
    assert look_at_root(str(tmp_path)) == RootState(present=True, empty=False)
    assert look_at_root(str(tmp_path / "missing")) == RootState(present=False, empty=True)


def known_at(root: Path, *paths: str) -> list[Sighting]:
    photos = [Photo(str(root), path) for path in paths]
    return [Sighting(photo, sighting().signature, sighting().lane) for photo in photos]


async def test_only_photos_of_the_place_itself_are_counted(tmp_path: Path):
    """Those on a disk within it count there; missing ones and unreadable folders nowhere."""
    index, watched = MemoryIndex(), watched_folder(tmp_path)
    await index.offer(known_at(tmp_path, "a.jpg", "b.jpg", "d/c.jpg", "usb/e.jpg"), now=1.0)
    await index.gone([Photo(str(tmp_path), "b.jpg")], now=2.0)
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "usb/e.jpg")
    view = index.folder_view()
    assert share_at("", {"", "usb"}, watched, view) == Share(known=2, here=1)
    assert share_at("usb", {"", "usb"}, watched, view) == Share(known=1, here=1)


async def witness_of(root: Path, index: MemoryIndex) -> RootWitness:
    witness = RootWitness(watched_folder(root), index)
    await witness.recognise(anyio.CapacityLimiter(1))
    return witness


async def test_a_first_look_at_a_root_with_photos_makes_it_trusted(tmp_path: Path):
    """Before it, and while the root is empty, nothing is gone; the index remembers the disk."""
    index = MemoryIndex()
    assert (await witness_of(tmp_path, index)).gone({"a.jpg"}) == set()
    assert index.folder_view().disks(str(tmp_path)) == {}
    write_photo(tmp_path / "b.jpg")
    assert RootWitness(watched_folder(tmp_path), index).gone({"a.jpg"}) == set()
    witness = await witness_of(tmp_path, index)
    assert index.folder_view().disks(str(tmp_path)) == identities(watched_folder(tmp_path))
    assert witness.gone({"a.jpg"}) == {"a.jpg"}
    (tmp_path / "b.jpg").unlink()
    assert witness.gone({"a.jpg"}) == set()


async def test_a_strange_disk_is_told_of_once_and_trusted_when_half_is_there(tmp_path: Path):
    """What an earlier process remembered holds; a copy of half the library is the library."""
    index = MemoryIndex()
    await index.save_disks(str(tmp_path), {"": "ext4 another /"})
    await index.offer(known_at(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg"), now=1.0)
    write_photo(tmp_path / "a.jpg")
    with capture_logs() as logs:
        witness = await witness_of(tmp_path, index)
        await witness.recognise(anyio.CapacityLimiter(1))
    assert [(line["event"], line["known"], line["here"]) for line in logs] == [
        ("root.other_disk", 4, 1)
    ]
    assert witness.gone({"d.jpg"}) == set()
    write_photo(tmp_path / "b.jpg")
    await witness.recognise(anyio.CapacityLimiter(1))
    assert witness.gone({"d.jpg"}) == {"d.jpg"}
    assert index.folder_view().disks(str(tmp_path)) == identities(watched_folder(tmp_path))
