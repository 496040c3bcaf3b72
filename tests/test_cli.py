"""The program as a whole: help, exit codes, errors in one place."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_helpers import House
from daemon_helpers import PROGRAM, clean_environment, wait_until

from captiond import __version__
from captiond.cli import VERBS
from captiond.testing.photo_maker import tiny_jpeg


def run(*arguments, **environ):
    done = subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment() | environ,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_described_as_it_describes_itself(verb):
    """The overview's line is the command's own short help."""
    command = importlib.import_module(f"captiond.cli.{verb}").command
    assert command.short_help == VERBS[verb]


def test_alone_it_prints_help_without_importing_a_verb():
    """`captiond`, -h and --help are the same page with a line for every verb."""
    code = "import sys; from captiond.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    page, _, modules = done.stdout.rpartition("\n")[0].rpartition("\n")
    assert all(f"  {verb}" in page and says in page for verb, says in VERBS.items())
    assert not [
        name for name in modules.split() if name.startswith("captiond.cli.") and "out" not in name
    ]
    assert run("-h") == run("--help") == run() == (0, f"{run()[1]}", "")


def test_the_version_is_told():
    """`--version` prints name and version."""
    assert run("--version") == (0, f"captiond {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["fly"], ["search"], ["search", "--limit", "0", "x"]])
def test_wrong_usage_exits_with_2(arguments):
    """An unknown verb, a missing argument and a value out of range are told on stderr."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Error: " in err


def test_a_wrong_configuration_exits_with_78_and_tells_all(tmp_path):
    """Every problem has its own line, whatever the verb; what steers a terminal is spelled out."""
    config = tmp_path / "config.toml"
    config.write_text('[gemini]\nconcurrency = 0\nmodel = ""\n[log]\nlevel = "\\u001b[31m"\n')
    told = run("--config", str(config), "search", "x")
    assert told == run("search", "x", CAPTIOND_CONFIG=str(config))
    code, out, err = told
    assert (code, out) == (os.EX_CONFIG, "")
    assert [line.split(":")[1] for line in err.splitlines()] == [
        " gemini.concurrency",
        " gemini.model",
        " log.level",
    ]
    assert "\\x1b[31m" in err


def test_an_index_that_is_not_there_is_one_sentence_and_exit_1(tmp_path):
    """No traceback, and nothing is made."""
    house = House(tmp_path / "house")
    makes = "captiond run, or scan, makes it"
    sentence = f"captiond: there is no index at {house.index} yet: {makes}\n"
    for verb in (["search", "x"], ["show", "x"], ["status"], ["failed"], ["retry"]):
        assert house.run(*verb) == (1, "", sentence)
    assert not house.index.parent.exists()


def sleeps(pid: int) -> bool:
    """Tell whether a process waits in the kernel; a signal just before could be slept through."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("S")


def test_ctrl_c_exits_with_130(tmp_path):
    """An interrupted verb says nothing and leaves with the signal's code."""
    pipe = tmp_path / "config.toml"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [PROGRAM, "--config", pipe, "status"], stderr=subprocess.PIPE, env=clean_environment()
    ) as program:
        with pipe.open("w"):  # returns once the program has opened it, too
            wait_until(lambda: sleeps(program.pid), what="it waits to read")
            program.send_signal(signal.SIGINT)
            wait_until(lambda: program.poll() is not None)
        assert program.returncode == 130
        assert b"Traceback" not in program.stderr.read()


def test_output_survives_a_terminal_that_knows_latin_alone(tmp_path):
    """In an old locale, characters beyond it are spelled out."""
    house = House(tmp_path / "house")
    house.fill()
    house.environ |= {"PYTHONIOENCODING": "latin-1"}
    code, out, _ = house.run("search", "noir")
    assert code == 0
    assert "Un chat noir, \\u9ed2\\u732b" in out


@pytest.mark.parametrize("verb", ["run", "scan"])
def test_a_locale_that_is_not_utf8_is_refused(tmp_path, verb):
    """Names beyond it could not be read: no photo is set aside for that, and it is told why."""
    house = House(tmp_path / "house")
    (house.photos / "café.jpg").write_bytes(tiny_jpeg(0))
    house.environ |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, out, err = house.run(verb)
    assert (code, out) == (os.EX_CONFIG, "")
    assert "LC_ALL=C.UTF-8" in err
    assert not house.index.exists()
