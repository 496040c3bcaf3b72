"""The units that are shipped, as systemd itself reads them."""

from __future__ import annotations

import configparser
import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from captiond.app import DRAIN_SECONDS

SYSTEMD = Path(__file__).parent.parent / "systemd"
UNIT = SYSTEMD / "captiond.service"
TEMPLATE = SYSTEMD / "captiond@.service"
USER_UNIT = SYSTEMD / "user" / "captiond.service"
DROP_IN = UNIT.with_name("captiond.service.d") / "254.conf"
UNITS = [UNIT, TEMPLATE, USER_UNIT]
names = pytest.mark.parametrize("unit", UNITS, ids=["system", "template", "user"])

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed: the units were not tested",
)


def run(*args: str, user: bool = False) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *(["--user"] if user else []), *args]
    env = {**os.environ, "XDG_RUNTIME_DIR": "/tmp"}  # noqa: S108 - asked for by --user, not used
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)


def verify(unit: Path, folder: Path, *, more: str = "") -> tuple[str, int]:
    """Let systemd read a copy whose program is a stand-in; return its remarks and exit code."""
    text, replaced = re.subn(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text())
    assert replaced == 1
    copy = folder / unit.name
    copy.write_text(text.replace("[Install]", f"{more}\n[Install]"))
    done = run("verify", "--recursive-errors=yes", str(copy), user=unit == USER_UNIT)
    return done.stdout + done.stderr, done.returncode


def service(unit: Path) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    return parser["Service"]


def keys(unit: Path) -> list[str]:
    """Return the settings of a unit in their order, without the comments."""
    return [line for line in unit.read_text().splitlines() if line and line[0] not in "#["]


@names
def test_systemd_finds_nothing_to_say(unit, tmp_path):
    """Systemd reads every line of a unit without a remark."""
    assert verify(unit, tmp_path) == ("", 0)


def test_an_unknown_key_would_be_found(tmp_path):
    """The check above is one that can fail."""
    assert "ProtectEverything" in verify(UNIT, tmp_path, more="ProtectEverything=yes")[0]


def test_the_drop_in_holds_nothing_but_what_is_new_in_254(tmp_path):
    """Systemd 254 reads the drop-in without a remark; an older one knows none of its news."""
    shutil.copytree(DROP_IN.parent, tmp_path / DROP_IN.parent.name)
    remarks, _ = verify(UNIT, tmp_path)
    version = int(run("--version").stdout.split()[1])
    unknown = set(re.findall(r"notify-reload|Unknown key '(?:\w+)'", remarks))
    news = {"notify-reload", "Unknown key 'RestartSteps'", "Unknown key 'RestartMaxDelaySec'"}
    assert unknown == (set() if version >= 254 else news), remarks
    assert len(remarks.splitlines()) == len(unknown), remarks


@pytest.mark.parametrize("unit", [UNIT, TEMPLATE], ids=["system", "template"])
def test_the_units_of_the_system_are_hardened(unit):
    """Systemd's own score of exposure, of 10.0, is 1.2 at most."""
    done = run("security", "--offline=true", "--threshold=12", "--no-pager", str(unit))
    assert done.returncode == 0, done.stdout[-300:]


def test_the_user_unit_is_hardened_as_far_as_it_can_be():
    """Its score is 3.6 at most: it has no account of its own and writes to the home directory."""
    done = run("security", "--offline=true", "--threshold=36", "--no-pager", str(USER_UNIT))
    assert done.returncode == 0, done.stdout[-300:]


def test_the_template_is_the_unit_with_the_instances_name_in_it():
    """Apart from the comment on top, five lines differ, each by %i."""
    lines = list(difflib.ndiff(keys(UNIT), keys(TEMPLATE)))
    removed = [line.partition("=")[0][2:] for line in lines if line.startswith("- ")]
    added = [line for line in lines if line.startswith("+ ")]
    assert all("%i" in line for line in added), added
    expected = ["Description", "ExecStart", "StateDirectory", "LoadCredential", "NoExecPaths"]
    assert (removed, len(added)) == (expected, 5)


def test_the_user_unit_keeps_the_order_of_the_unit():
    """What both have stands in the same order, so that they can be read side by side."""
    system = [line for line in keys(UNIT) if line in keys(USER_UNIT)]
    user = [line for line in keys(USER_UNIT) if line in keys(UNIT)]
    assert user == system
    assert len(user) > 35


@names
def test_the_program_takes_the_units_command_line(unit):
    """The arguments of ExecStart are ones that captiond knows."""
    arguments = shlex.split(service(unit)["ExecStart"])[1:]
    program = Path(sys.executable).with_name("captiond")
    done = subprocess.run([program, *arguments, "--help"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert arguments[-1] == "run"


@names
def test_the_unit_is_patient_and_gives_up(unit):
    """A stop may take as long as photos in flight do; a crash at each start does not go on."""
    settings = service(unit)
    assert int(settings["TimeoutStopSec"]) >= DRAIN_SECONDS + 10
    limit = keys(unit)
    assert {"StartLimitIntervalSec=10min", "StartLimitBurst=20"} <= set(limit)
    assert 20 * (int(settings["RestartSec"]) + 3) < 600, "so slow that the limit is never reached"


@names
def test_the_unit_names_what_the_program_relies_on(unit):
    """Credential and exit codes are those that the program knows."""
    settings = service(unit)
    assert settings["Type"] == "notify"
    assert settings["LoadCredential"].partition(":")[0] == "gemini-api-key"
    assert "78" in settings["RestartPreventExitStatus"].split()
