"""The rules in force in a folder: inherited downward, read beneath the root, remembered."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from daemon_helpers import wait_until
from hypothesis import given, settings
from hypothesis import strategies as st
from rules_helpers import nested, write_rules

from captiond.errors import RulesBroken
from captiond.rules.base import RULES_FILE, InForce, Rules, inherited
from captiond.rules.reading import MOST_PATTERNS
from captiond.rules.tree import REMEMBERED, RuleTree

CHAINS = st.lists(
    st.builds(
        Rules,
        language=st.sampled_from([None, "de", "fr"]),
        prompt=st.sampled_from([None, "", "Name the boats."]),
        context=st.sampled_from([None, True, False]),
        vocabulary=st.sampled_from([None, (), ("boat",)]),
        sidecars=st.sampled_from([None, (), ("txt",)]),
        private=st.sampled_from([None, True, False]),
        existing=st.sampled_from([None, "adopt", "add"]),
    ),
    max_size=6,
)


@given(CHAINS)
@settings(max_examples=300)
def test_the_nearest_file_wins_and_what_is_kept_back_stays_so(chain: list[Rules]):
    """Key by key, as if each were looked for from the folder upward."""
    held = Rules()
    for rules in chain:
        held = inherited(held, rules)
    for key in ("language", "prompt", "vocabulary", "sidecars", "existing"):
        said = [getattr(rules, key) for rules in reversed(chain)]
        assert getattr(held, key) == next((one for one in said if one is not None), None)
    assert bool(held.private) is any(rules.private for rules in chain)
    assert (held.context is False) is any(rules.context is False for rules in chain)


def test_rules_are_inherited_from_the_root_down(tmp_path: Path):
    """A folder without a file has what holds above; patterns add up, each beneath its folder."""
    write_rules(tmp_path, 'language = "de"\nignore = ["*.png"]')
    write_rules(tmp_path / "a" / "b", 'prompt = "Boats."\nignore = ["raw/*"]')
    found = RuleTree().at(str(tmp_path), "a/b/c")
    assert found == RuleTree().at(str(tmp_path), "a/b")
    (tmp_path / "a" / "b" / "c").mkdir()
    found = RuleTree().at(str(tmp_path), "a/b/c")
    assert found.rules == Rules(language="de", prompt="Boats.")
    assert [path for path, _ in found.files] == [
        f"{tmp_path}/{RULES_FILE}",
        f"{tmp_path}/a/b/{RULES_FILE}",
    ]
    assert found.ignored.match("a/b/c", "x.png")
    assert found.ignored.match("a/b/raw", "x.jpg")
    assert not found.ignored.match("raw", "x.jpg")
    assert RuleTree().at(str(tmp_path), "other") == RuleTree().at(str(tmp_path), "")


@pytest.mark.parametrize("closing", ["nomedia", "ignore", "pattern"])
def test_a_closed_folder_is_closed_with_all_below(tmp_path: Path, closing):
    """Nothing below opens it again, but what is kept back below is known all the same."""
    write_rules(tmp_path / "a" / "b", "ignore = false\nprivate = true")
    if closing == "nomedia":
        (tmp_path / "a" / ".nomedia").touch()
    else:
        where = tmp_path / "a" if closing == "ignore" else tmp_path
        write_rules(where, "ignore = true" if closing == "ignore" else 'ignore = ["a"]')
    tree = RuleTree()
    assert not tree.at(str(tmp_path), "").closed
    assert tree.at(str(tmp_path), "a").closed
    assert tree.at(str(tmp_path), "a/b").closed
    assert tree.at(str(tmp_path), "a/b").rules.private


def test_an_edit_holds_at_once(tmp_path: Path):
    """Also one of the same size within the same moment, which looks like the file before."""
    tree, file = RuleTree(), tmp_path / RULES_FILE
    for number in range(400):
        language = "de" if number % 2 else "fr"
        file.write_text(f'language = "{language}"')
        assert tree.at(str(tmp_path), "").rules.language == language
    file.unlink()
    assert tree.at(str(tmp_path), "") == InForce()


def test_a_file_that_is_being_written_holds_nobody_to_it(tmp_path: Path):
    """An editor empties a file before it fills it: a photo waits a second until it is finished."""
    file, tree = write_rules(tmp_path, ""), RuleTree()
    with pytest.raises(RulesBroken, match="is being written") as refused:
        tree.at(str(tmp_path), "", finished=True)
    assert refused.value.again_seconds == 1.0
    assert tree.at(str(tmp_path), "") is not None
    wait_until(lambda: time.time() - file.stat().st_ctime > 1.0, seconds=5)
    assert tree.at(str(tmp_path), "", finished=True).files


@pytest.mark.parametrize("kind", ["pipe", "link", "broken link", "folder", "socket", "device"])
def test_what_is_no_plain_file_is_broken_and_not_opened(tmp_path: Path, kind):
    """A link to a whole file, too: nobody has captiond read what lies elsewhere."""
    target = write_rules(tmp_path / "elsewhere", 'language = "de"')
    root = tmp_path / "root"
    root.mkdir()
    at = root / RULES_FILE
    if kind == "pipe":
        os.mkfifo(at)
    elif kind == "folder":
        at.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(root):
            made.bind(RULES_FILE)
    elif kind == "device":
        try:
            os.mknod(at, 0o600 | 0o020000, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root makes devices")
    else:
        at.symlink_to(target if kind == "link" else "nowhere")
    with pytest.raises(RulesBroken, match=f"^{at}: is not a plain file but a") as refused:
        RuleTree().at(str(root), "")
    assert refused.value.path == str(at)


def test_a_folder_that_is_a_link_leads_to_no_rules(tmp_path: Path):
    """What lies behind it is not beneath the root."""
    write_rules(tmp_path / "elsewhere", 'language = "de"')
    write_rules(tmp_path / "root", 'prompt = "Here."')
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    for folder in ("link", "gone", "../elsewhere", ".."):
        found = RuleTree().at(str(tmp_path / "root"), folder)
        assert found.rules == Rules(prompt="Here.")


def test_a_file_that_may_not_be_read_is_broken(tmp_path: Path):
    """For a user who may not read it; root may read everything."""
    file = write_rules(tmp_path, 'language = "de"')
    tmp_path.chmod(0o755)
    file.chmod(0)
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    look = f"""
import os
from captiond.rules.tree import RuleTree
fd = os.open({str(tmp_path)!r}, os.O_RDONLY)
os.setuid(65534)
RuleTree().own({str(tmp_path)!r}, fd)
"""
    command = [sys.executable, "-c", look]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr.splitlines()[-1].endswith(f"{file}: cannot be read: Permission denied")


def test_a_file_that_comes_and_goes_is_there_or_not(tmp_path: Path):
    """Between the look at it and the reading it may vanish, or become a link: no other error."""
    tree, stop = RuleTree(), threading.Event()
    target = write_rules(tmp_path / "elsewhere", 'language = "xx"')
    root = tmp_path / "root"
    root.mkdir()

    def come_and_go() -> None:
        while not stop.is_set():
            write_rules(root, 'language = "de"')
            (root / RULES_FILE).unlink()
            (root / RULES_FILE).symlink_to(target)
            (root / RULES_FILE).unlink()

    writer = threading.Thread(target=come_and_go)
    writer.start()
    seen = set()
    try:
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            try:
                seen.add(tree.at(str(root), "").rules.language)
            except RulesBroken as error:
                seen.add(str(error).partition(": ")[2])
    finally:
        stop.set()
        writer.join()
    assert "xx" not in seen
    assert {None, "de"} <= seen


def test_a_broken_file_is_told_once_and_again_when_it_changes(tmp_path: Path):
    """Whoever looks how often; that it is mended, or gone, is told too."""
    told: list[tuple[str, int]] = []
    tree = RuleTree(lambda path, problems: told.append((path, len(problems))))
    steps = {"a = 1\nb = 2": 2, "lang = 1": 1, "": 0, "context = 0": 1, "gone": 0}
    for step, problems in steps.items():
        file = write_rules(tmp_path / "x", step)
        if step == "gone":
            file.unlink()
        for _ in range(3):
            with pytest.raises(RulesBroken) if problems else contextlib.nullcontext():
                tree.at(str(tmp_path), "x")
    assert told == [(str(file), problems) for problems in steps.values()]


def test_a_look_is_cheap_and_memory_bounded(tmp_path: Path, record_property):
    """Six folders deep, a file in each: a fifth of a millisecond, over files without end."""
    folder = nested(tmp_path, 6)
    parts = folder.split("/")
    for depth in range(7):
        write_rules(tmp_path / "/".join(parts[:depth]), 'language = "de"\nignore = ["*.png"]')
    tree = RuleTree()
    for number in range(REMEMBERED + 100):
        file = write_rules(tmp_path / "many" / str(number), f'prompt = "{number}"')
    wait_until(lambda: time.time() - file.stat().st_ctime > 2.1, seconds=10)
    for number in range(REMEMBERED + 100):
        assert tree.at(str(tmp_path), f"many/{number}").rules.prompt == str(number)
        assert len(tree._read) <= REMEMBERED
    tree.at(str(tmp_path), folder)
    seconds = []
    for _ in range(300):
        began = time.perf_counter()
        tree.at(str(tmp_path), folder)
        seconds.append(time.perf_counter() - began)
    record_property("milliseconds", sorted(seconds)[150] * 1e3)
    assert sorted(seconds)[150] < 0.001


def test_patterns_of_many_folders_within_each_other_hold_nobody_up(tmp_path: Path):
    """As many as a file may hold, a hundred folders deep: less than seconds for a photo there."""
    listed = ", ".join(f'"*{number}.x"' for number in range(MOST_PATTERNS))
    folder = tmp_path
    for _ in range(100):
        folder /= "d"
        folder.mkdir()
        write_rules(folder, f"ignore = [{listed}]")
    began = time.process_time()
    found = RuleTree().at(str(tmp_path), folder.relative_to(tmp_path).as_posix())
    assert not found.ignored.match("d", "a.jpg")
    assert time.process_time() - began < 5
    write_rules(tmp_path, f'ignore = [{listed}, "y"]')
    with pytest.raises(RulesBroken, match="holds 201 patterns, over 200"):
        RuleTree().at(str(tmp_path), "")
