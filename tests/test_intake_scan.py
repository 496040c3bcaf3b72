"""Where a folder tree differs from the index."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_helpers import Recorder, intake, watched_folder, write_photo
from structlog.testing import capture_logs

from captiond.disk import files
from captiond.index.folders_base import KnownFile
from captiond.intake.added import topmost
from captiond.intake.attend import ScanTotals, scan_interval, scan_once
from captiond.intake.filters import Filter
from captiond.intake.listing import Listing, absent, differing, digest_of
from captiond.intake.mounts import parse_mountinfo
from captiond.intake.scan import Step, scan
from captiond.intake.settler import Settler, Tally
from captiond.models import Lane, State


async def scanned(index: Recorder, root: Path, **changes: object) -> ScanTotals:
    return await scan_once(intake(index, watched_folder(root, **changes)))


def step_of(root: Path, index: Recorder, beneath: str = "") -> Step:
    """Scan and put all steps into one."""
    whole = Step()
    for step in scan(watched_folder(root), index.folder_view(), beneath):
        whole.hints += step.hints
        whole.agreed += step.agreed
        whole.unreadable += step.unreadable
        whole.photos += step.photos
    return whole


async def test_one_pass_tells_what_it_came_to(tmp_path: Path):
    """A pass over a root returns how many photos lie there, are due, skipped and gone."""
    index = Recorder()
    for name in ("a.jpg", "b/c.png", "b/notes.txt", "gone.jpg"):
        write_photo(tmp_path / name)
    (tmp_path / "empty.gif").touch()
    assert await scanned(index, tmp_path) == ScanTotals(seen=4, due=3, skipped=1, gone=0)
    (tmp_path / "gone.jpg").unlink()
    assert await scanned(index, tmp_path) == ScanTotals(seen=3, due=0, skipped=0, gone=1)
    assert index.paths() == {"a.jpg", "b/c.png"}
    assert index.views == 0


async def test_a_scan_of_an_unchanged_root_asks_for_digests_only(tmp_path: Path):
    """Where the index agrees the digest is saved, and the next scan gives no hints."""
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "b/c.jpg")
    index = Recorder()
    await scanned(index, tmp_path)
    assert {d.folder for d in step_of(tmp_path, index).agreed} == {"", "b"}
    await scanned(index, tmp_path)
    assert (step_of(tmp_path, index).hints, step_of(tmp_path, index).agreed) == ([], [])


async def test_every_kind_of_difference_is_a_hint(tmp_path: Path):
    """New, rewritten, touched, returned and deleted photos are hinted at, others are not."""
    index, names = Recorder(), ("same", "grown", "touched", "back", "deleted")
    for name in names:
        write_photo(tmp_path / f"{name}.jpg")
    await scanned(index, tmp_path)
    (back,) = (photo for photo in index.rows if photo.name == "back.jpg")
    await index.gone([back], now=0)
    write_photo(tmp_path / "grown.jpg", b"a longer photo")
    os.utime(tmp_path / "touched.jpg", ns=(1, 1))
    (tmp_path / "deleted.jpg").unlink()
    write_photo(tmp_path / "new.jpg")
    hints = {"grown.jpg", "touched.jpg", "back.jpg", "deleted.jpg", "new.jpg"}
    assert set(step_of(tmp_path, index).hints) == hints


async def test_changed_rules_make_the_scan_look_again(tmp_path: Path):
    """A photo that the filter lets through since yesterday is found though nothing changed."""
    write_photo(tmp_path / "draft.jpg")
    write_photo(tmp_path / "a.jpg")
    index = Recorder()
    for _ in range(2):
        await scanned(index, tmp_path, filter=Filter(("draft*",)))
    assert index.paths() == {"a.jpg"}
    await scanned(index, tmp_path)
    assert index.paths() == {"a.jpg", "draft.jpg"}


async def test_what_the_rules_refuse_since_is_left_as_it_is(tmp_path: Path):
    """A photo that is ignored now but still lies there is not called gone; a deleted one is."""
    for name in ("a.jpg", "draft.jpg", "draft2.jpg", "private/b.jpg"):
        write_photo(tmp_path / name)
    index = Recorder()
    await scanned(index, tmp_path)
    (tmp_path / "draft2.jpg").unlink()
    await scanned(index, tmp_path, filter=Filter(("draft*", "private")))
    assert index.paths(State.MISSING) == {"draft2.jpg"}


async def test_vanished_folders_give_hints(tmp_path: Path):
    """A folder that is gone, or that a file took the place of, leaves its photos missing."""
    for name in ("a.jpg", "gone/deep/b.jpg", "gone/c.jpg", "file/d.jpg"):
        write_photo(tmp_path / name)
    index = Recorder()
    await scanned(index, tmp_path)
    shutil.rmtree(tmp_path / "gone")
    shutil.rmtree(tmp_path / "file")
    (tmp_path / "file").touch()
    assert set(step_of(tmp_path, index, "gone").hints) == {"gone/deep/b.jpg", "gone/c.jpg"}
    assert (await scanned(index, tmp_path)).gone == 3
    assert index.paths() == {"a.jpg"}


@pytest.mark.parametrize("stray", [None, "not mounted.txt"])
async def test_a_disk_that_is_not_mounted_loses_nothing(tmp_path: Path, stray: str | None):
    """A bare mount point, with a stray file in it or without, concludes nothing."""
    root, index = tmp_path / "root", Recorder()
    write_photo(root / "a.jpg")
    write_photo(root / "b/c.jpg")
    await scanned(index, root)
    shutil.rmtree(root)
    assert (await scanned(index, root)).gone == 0
    root.mkdir()
    if stray:
        (root / stray).touch()
    assert (await scanned(index, root)).gone == 0
    assert index.paths() == {"a.jpg", "b/c.jpg"}


async def test_nomedia_stops_a_folder_and_all_below(tmp_path: Path):
    """A folder with .nomedia and the ones below it are not looked into."""
    for name in ("a.jpg", "b/.nomedia", "b/c.jpg", "b/d/e.jpg", "@eaDir/f.jpg", ".g/h.jpg"):
        write_photo(tmp_path / name)
    index = Recorder()
    await scanned(index, tmp_path)
    assert index.paths() == {"a.jpg"}


async def test_links_are_not_followed(tmp_path: Path):
    """A linked folder is not entered, also where it would never end."""
    write_photo(tmp_path / "a/b.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    index = Recorder()
    await scanned(index, tmp_path)
    assert index.paths() == {"a/b.jpg"}


async def test_an_unreadable_folder_is_told_and_concludes_nothing(tmp_path: Path):
    """A folder that cannot be read is one warning, its photos stay, the scan goes on."""
    deep = "/".join(["d" * 200] * 25)
    index, root = Recorder(), str(tmp_path)
    write_photo(tmp_path / "a.jpg")
    here = os.open(tmp_path, os.O_RDONLY)
    for name in deep.split("/"):  # a path longer than the kernel takes cannot be listed, by anyone
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    with capture_logs() as logs:
        await scanned(index, tmp_path)
    shutil.rmtree(tmp_path / ("d" * 200))
    (warning,) = (line for line in logs if line["log_level"] == "warning")
    assert warning["event"] == "folder.unreadable"
    assert warning["path"].startswith(root)
    assert index.paths() == {"a.jpg"}


async def test_a_large_folder_is_offered_whole(tmp_path: Path):
    """A folder with more photos than go through in one step loses none of them."""
    for number in range(5000):
        write_photo(tmp_path / f"{number}.jpg", b"x")
    index = Recorder()
    assert (await scanned(index, tmp_path)).due == 5000


async def test_there_is_room_again_when_photos_have_settled(tmp_path: Path):
    """Whoever asks for room waits until enough photos have settled."""
    for number in range(10):
        write_photo(tmp_path / f"{number}.jpg")
    index = Recorder()
    settler = Settler(
        watched_folder(tmp_path),
        index=index,
        on_due=list,
        threads=anyio.CapacityLimiter(1),
        tally=Tally(),
    )
    settler.hint([f"{number}.jpg" for number in range(10)], Lane.BACKLOG)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(settler.run)
        await settler.room(5)
        assert len(index.paths()) > 5
        settler.close()


async def test_a_scan_is_cancelled_promptly(tmp_path: Path):
    """Cancelling in the middle of a scan ends it and closes its view."""
    for number in range(2000):
        write_photo(tmp_path / f"{number % 50}" / f"{number}.jpg")
    index = Recorder()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scan_once, intake(index, watched_folder(tmp_path)))
        await index.until(lambda: bool(index.digests))
        tasks.cancel_scope.cancel()
    assert index.views == 0


NAMES = st.sampled_from(["a", "b", "c"])
STATS = st.tuples(st.integers(0, 1), st.integers(0, 1))
STATES = st.sampled_from(State)


@given(
    st.dictionaries(NAMES, STATS), st.dictionaries(NAMES, st.tuples(STATS, STATES)), st.sets(NAMES)
)
def test_a_difference_is_what_the_index_has_otherwise(files, known, others):
    """No name differs exactly when the rows that are not missing show the listing."""
    listing = Listing("", [(name, *stats) for name, stats in files.items()])
    listing.others += others - files.keys()
    rows = {name: KnownFile(*stats, state) for name, (stats, state) in known.items()}
    shown = {n: (r.size, r.mtime_ns) for n, r in rows.items() if r.state is not State.MISSING}
    shown = {n: stats for n, stats in shown.items() if n in files or n not in others}
    differences = differing(listing, rows) + absent(listing, rows)
    assert (differences == []) == (shown == files)
    assert len(differences) == len(set(differences))


@given(st.lists(st.tuples(st.text(), st.integers(), st.integers()), unique_by=lambda e: e[0]))
def test_a_digest_does_not_depend_on_the_order(entries):
    """However the disk orders a folder, the digest is the same; another entry changes it."""
    back, more = list(reversed(entries)), [*entries, ("new", 1, 1)]
    assert digest_of("f", list(entries), list(entries)) == digest_of("f", back, list(back))
    assert digest_of("f", list(entries), []) != digest_of("g", list(entries), [])
    assert digest_of("f", list(entries), []) != digest_of("f", list(more), [])
    assert digest_of("f", [], list(entries)) != digest_of("f", [], more)


def test_folders_within_others_are_walked_once():
    """Of nested folders only the outermost is walked."""
    assert topmost(["a/b", "a", "a b", "a/c/d", "e/f"]) == ["a", "a b", "e/f"]


def test_roots_without_events_are_polled(tmp_path: Path):
    """A network folder is scanned each minute, but for a tenth of the time at most."""
    (nfs,) = parse_mountinfo("36 22 0:31 / /mnt rw - nfs4 nas:/photos rw")
    folder = watched_folder(tmp_path, scan_interval_seconds=3600.0)
    assert scan_interval(folder, None, 1.0) == 3600.0
    assert scan_interval(folder, nfs, 1.0) == 60.0
    assert scan_interval(folder, nfs, 30.0) == 300.0
    assert scan_interval(replace(folder, polling="always"), None, 1.0) == 60.0
    assert scan_interval(replace(folder, polling="never"), nfs, 1.0) == 3600.0


async def test_what_a_crash_left_goes_with_a_scan(tmp_path: Path):
    """Where it could not go before, too; what is written now, or is no file of ours, stays."""
    ours = f"{files.OUR_PREFIX}01234567.tmp"
    kept = [".captiond-notes.tmp", ours, ".captiond-0123456789abcdef.jpg"]
    for name in (*kept, "deep/.captiond-0123456789abcdef.tmp", ".captiond-canary.tmp"):
        write_photo(tmp_path / name)
    (tmp_path / ".captiond-fedcba9876543210.tmp").symlink_to(kept[0])
    before = set(tmp_path.rglob("*"))
    await scan_once(intake(Recorder(), watched_folder(tmp_path)))
    assert set(tmp_path.rglob("*")) == before
    await scan_once(replace(intake(Recorder(), watched_folder(tmp_path)), writable=True))
    gone = {"deep/.captiond-0123456789abcdef.tmp", ".captiond-canary.tmp"}
    assert before - set(tmp_path.rglob("*")) == {tmp_path / name for name in gone}
