"""Opening photos beneath a root, on real files of every awkward kind."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest
from files_helpers import AWKWARD_NAMES, as_nobody

from captiond.disk import photofile
from captiond.errors import NotAPhoto, PhotoChanged, PhotoVanished, Undecodable
from captiond.models import Photo


def photo(root: Path, path: str, content: bytes = b"pixels") -> Photo:
    target = Path(os.fsdecode(os.fsencode(root)), path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return Photo(str(root), path)


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_any_name_opens(tmp_path, name):
    """A photo opens whatever bytes its name is made of."""
    with photofile.open_beneath(photo(tmp_path, f"sub/{name}")) as opened:
        assert opened.digest() == hashlib.sha256(b"pixels").hexdigest()


def test_a_folder_that_is_not_utf8_opens(tmp_path):
    """A folder whose name is no UTF-8 is walked like any other."""
    with photofile.open_beneath(photo(tmp_path, os.fsdecode(b"\xff\xfe/\xe9.jpg"))) as opened:
        assert opened.signature.size == 6


def test_the_digest_covers_all_bytes_wherever_the_descriptor_stands(tmp_path):
    """The digest is of the whole file, over several chunks, and leaves the descriptor at 0."""
    content = os.urandom(2 * photofile.CHUNK_BYTES + 12345)
    with photofile.open_beneath(photo(tmp_path, "a.jpg", content)) as opened:
        os.lseek(opened.fd, 777, os.SEEK_SET)
        assert opened.digest() == hashlib.sha256(content).hexdigest()
        assert os.read(opened.fd, 10) == content[:10]


def test_an_empty_file_has_a_digest(tmp_path):
    """Zero bytes are a plain file; that it is no photo is found out later."""
    with photofile.open_beneath(photo(tmp_path, "a.jpg", b"")) as opened:
        assert opened.digest() == hashlib.sha256().hexdigest()


def test_the_signature_is_that_of_stat(tmp_path):
    """The signature of an open photo equals that of its name."""
    with photofile.open_beneath(photo(tmp_path, "a.jpg")) as opened:
        assert opened.signature == photofile.signature_of((tmp_path / "a.jpg").stat())
        assert opened.unchanged()


@pytest.mark.parametrize("change", [b"", b"longer than it was"])
def test_a_write_after_opening_is_noticed(tmp_path, change):
    """A photo that is cut or grows while it is open is told from one that is finished."""
    with photofile.open_beneath(photo(tmp_path, "a.jpg")) as opened:
        (tmp_path / "a.jpg").write_bytes(change)
        assert not opened.unchanged()
        with pytest.raises(PhotoChanged):
            opened.check_unchanged()
        with pytest.raises(PhotoChanged):
            opened.digest()


def test_closing_twice_does_no_harm(tmp_path):
    """Close may be called again: the number may be another file's by then."""
    opened = photofile.open_beneath(photo(tmp_path, "a.jpg"))
    opened.close()
    other = os.open(tmp_path / "a.jpg", os.O_RDONLY)
    opened.close()
    os.close(other)


def test_a_linked_root_is_followed(tmp_path):
    """The root is the operator's word, also when it is a link."""
    photo(tmp_path / "real", "a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with photofile.open_beneath(Photo(str(tmp_path / "link"), "a.jpg")) as opened:
        assert opened.signature.size == 6


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("out.jpg", NotAPhoto),
        ("dangling.jpg", NotAPhoto),
        ("folder/a.jpg", PhotoVanished),
        ("deep/folder/a.jpg", PhotoVanished),
        ("folder/below/a.jpg", PhotoVanished),
    ],
)
def test_no_link_beneath_the_root_is_followed(tmp_path, path, refusal):
    """A link as the file is no photo; one as a folder on the way leads nowhere, maybe for now."""
    photo(tmp_path, "elsewhere/a.jpg")
    photo(tmp_path, "elsewhere/below/a.jpg")
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    (root / "out.jpg").symlink_to(tmp_path / "elsewhere/a.jpg")
    (root / "dangling.jpg").symlink_to(tmp_path / "nothing")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "deep/folder").symlink_to("../../elsewhere")
    with pytest.raises(refusal, match="link"):
        photofile.open_beneath(Photo(str(root), path))


@pytest.mark.parametrize("path", ["../a.jpg", "sub/../../a.jpg", "./a.jpg", "/a.jpg", "sub//a.jpg"])
def test_no_path_leads_out_of_the_root(tmp_path, path):
    """Dots and empty parts name nothing beneath a root."""
    photo(tmp_path, "a.jpg")
    (tmp_path / "root/sub").mkdir(parents=True)
    with pytest.raises(PhotoVanished):
        photofile.open_beneath(Photo(str(tmp_path / "root"), path))


def test_what_is_no_plain_file_is_named(tmp_path):
    """A directory, a pipe and a socket are each refused by name, and opening a pipe never waits."""
    (tmp_path / "dir.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.jpg"))
        for name, word in (("dir", "directory"), ("pipe", "pipe"), ("socket", "socket")):
            with pytest.raises(NotAPhoto, match=word):
                photofile.open_beneath(Photo(str(tmp_path), f"{name}.jpg"))


@pytest.mark.parametrize("path", ["a.jpg", "sub/a.jpg", "file/a.jpg"])
def test_what_is_gone_has_vanished(tmp_path, path):
    """A file, its folder, or a folder that became a file: all mean that the photo is gone."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PhotoVanished):
        photofile.open_beneath(Photo(str(tmp_path), path))


def test_what_no_photo_format_can_address_is_not_opened(tmp_path):
    """Nobody reads twenty gigabytes to learn that they are no photo; four are looked at."""
    (tmp_path / "a.jpg").touch()
    os.truncate(tmp_path / "a.jpg", photofile.MOST_BYTES)
    with photofile.open_beneath(Photo(str(tmp_path), "a.jpg")) as opened:
        assert opened.head() == bytes(64)
    os.truncate(tmp_path / "a.jpg", 20 << 30)
    with pytest.raises(Undecodable, match=r"^too large: 20\.0 GiB, and no photo has more than 4$"):
        photofile.open_beneath(Photo(str(tmp_path), "a.jpg"))


def test_an_unreadable_photo_says_so(tmp_path, monkeypatch):
    """A photo without read permission is a failure that an operator can repair."""
    (tmp_path / "a.jpg").write_bytes(b"pixels")
    (tmp_path / "a.jpg").chmod(0)
    with as_nobody(tmp_path, monkeypatch), pytest.raises(Undecodable, match="Permission denied"):
        photofile.open_beneath(Photo(".", "a.jpg"))
