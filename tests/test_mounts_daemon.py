"""Disks that come and go beneath a running daemon, with real mounts in a namespace of their own."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from daemon_helpers import counters, wait_until
from mounts_helpers import UNMOUNT, Stage, all_are, fill, named, needs_mounts, stage

pytestmark = needs_mounts

SECONDS = 10.0
"""What happens to mounts is noticed within a few seconds; the machine may be busy."""

LIBRARY, MORE = named("a", 20), named("b", 8)
ARRIVAL = 0


def drop_gives_an_event(here: Stage, path: str) -> None:
    """Drop a photo and see that its event found it: only then it goes before the backlog.

    One that the scan after a change was quicker to find is written anew: no scan comes for that.
    """
    target = here.photos / path
    for number in range(1000, 1003):
        fill(target.parent, [target.name], first=number)
        wait_until(lambda: is_captioned(here, target), seconds=SECONDS, what=path)
        if here.home.rows("select lane from photos where name = ?", target.name) == [(ARRIVAL,)]:
            return
    raise AssertionError(f"only scans found {path}")


def found(here: Stage) -> tuple[int, int]:
    """Return how many files `status` says were found by event, and by scan."""
    daemon = json.loads(here.home.run("status", "--json").stdout)["daemon"]
    return daemon["found_by_event"], daemon["found_by_scan"]


def is_captioned(here: Stage, photo: Path) -> bool:
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    query = "select 1 from photos where name = ? and digest = ? and state = 'captioned'"
    return bool(here.home.rows(query, photo.name, digest))


@pytest.mark.parametrize(
    "options",
    [(), pytest.param(("--lazy",), marks=pytest.mark.soak)],
    ids=["unmounted", "lazily"],
)
def test_a_root_that_comes_again(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Its photos are kept, those that came meanwhile are found, new ones give events."""
    with stage(tmp_path) as here:
        disk = here.disk("A")
        fill(disk, LIBRARY)
        fill(here.home.photos, ["stray.jpg"], first=900)
        here.bind("A")
        with here.home.daemon():
            here.home.wait_for(all_are("captioned", LIBRARY))
            here.unmount(None, *options)
            here.home.wait_for(all_are("captioned", LIBRARY, ["stray.jpg"]), seconds=SECONDS)
            wait_until(lambda: here.told("photos.kept") == 1, seconds=SECONDS)
            assert here.told("root.other_disk") == 1
            fill(disk, MORE, first=100)
            here.bind("A")
            expected = all_are("captioned", LIBRARY, MORE) | {"stray.jpg": "missing"}
            here.home.wait_for(expected, seconds=SECONDS)
            assert counters(here.url)["requests"] == len(LIBRARY) + len(MORE) + 1
            drop_gives_an_event(here, "new.jpg")


def test_a_disk_that_is_not_there_at_the_start(tmp_path: Path) -> None:
    """A bare mount point with a stray photo empties nothing; the disk is known when it comes."""
    with stage(tmp_path) as here:
        disk = here.disk("A")
        fill(disk, LIBRARY)
        here.bind("A")
        with here.home.daemon():
            here.home.wait_for(all_are("captioned", LIBRARY))
        here.unmount()
        fill(here.home.photos, ["stray.jpg"], first=900)
        with here.home.daemon():
            here.home.wait_for(all_are("captioned", LIBRARY, ["stray.jpg"]))
            wait_until(lambda: here.told("photos.kept") == 1, seconds=SECONDS)
            assert here.told("root.other_disk") == 1
            (disk / LIBRARY[0]).unlink()
            here.bind("A")
            gone = {"stray.jpg": "missing", LIBRARY[0]: "missing"}
            here.home.wait_for(all_are("captioned", LIBRARY) | gone, seconds=SECONDS)
            drop_gives_an_event(here, "new.jpg")


@pytest.mark.parametrize("options", [(), ("--lazy",)], ids=["unmounted", "lazily"])
def test_a_disk_mounted_inside_the_root(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Its photos are found and new ones give events; when it goes they are kept; it may return."""
    with stage(tmp_path) as here:
        fill(here.home.photos, LIBRARY)
        usb = here.home.photos / "2024/usb"
        usb.mkdir(parents=True)
        disk = here.disk("B")
        fill(disk / "trip", MORE, first=100)
        expected = all_are("captioned", LIBRARY)
        with here.home.daemon():
            here.home.wait_for(expected)
            here.bind("B", usb)
            expected |= all_are("captioned", MORE, beneath="2024/usb/trip/")
            here.home.wait_for(expected, seconds=SECONDS)
            drop_gives_an_event(here, "2024/usb/trip/new.jpg")
            here.unmount(usb, *options)
            wait_until(lambda: here.told("photos.kept") == 1, seconds=SECONDS)
            expected["2024/usb/trip/new.jpg"] = "captioned"
            assert here.home.states() == expected
            (disk / "trip" / MORE[0]).unlink()
            here.bind("B", usb)
            expected[f"2024/usb/trip/{MORE[0]}"] = "missing"
            here.home.wait_for(expected, seconds=SECONDS)
            drop_gives_an_event(here, "2024/usb/trip/newer.jpg")
            wait_until(lambda: min(found(here)) >= 2, seconds=SECONDS, what="a heartbeat")


@pytest.mark.parametrize("beneath", ["", "usb/"], ids=["the root", "inside"])
def test_a_disk_that_is_away_for_a_moment(tmp_path: Path, beneath: str) -> None:
    """The mount table reads as before, but the kernel's watches are gone: they are made anew."""
    with stage(tmp_path) as here:
        point = here.home.photos / beneath
        point.mkdir(exist_ok=True)
        fill(here.home.photos, ["first.jpg"])
        layers = here.disk("layers")
        for layer in ("upper", "lower", "work"):
            (layers / layer).mkdir()
        fill(layers / "upper", LIBRARY, first=100)
        # an overlay, as a bind mount that goes leaves its file system, and the watches, alive
        mount = 'mount -t overlay -o "lowerdir=lower,upperdir=upper,workdir=work" overlay "$1"'
        enter, at = 'cd "$2"; ', (point, here.home.path / "disks/layers")
        here.space.shell(enter + mount, *at)
        with here.home.daemon():
            known = all_are("captioned", LIBRARY, beneath=beneath)
            wait_until(lambda: here.home.states().items() >= known.items(), seconds=SECONDS)
            here.space.shell(
                f'{enter} {UNMOUNT} "$1"; cp upper/a0.jpg upper/late.jpg; {mount}', *at
            )
            known[f"{beneath}late.jpg"] = "captioned"
            wait_until(lambda: here.home.states().items() >= known.items(), seconds=SECONDS)
            drop_gives_an_event(here, f"{beneath}new.jpg")


def test_another_disk_mounted_over_the_root(tmp_path: Path) -> None:
    """A disk with other photos gives its own and takes none; beneath it all is as it was."""
    with stage(tmp_path) as here:
        fill(here.disk("A"), LIBRARY)
        fill(here.disk("B"), MORE, first=100)
        here.bind("A")
        with here.home.daemon():
            here.home.wait_for(all_are("captioned", LIBRARY))
            here.bind("B")
            here.home.wait_for(all_are("captioned", LIBRARY, MORE), seconds=SECONDS)
            wait_until(lambda: here.told("photos.kept") == 1, seconds=SECONDS)
            here.unmount()
            expected = all_are("captioned", LIBRARY) | all_are("missing", MORE)
            here.home.wait_for(expected, seconds=SECONDS)
            drop_gives_an_event(here, "new.jpg")


def test_the_library_on_a_new_disk(tmp_path: Path) -> None:
    """A disk with most of the photos is the library: it is trusted, what it lacks is missing."""
    with stage(tmp_path) as here:
        old, new = here.disk("A"), here.disk("B")
        fill(old, LIBRARY)
        here.bind("A")
        with here.home.daemon():
            here.home.wait_for(all_are("captioned", LIBRARY))
            for name in LIBRARY[5:]:
                shutil.copy(old / name, new / name)
            here.unmount()
            here.bind("B")
            left_out = all_are("missing", LIBRARY[:5])
            here.home.wait_for(all_are("captioned", LIBRARY) | left_out, seconds=SECONDS)
        assert here.told("root.other_disk") == 0
        assert counters(here.url)["requests"] == len(LIBRARY)


@pytest.mark.skipif(
    not (shutil.which("bindfs") and Path("/dev/fuse").exists()),
    reason="FUSE NEEDS bindfs AND /dev/fuse: NOT TESTED HERE",
)
@pytest.mark.parametrize(
    "seconds", [None, pytest.param(75.0, marks=pytest.mark.soak)], ids=["told", "waited for"]
)
def test_a_fuse_mount_is_polled_without_being_told(tmp_path: Path, seconds: float | None) -> None:
    """Mounted inside the root at run time it is scanned, and each minute from then on."""
    with stage(tmp_path) as here:
        fill(here.home.photos, LIBRARY)
        remote, point = here.disk("remote"), here.home.photos / "nas"
        point.mkdir()
        fill(remote, MORE, first=100)
        with here.home.daemon():
            here.home.wait_for(all_are("captioned", LIBRARY))
            assert here.told("root.polled") == 0
            here.space.run("bindfs", here.home.path / "disks/remote", point)
            expected = all_are("captioned", LIBRARY) | all_are("captioned", MORE, beneath="nas/")
            here.home.wait_for(expected, seconds=SECONDS)
            assert here.told("root.polled") == 1
            if seconds is not None:
                fill(remote, ["by another machine.jpg"], first=900)
                expected["nas/by another machine.jpg"] = "captioned"
                here.home.wait_for(expected, seconds=seconds)
        here.unmount(point)
