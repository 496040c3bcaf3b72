"""The system unit, as systemd itself reads it."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parent.parent / "systemd" / "captiond.service"
PROGRAM = "/opt/captiond/bin/captiond"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed: the unit was not tested",
)


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *args], capture_output=True, text=True, check=False, timeout=60
    )


def test_systemd_finds_nothing_to_say(tmp_path):
    """Systemd reads every line of the unit without a remark; the program is a stand-in."""
    text = UNIT.read_text()
    assert f"ExecStart={PROGRAM} " in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(PROGRAM, shutil.which("true") or ""))
    done = run("verify", "--recursive-errors=yes", str(copy))
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_an_unknown_key_would_be_found(tmp_path):
    """The check above is one that can fail."""
    copy = tmp_path / UNIT.name
    text = UNIT.read_text().replace(PROGRAM, shutil.which("true") or "")
    copy.write_text(text.replace("[Install]", "ProtectEverything=yes\n[Install]"))
    assert "ProtectEverything" in run("verify", "--recursive-errors=yes", str(copy)).stderr


def test_the_unit_is_hardened():
    """Systemd's own score of exposure, of 10.0, is 1.5 at most."""
    done = run("security", "--offline=true", "--threshold=15", "--no-pager", str(UNIT))
    assert done.returncode == 0, done.stdout[-300:]


def test_the_program_takes_the_units_command_line():
    """The arguments of ExecStart are ones that captiond knows."""
    [line] = [one for one in UNIT.read_text().splitlines() if one.startswith("ExecStart=")]
    arguments = shlex.split(line)[1:]
    program = Path(sys.executable).with_name("captiond")
    done = subprocess.run([program, *arguments, "--help"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert arguments[-1] == "run"


def test_the_unit_names_what_the_program_relies_on():
    """Credential, state directory and exit codes are those that the program knows."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text())
    service = parser["Service"]
    assert service["Type"] == "notify"
    assert service["LoadCredential"].partition(":")[0] == "gemini-api-key"
    assert service["StateDirectory"] == "captiond"
    assert "78" in service["RestartPreventExitStatus"].split()
