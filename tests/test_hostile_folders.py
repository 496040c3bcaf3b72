"""A drop folder that strangers may write to: traps in every name captiond could touch."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemon_helpers import Home, gemini, wait_until
from files_helpers import ROOT
from hostile_helpers import state_of

from captiond.disk import files
from captiond.disk.files import Draft
from captiond.errors import SidecarForeign
from captiond.testing.photo_maker import tiny_jpeg

MAKE_TRAP: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda at, outside: at.symlink_to(outside / "passwd"),
    "dangling": lambda at, outside: at.symlink_to(outside / "new"),
    "to-folder": lambda at, outside: at.symlink_to(outside),
    "to-pipe": lambda at, outside: at.symlink_to(outside / "pipe"),
    "hard-link": lambda at, outside: at.hardlink_to(outside / "passwd"),
    "folder": lambda at, _: at.mkdir(),
    "pipe": lambda at, _: os.mkfifo(at),
    "socket": lambda at, _: os.mknod(at, 0o666 | stat.S_IFSOCK),
    "huge": lambda at, _: (at.touch(), os.truncate(at, 20 << 30)),
    "device": lambda at, _: os.mknod(at, 0o666 | stat.S_IFCHR, os.makedev(1, 5)),
}
TRAPS = [kind for kind in MAKE_TRAP if ROOT or kind != "device"]
STRANGE = 10_000


def make_trap(at: Path, kind: str, outside: Path) -> None:
    """Put something where captiond will want to write."""
    MAKE_TRAP[kind](at, outside)


def identity(path: Path) -> tuple[int, ...]:
    """Return what tells a file from another put in its place, and from one written to."""
    status = path.lstat()
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """Make a folder that no file of captiond's has any business in."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "passwd").write_text("root:x:0:0\n")
    os.mkfifo(folder / "pipe")
    yield folder
    for path in tmp_path.glob("home/photos/huge-*.jpg.*"):
        path.unlink()  # 20 GB that nobody should look through


def test_no_trap_in_a_sidecars_place_is_sprung(tmp_path, outside):
    """Each photo is captioned and says what lay there; nothing there, or outside, is touched."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path / "home", url)
        kinds = {
            f"{trap}-{suffix}.jpg": (trap, suffix)
            for trap in TRAPS
            for suffix in ("xmp", "txt", "caption.json")
        }
        for number, (name, (trap, suffix)) in enumerate(kinds.items()):
            make_trap(home.photos / f"{name}.{suffix}", trap, outside)
            (home.photos / name).write_bytes(tiny_jpeg(number))
        before = state_of(outside)
        traps = {name: identity(home.photos / f"{name}.{kinds[name][1]}") for name in kinds}
        with home.daemon():
            home.wait_for(dict.fromkeys(kinds, "captioned"))
        told = dict(home.rows("select name, reason from library"))
    assert state_of(outside) == before
    sprung = [n for n, (_, s) in kinds.items() if identity(home.photos / f"{n}.{s}") != traps[n]]
    assert sprung == []
    # a text under two names is a person's caption: taken as it is, and no XMP is made for it
    quiet = [name for name in kinds if "was left alone" not in (told[name] or "")]
    assert quiet == ["hard-link-txt.jpg"]
    sidecars = len([*home.photos.glob("*.jpg.*")])
    assert sidecars == 3 * len(kinds) - len(quiet)
    assert not [*home.photos.glob(".captiond*")]


@pytest.mark.parametrize("kind", [trap for trap in TRAPS if trap != "huge"])
def test_a_trap_that_looks_like_a_temporary_file_is_left(tmp_path, outside, kind):
    """The sweep takes plain files of its own naming, and never what a name leads to."""
    root = tmp_path / "root"
    root.mkdir()
    make_trap(root / ".captiond-00000000000000aa.tmp", kind, outside)
    for name in (".captiond-0123456789abcdef.tmp", ".captiond-fedcba9876543210.tmp"):
        (root / name).touch()
    for name in (".captiond-notes.tmp", ".captiond-0123456789ABCDEF.tmp", "captiond-0.tmp"):
        (root / name).write_text("a person's")
    is_file = kind == "hard-link"  # its other name keeps what is in it
    assert files.sweep_beneath(str(root), "") == 2 + is_file
    assert len([*root.iterdir()]) == 4 - is_file
    assert (outside / "passwd").read_text() == "root:x:0:0\n"


def test_a_private_sidecar_is_private_while_it_is_written(tmp_path):
    """What replaces a private file is never readable for others, and what is run is not written."""
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")
    target.chmod(0o4711)
    files.write_beneath(str(tmp_path), "", [Draft("a.txt", b"new", replaces=b"old")])
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_hard_link_is_replaced_and_never_written(tmp_path, outside):
    """A sidecar of captiond's that is linked to from outside: the name is new, the file is not."""
    (outside / "ours.txt").write_bytes(b"old")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.txt").hardlink_to(outside / "ours.txt")
    files.write_beneath(str(root), "", [Draft("a.txt", b"new", replaces=b"old")])
    assert ((root / "a.txt").read_bytes(), (outside / "ours.txt").read_bytes()) == (b"new", b"old")


def test_configuration_by_link_stops_nothing_but_its_folder(tmp_path, outside):
    """A `.nomedia` that is a link, a pipe or a folder counts by its name, and is never opened."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path / "home", url)
        for number, trap in enumerate(("link", "dangling", "pipe", "folder")):
            folder = home.photos / trap
            folder.mkdir()
            make_trap(folder / ".nomedia", trap, outside)
            (folder / "a.jpg").write_bytes(tiny_jpeg(number))
        (home.photos / "good.jpg").write_bytes(tiny_jpeg(99))
        with home.daemon():
            home.wait_for({"good.jpg": "captioned"})


def test_a_photo_among_ten_thousand_traps_is_captioned_at_once(tmp_path, outside):
    """Pipes, links and folders with photos' names hold nobody up."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path / "home", url)
        for number in range(STRANGE):
            trap = ("pipe", "link", "folder", "dangling")[number % 4]
            make_trap(home.photos / f"{number:05}.jpg", trap, outside)
        with home.daemon():
            (home.photos / "good.jpg").write_bytes(tiny_jpeg(1))
            wait_until(lambda: home.states().get("good.jpg") == "captioned", seconds=10)
            wait_until(lambda: len(home.states()) == STRANGE + 1, seconds=60)
        reasons = dict(home.rows("select state, count(*) from library group by state"))
    assert reasons == {"captioned": 1, "skipped": STRANGE}


@contextmanager
def deep(root: Path, part: str, levels: int) -> Iterator[int]:
    """Make folder in folder, however long their path; give a descriptor of the innermost."""
    here = os.open(root, os.O_RDONLY)
    try:
        for _ in range(levels):
            os.mkdir(part, dir_fd=here)
            inner = os.open(part, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)
        subprocess.run(["rm", "-rf", "--", root / part], check=True)


def test_a_tree_of_a_thousand_levels_is_walked_and_an_endless_one_left(tmp_path):
    """Paths as long as the kernel takes are captioned; longer ones are told once, and no trap."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path / "home", url)
        with deep(home.photos, "d", 1200) as bottom, deep(home.photos, "n" * 200, 100) as beyond:
            for number, folder in enumerate((bottom, beyond)):
                fd = os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
                os.write(fd, tiny_jpeg(number))
                os.close(fd)
            (home.photos / "good.jpg").write_bytes(tiny_jpeg(9))
            with home.daemon() as daemon:
                home.wait_for({"good.jpg": "captioned", "d/" * 1200 + "a.jpg": "captioned"})
                (home.photos / "next.jpg").write_bytes(tiny_jpeg(10))
                wait_until(lambda: home.states().get("next.jpg") == "captioned")
                assert daemon.poll() is None
            os.stat("a.jpg.xmp", dir_fd=bottom)
            with pytest.raises(FileNotFoundError):
                os.stat("a.jpg.xmp", dir_fd=beyond)
            checked = home.run("doctor", "--offline", check=False)
    assert home.log.read_text().count('"folder.unreadable"') == 1
    assert "Traceback" not in home.log.read_text() + checked.stderr


def test_a_foreign_temporary_is_no_sidecar(tmp_path, outside):
    """A name that nobody can guess: what a stranger made before is neither used nor followed."""
    for number in range(256):
        (tmp_path / f".captiond-{number:016x}.tmp").symlink_to(outside / "passwd")
    files.write_beneath(str(tmp_path), "", [Draft("a.txt", b"new")])
    make_trap(tmp_path / "b.txt", "link", outside)
    with pytest.raises(SidecarForeign):
        files.write_beneath(str(tmp_path), "", [Draft("b.txt", b"new")])
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert (outside / "passwd").read_text() == "root:x:0:0\n"
