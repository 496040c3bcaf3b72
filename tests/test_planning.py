"""What is told before anything is paid: the same that a scan then finds, and nothing is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from daemon_helpers import PHOTOS, PROGRAM, Home, clean_environment, counters, gemini
from test_end_to_end import collection

from captiond.testing.photo_maker import tiny_jpeg

NO_URL = "http://127.0.0.1:9"
NOT_SHOWN_BY_HEADERS = {"bad/truncated.jpg"}
"""Damage within shows when a photo is decoded."""
IN_PAIRS = {"DSC_0042.DNG"}
"""A raw file shares the caption of the picture beside it."""


def plan(home: Home, *arguments: str | Path):
    done = home.run("plan", "--json", *map(str, arguments), check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def standings(told) -> dict[str, int]:
    return {what: count for what, count in told["photos"].items() if count}


def reasons(told, what: str) -> dict[str, int]:
    return {one["reason"]: one["count"] for one in told["reasons"] if one["what"] == what}


def touched(folder: Path) -> list[tuple[str, int, int, int]]:
    """Return all that a write would change."""
    found = []
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found.append((str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return found


def in_namespace(*kinds: str, home: Home) -> subprocess.CompletedProcess[str]:
    """Run a plan in namespaces of these kinds."""
    prefix = ("unshare", *kinds)
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NO USER NAMESPACES HERE, NOT TESTED")
    return subprocess.run(
        [*prefix, PROGRAM, "--config", home.path / "config.toml", "plan", "--json"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
    )


def test_a_plan_and_the_scan_after_it_agree(tmp_path: Path) -> None:
    """What is new by the plan is captioned by the scan; then nothing is left.

    Headers do not show that pixels are the same, nor what a person wrote into a file.
    """
    expected = Counter(collection().values())
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url)
        home.drop(*collection())
        before = plan(home)
        assert counters(url)["requests"] == 0
        home.run("scan", check=False)
        after, asked = plan(home), counters(url)["requests"]
        *_, nothing_left = home.run("plan").stdout.splitlines()
        spent = home.rows("select sum(cost_usd), sum(input_tokens) from requests")[0]
        assert counters(url)["requests"] == asked
    new = expected["captioned"] + len(NOT_SHOWN_BY_HEADERS) - len(IN_PAIRS)
    assert standings(before) == {
        "new": new,
        "known": len(IN_PAIRS),
        "skipped": expected["skipped"],
    }
    assert before["to_caption"] == new
    assert standings(after) == dict(Counter(collection().values()))
    assert nothing_left == "0 to be captioned, which costs nothing"
    assert (after["to_caption"], after["models"][0]["usd"]["standard"]) == (0, 0)
    assert reasons(before, "skipped") == reasons(after, "skipped")
    each = before["models"][0]["input_tokens"] / before["to_caption"]
    assert each == pytest.approx(spent[1] / asked, rel=0.1)


def test_it_needs_no_key_no_network_no_index_and_writes_nothing(tmp_path: Path) -> None:
    """In a network namespace without a way out, not even loopback, all is told."""
    home = Home(tmp_path, NO_URL)
    home.drop("rocket.jpg", "cat.png")
    (home.path / "key").unlink()
    before = touched(tmp_path)
    told = json.loads(in_namespace("--user", "--map-root-user", "--net", home=home).stdout)
    assert (told["to_caption"], told["index"]) == (2, None)
    assert touched(tmp_path) == before


def test_what_has_its_caption_already_is_free(tmp_path: Path) -> None:
    """Moved, renamed, in a sidecar after the index was lost: free; changed: to be paid."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url)
        home.drop("rocket.jpg", "cat.png", "hopper.jpg")
        home.run("scan")
    (home.photos / "rocket.jpg").rename(home.photos / "moved.jpg")
    for sidecar in home.photos.glob("rocket.jpg.*"):
        sidecar.unlink()
    shutil.copyfile(PHOTOS / "china.jpg", home.photos / "hopper.jpg")
    told = plan(home)
    assert standings(told) == {"captioned": 1, "known": 1, "changed": 1}
    assert list(reasons(told, "known")) == ["moved, renamed or back: the index has its caption"]
    (home.photos / "hopper.jpg").unlink()
    shutil.rmtree(home.index.parent)
    told = plan(home)
    assert standings(told) == {"known": 1, "new": 1}
    assert "its sidecar has its caption" in next(iter(reasons(told, "known")))


def test_what_is_queued_is_told_apart_and_paid_for(tmp_path: Path) -> None:
    """A scan that found a photo and could not ask about it makes it no cheaper."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url, extra="[limits]\nusd_per_day = 0")
        home.drop("rocket.jpg")
        home.run("scan", check=False)
        assert home.states() == {"rocket.jpg": "queued"}
        told = plan(home)
    assert standings(told) == {"waiting": 1}
    assert told["to_caption"] == 1
    assert told["caps"] == [{"cap": "usd_per_day", "usd": 0.0, "periods": None}]


def test_what_is_left_out_is_told_with_a_reason_and_an_example(tmp_path: Path) -> None:
    """Each reason has a count and a path; a bomb is known by its header."""
    home = Home(tmp_path, NO_URL, extra="[images]\nmax_megapixels = 1")
    config = home.path / "config.toml"
    config.write_text(config.read_text().replace("[watch]", '[watch]\nignore = ["*raw*"]'))
    home.drop("rocket.jpg", "bad/html.png", "bad/zero.jpg", "IMG_0001.MOV")
    shutil.copyfile(home.photos / "rocket.jpg", home.photos / "raw.jpg")
    (home.photos / "link.jpg").symlink_to("rocket.jpg")
    (home.photos / ".hidden.jpg").write_bytes(b"")
    (home.photos / "closed").mkdir()
    (home.photos / "closed" / ".nomedia").touch()
    (home.photos / "closed" / "a.jpg").write_bytes(tiny_jpeg(1))
    (home.photos / "@eaDir").mkdir()
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (20_000).to_bytes(4, "big") * 2 + bytes(50)
    (home.photos / "bomb.png").write_bytes(bomb)
    (home.photos / os.fsdecode(b"caf\xe9.jpg")).write_bytes(tiny_jpeg(2))
    told = plan(home)
    assert standings(told) == {"new": 1, "skipped": 4, "too_large": 1}
    assert reasons(told, "too_large") == {"over images.max_megapixels = 1": 1}
    assert reasons(told, "skipped") == {
        "not a plain file but a link, and links are not followed": 1,
        "empty file": 1,
        "the file name is not UTF-8; rename it to have it captioned": 1,
        "not an image: the file starts like HTML text": 1,
    }
    assert reasons(told, "passed_over") == {
        "a folder that is not entered": 1,
        "a folder with a file .nomedia in it": 1,
        "hidden": 1,
        "ignored: [watch] ignore": 1,
        "no photo by its name": 1,
    }
    link = next(one for one in told["reasons"] if "link" in one["reason"])
    assert link["example"] == str(home.photos / "link.jpg")


def test_the_raw_file_of_a_pair_is_free(tmp_path: Path) -> None:
    """The picture beside it is asked about for both; a raw file alone is paid for."""
    home = Home(tmp_path, NO_URL)
    home.drop("DSC_0042.DNG", "DSC_0042.JPG")
    shutil.copyfile(home.photos / "DSC_0042.DNG", home.photos / "alone.dng")
    told = plan(home)
    assert standings(told) == {"new": 2, "known": 1}
    assert reasons(told, "known") == {"it shares a caption with the picture of its name": 1}


def test_a_folder_may_be_any_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Watched, beneath, elsewhere; what is wrong with one keeps no other from being told."""
    home = Home(tmp_path, NO_URL)
    home.drop("rocket.jpg", "cat.png")
    shutil.copytree(home.photos, tmp_path / "copy")
    shutil.copytree(home.photos, home.photos / ".trash")
    (tmp_path / "copy").rename(home.photos / "2026")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.jpg").write_bytes(tiny_jpeg(1))
    wanted = [
        home.photos / "2026",
        elsewhere,
        tmp_path / "gone",
        home.photos / ".trash",
        home.index,
    ]
    done = home.run("plan", "--json", *map(str, wanted), check=False)
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(one["path"], one["watched"], one["to_caption"]) for one in told["folders"]] == [
        (str(home.photos / "2026"), True, 2),
        (str(elsewhere), False, 1),
    ]
    assert done.stderr.splitlines() == [
        f"{tmp_path / 'gone'} does not exist",
        f"{home.photos / '.trash'} is left out by the rules of the watched folder {home.photos}",
        f"{home.index} does not exist",
    ]
    twice = plan(home, home.photos, home.photos / "2026", home.photos)
    assert (len(twice["folders"]), twice["to_caption"]) == (1, 4)


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    """Neither a folder nor a photo without permission ends the plan."""
    home = Home(tmp_path, NO_URL)
    home.drop("rocket.jpg", "cat.png", "bad/zero.jpg")
    closed = (home.photos / "cat.png", home.photos / "bad")
    for path in closed:
        path.chmod(0)
    done = in_namespace("--user", home=home)
    for path in closed:
        path.chmod(0o755)
    told = json.loads(done.stdout)
    assert standings(told) == {"new": 1, "unreadable": 1}
    assert reasons(told, "unreadable") == {"the file cannot be read: Permission denied": 1}
    assert reasons(told, "passed_over") == {"a folder that cannot be read: Permission denied": 1}
