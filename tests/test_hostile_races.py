"""Names swapped while captiond works: nothing from outside is seen, nothing is left there."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from daemon_helpers import Home, wait_until
from hostile_helpers import coloured, middle_colour, serving, state_of, swapping

from captiond.disk import files, photofile
from captiond.disk.files import Draft
from captiond.errors import NotAPhoto, PhotoVanished, SidecarError, SidecarForeign
from captiond.intake.folder import WatchedFolder
from captiond.intake.listing import list_folder
from captiond.intake.look import look
from captiond.models import Photo

ROUNDS = [3_000, pytest.param(300_000, marks=pytest.mark.soak)]
WRITES = [300, pytest.param(20_000, marks=pytest.mark.soak)]
TEMPORARY = ".captiond-0123456789abcdef.tmp"
MINE = b"mine"


@pytest.fixture
def stage(tmp_path: Path) -> tuple[Path, Path]:
    """Make a drop folder with a folder in it, and another outside with the same names and more."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, words in ((root / "swap/in", MINE), (outside / "in", b"secret, and longer")):
        folder.mkdir(parents=True)
        for name in ("a.jpg", "a.jpg.txt", TEMPORARY):
            (folder / name).write_bytes(words)
    (outside / "in/secret.jpg").write_bytes(b"secret")
    (root / "link").symlink_to(outside)
    return root, outside


@pytest.mark.parametrize("rounds", ROUNDS)
def test_no_folder_is_read_that_a_link_leads_to(stage, rounds):
    """A folder on the way is swapped for a link: lists, looks and photos are mine, or none."""
    root, outside = stage
    mine = photofile.signature_of((root / "swap/in/a.jpg").stat())
    watched, before, met = WatchedFolder(root=str(root)), state_of(outside), Counter()
    with swapping(root / "swap", root / "link") as swaps:
        for _ in range(rounds):
            with suppress(FileNotFoundError):
                listing = list_folder(watched, "swap/in")
                assert listing is not None
                assert [(name, size) for name, size, _ in listing.photos] == [("a.jpg", 4)]
                met["listed"] += 1
            ((seen, *_),) = look(str(root), "swap/in", ["a.jpg"])
            assert seen in (None, mine)
            met["seen" if seen else "unseen"] += 1
            met[opened(Photo(str(root), "swap/in/a.jpg"))] += 1
    assert swaps[0] > rounds
    assert min(met[what] for what in ("listed", "seen", "unseen", "opened", "vanished")) > 0, met
    assert state_of(outside) == before


def opened(photo: Photo) -> str:
    """Open a photo and see that it is mine; return what became of it."""
    try:
        with photofile.open_beneath(photo) as found:
            assert os.pread(found.fd, 100, 0) == MINE
    except PhotoVanished:
        return "vanished"
    except NotAPhoto:
        return "refused"
    return "opened"


@pytest.mark.parametrize("rounds", ROUNDS)
def test_no_photo_is_read_that_is_swapped_for_a_link_or_a_pipe(stage, rounds):
    """The photo itself is swapped: its own bytes are read, or it is refused; nothing waits."""
    root, outside = stage
    folder, met = root / "swap/in", Counter()
    (folder / "link").symlink_to(outside / "in/secret.jpg")
    os.mkfifo(folder / "pipe")
    for other in ("link", "pipe"):
        with swapping(folder / "a.jpg", folder / other):
            for _ in range(rounds // 2):
                met[opened(Photo(str(root), "swap/in/a.jpg"))] += 1
    assert min(met["opened"], met["refused"]) > 0, met


@pytest.mark.parametrize("rounds", ROUNDS)
def test_no_sidecar_is_read_that_is_swapped_for_a_link_or_a_pipe(stage, rounds):
    """The sidecar is swapped: its own bytes are read, or it is foreign; nothing waits."""
    root, outside = stage
    folder, met = root / "swap/in", Counter()
    (folder / "link").symlink_to(outside / "in/a.jpg.txt")
    os.mkfifo(folder / "pipe")
    for other in ("link", "pipe"):
        with swapping(folder / "a.jpg.txt", folder / other):
            for _ in range(rounds // 2):
                try:
                    read = files.read_beneath(str(root), "swap/in", "a.jpg.txt", limit_bytes=100)
                except SidecarError as error:
                    met["foreign" if isinstance(error, SidecarForeign) else "later"] += 1
                else:
                    assert read == MINE
                    met["read"] += 1
    assert min(met["read"], met["foreign"]) > 0, met


@pytest.mark.parametrize("rounds", WRITES)
def test_nothing_is_written_or_swept_outside(stage, rounds):
    """Sidecars and temporary files: written and removed in my folder, or not at all."""
    root, outside = stage
    inside, before, met = os.open(root / "swap/in", os.O_RDONLY), state_of(outside), Counter()
    with swapping(root / "swap", root / "link"):
        for number in range(rounds):
            draft = Draft(f"{number}.txt", MINE)
            try:
                files.write_beneath(str(root), "swap/in", [draft])
                met["written"] += 1
            except SidecarError:
                met["refused"] += 1
            for _ in range(10):
                with suppress(SidecarError):
                    met["swept"] += files.sweep_beneath(str(root), "swap/in")
                os.close(os.open(TEMPORARY, os.O_CREAT | os.O_WRONLY, dir_fd=inside))
    os.close(inside)
    assert min(met["written"], met["refused"], met["swept"]) > 0, met
    assert len(list((root / "swap/in").glob("[0-9]*.txt"))) == met["written"]
    assert state_of(outside) == before


def blueish(number: int) -> bytes:
    return coloured((number % 64, number // 64, 255))


def reddish(number: int) -> bytes:
    return coloured((255, number // 64, number % 64))


@pytest.mark.parametrize("photos", [24, pytest.param(2_000, marks=pytest.mark.soak)])
def test_the_daemon_among_swaps_never_leaves_its_root(tmp_path, photos):
    """While folders are links half of the time: only my pictures are sent, all end captioned."""
    outside = tmp_path / "outside"
    with serving(keep=10 * photos) as server:
        home = Home(tmp_path / "home", server.base_url, sidecars=("xmp", "txt"))
        inside = home.photos / "swap/in"
        for folder, picture in ((inside, blueish), (outside / "in", reddish)):
            folder.mkdir(parents=True)
            for number in range(photos):
                (folder / f"{number}.jpg").write_bytes(picture(number))
        (outside / "in/secret.jpg").write_bytes(reddish(photos))
        (home.photos / "link").symlink_to(outside)
        before = state_of(outside)
        with home.daemon() as daemon:
            with swapping(home.photos / "swap", home.photos / "link") as swaps:
                for number in range(5):
                    (home.photos / f"{number}.jpg").write_bytes(blueish(photos + number))
                    wait_until(lambda n=number: home.states().get(f"{n}.jpg") == "captioned")
            for path in (home.photos / "swap/in").glob("*.jpg"):
                path.touch()  # the stranger has gone; an event of each of what he kept away
            mine = {f"swap/in/{number}.jpg": "captioned" for number in range(photos)}
            top = {f"{number}.jpg": "captioned" for number in range(5)}
            wait_until(lambda: mine.items() | top.items() <= home.states().items(), seconds=90)
            assert daemon.poll() is None
        sent = [middle_colour(request.image) for request in server.received]
        known = "\n".join(path for (path,) in home.rows("select path from library"))
    assert swaps[0] > 100
    assert {colour for colour in sent if colour[0] > 128} == set()
    assert "secret" not in known + home.log.read_text()
    assert "Traceback" not in home.log.read_text()
    assert state_of(outside) == before
