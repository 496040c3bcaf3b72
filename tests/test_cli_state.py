"""`captiond status`, `failed` and `retry`: what the queue holds and what is stuck."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from cli_helpers import PARKED, House
from daemon_helpers import PHOTOS


def house_at(path, **filled):
    house = House(path / "house")
    house.fill(**filled)
    return house


def test_status_counts_photos_and_says_that_the_daemon_runs(tmp_path):
    """A fresh sign of life of a process that is there means that it runs."""
    house = house_at(tmp_path)
    status = house.json("status")
    assert status["running"] is True
    assert status["index"] == str(house.index)
    assert status["photos"] == {
        "queued": 1,
        "inflight": 0,
        "captioned": 4,
        "failed": 3,
        "refused": 1,
        "skipped": 1,
        "missing": 0,
    }
    _, out, _ = house.run("status")
    lines = dict(line.split("\t") for line in out.splitlines())
    assert lines["daemon"].startswith("runs since 2")
    assert lines["found"] == "1,200 by event, 34 by scan since then"
    assert lines["failed"] == "3"
    assert "paused" not in lines
    daemon = status["daemon"]
    assert (daemon["found_by_event"], daemon["found_by_scan"]) == (1200, 34)


def test_status_tells_what_is_paused(tmp_path):
    """The reason and when it goes on."""
    house = house_at(tmp_path, paused="the API key is not valid")
    _, out, _ = house.run("status")
    assert "paused\tthe API key is not valid; goes on when that is put right" in out


def test_status_does_not_take_a_dead_process_for_a_running_daemon(tmp_path):
    """A daemon that was killed a moment ago does not run."""
    with subprocess.Popen(["true"]) as gone:
        pass
    house = house_at(tmp_path, pid=gone.pid)
    assert house.json("status")["running"] is False
    assert "daemon\tdoes not run; last seen " in house.run("status")[1]


def test_failed_lists_state_reason_and_path(tmp_path):
    """In a pipe a line each; JSON as objects."""
    house = house_at(tmp_path)
    _, out, err = house.run("failed")
    assert {tuple(line.split("\t")) for line in out.splitlines()} == {
        (state, reason, f"{house.photos}/{name}") for name, (state, reason) in PARKED.items()
    }
    assert err == ""
    assert {row["reason"] for row in house.json("failed")} == {why for _, why in PARKED.values()}


def test_failed_groups_by_reason_on_a_terminal(tmp_path):
    """The reason that most photos share comes first, with its count."""
    out = re.sub("\x1b\\[[0-9;]*m", "", house_at(tmp_path).on_terminal("failed", columns=200))
    headings = [line.strip() for line in out.splitlines() if re.search(r"\(\d\)", line)]
    assert headings[0] == "failed: the file is empty (2)"
    assert len(headings) == 4


def test_failed_says_when_there_is_more(tmp_path):
    """The limit is told, so that nobody takes a part for all."""
    _, out, err = house_at(tmp_path).run("failed", "--limit", "2")
    assert len(out.splitlines()) == 2
    assert err == "these are the newest 2; --limit shows more\n"


def test_retry_queues_all_that_have_no_caption(tmp_path):
    """Failed, refused and skipped photos wait again; captioned ones stay."""
    house = house_at(tmp_path)
    assert house.run("retry") == (0, "5 photos queued again\n", "")
    photos = house.json("status")["photos"]
    assert (photos["queued"], photos["captioned"], photos["failed"]) == (6, 4, 0)
    assert house.json("retry") == {"queued": 0, "downloads": 0}


def test_retry_takes_one_state_or_single_files(tmp_path):
    """`--state` and FILE narrow it, alone and together."""
    house = house_at(tmp_path)
    assert house.json("retry", "--state", "refused")["queued"] == 1
    file = house.photos / "bad/empty.jpg"
    assert house.json("retry", "--state", "skipped", file)["queued"] == 0
    assert house.run("retry", file, house.photos / "boats/red.jpg")[1] == "1 photo queued again\n"
    assert house.json("status")["photos"]["failed"] == 2


def test_retry_of_a_file_in_no_watched_folder_is_wrong_usage(tmp_path):
    """Exit 2, with the path."""
    house = house_at(tmp_path)
    code, _, err = house.run("retry", "/elsewhere/x.jpg")
    assert code == 2
    assert "/elsewhere/x.jpg lies in no watched folder" in err


def test_retry_says_when_no_daemon_will_take_them_up(tmp_path):
    """Queued photos wait for a daemon; whoever queued them is told that there is none."""
    with subprocess.Popen(["true"]) as gone:
        pass
    _, _, err = house_at(tmp_path, pid=gone.pid).run("retry")
    assert err == "no daemon runs; captiond run, or captiond scan, takes them up\n"


@pytest.mark.parametrize("verb", ["status", "failed"])
def test_tables_fit_the_terminal(tmp_path, verb):
    """No line is wider than the terminal."""
    out = house_at(tmp_path).on_terminal(verb, columns=40)
    lines = re.sub("\x1b\\[[0-9;]*m", "", out).splitlines()
    assert max(map(len, lines)) <= 40


def test_a_models_name_stays_in_one_piece(tmp_path):
    """It is copied into the configuration, from a terminal of whatever width."""
    house = house_at(tmp_path)
    house.config.write_text(house.config.read_text().replace('"offline"', '"gemini"'))
    shutil.copy(PHOTOS / "hopper.jpg", house.photos)
    rows = [line.split("\t") for line in house.run("plan")[1].splitlines()]
    names = [row[1] for row in rows if row[1:] and row[1].startswith("gemini-")]
    assert len(names) > 3
    shown = house.on_terminal("plan", columns=60)
    assert [name for name in names if name not in shown] == []
