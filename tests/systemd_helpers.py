"""Boots a real systemd on a throw-away copy of this machine; installs captiond by the book."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import key_hunt
import pytest
from daemon_helpers import KEY, PHOTOS, wait_until

ROOT = Path(__file__).parents[1]
BOOT = Path(__file__).parent / "tools" / "run-under-systemd.sh"
PYTHON = "/usr/bin/python3"
SOURCE = "/opt/source"
URL = "http://127.0.0.1:8099"
CONFIG = "/etc/captiond/config.toml"
FOUR = ("china.jpg", "flower.jpg", "rocket.jpg", "hopper.jpg")
SRV = ("SupplementaryGroups=photos", "ReadWritePaths=/srv/photos", "NoExecPaths=/srv/photos")
COULD_NOT_BOOT = 125

_AGENT = """
import json, subprocess, sys
for line in sys.stdin:
    command, given = json.loads(line)
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
"""
_COUNTERS = "import urllib.request as r; print(r.urlopen('{}/counters').read().decode())"


@dataclass
class Guest:
    """A booted systemd; commands run in it as root, from /."""

    process: subprocess.Popen[str]

    def run(
        self, *command: str, given: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([command, given]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the guest is gone"
        done = subprocess.CompletedProcess(command, *json.loads(answer))
        if check:
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    def out(self, *command: str, check: bool = True) -> str:
        """Run one command and return what it prints."""
        return self.run(*command, check=check).stdout.strip()

    def write(self, path: str, text: str, *, mode: str = "644") -> None:
        self.run("install", "-D", "-m", mode, "/dev/stdin", path, given=text)

    def drop_in(self, unit: str, *lines: str, name: str = "test") -> None:
        """Put lines into the [Service] of a unit."""
        text = "\n".join(["[Service]", *lines, ""])
        self.write(f"/etc/systemd/system/{unit}.service.d/{name}.conf", text)
        self.run("systemctl", "daemon-reload")

    def show(self, unit: str, name: str) -> str:
        return self.out("systemctl", "show", "--value", "-p", name, unit)

    def journal(self, unit: str) -> str:
        return self.out("journalctl", "-b", "--no-pager", "-o", "cat", "-u", unit)

    def start(self, unit: str = "captiond") -> None:
        done = self.run("systemctl", "start", unit, check=False)
        assert done.returncode == 0, (done.stderr, self.journal(unit)[-3000:])

    def drop(self, folder: str, *photos: str) -> list[str]:
        """Copy photos of the test collection; return the paths of the sidecars to expect."""
        inside = f"{SOURCE}/{PHOTOS.relative_to(ROOT)}"
        self.run("cp", "--no-preserve=all", *(f"{inside}/{name}" for name in photos), folder)
        return [f"{folder}/{name}.txt" for name in photos]

    def wait_for_files(self, paths: list[str], unit: str = "captiond") -> None:
        """Return when all are there."""
        try:
            wait_until(lambda: self.run("ls", *paths, check=False).returncode == 0, seconds=20)
        except AssertionError:
            pytest.fail(f"{paths} did not all appear: {self.journal(unit)[-3000:]}")

    def wait_for(self, unit: str, **properties: str) -> None:
        """Return when the unit has these properties."""
        for name, value in properties.items():
            what = f"{unit}: {name}={value}"
            wait_until(lambda n=name, v=value: self.show(unit, n) == v, seconds=30, what=what)

    def serve_gemini(self, *arguments: str, unit: str = "gemini", url: str = URL) -> None:
        """Run the loopback Gemini, with these arguments."""
        program = ["/opt/captiond/bin/python3", "-m", "captiond.testing.gemini_server"]
        port = ["--port", url.rpartition(":")[2], "--answer", "fixed"]
        self.run("systemd-run", "--quiet", f"--unit={unit}", *program, *port, *arguments)
        wait_until(lambda: self.counters(url), what="the loopback Gemini")

    def counters(self, url: str = URL) -> dict[str, int]:
        """Return what the loopback Gemini counted; nothing before it listens."""
        done = self.run(PYTHON, "-c", _COUNTERS.format(url), check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def states(self) -> dict[str, int]:
        """Return how many photos are in each state, as `captiond status` tells it."""
        asked = ("runuser", "-u", "captiond", "--", "captiond", "status", "--json")
        found: dict[str, int] = json.loads(self.out(*asked))["photos"]
        return {state: count for state, count in found.items() if count}

    def assert_key_unseen(self) -> None:
        """Fail if the key is in the journal, in what units show, or in a file beside its own."""
        units = ("-u", "captiond*", "-u", "manager")
        key_hunt.assert_unseen(self.out("journalctl", "-b", "-o", "json", *units), "the journal")
        key_hunt.assert_unseen(self.out("systemctl", "show", "captiond*"), "systemctl show")
        needles = "\n".join(needle.decode() for needle in key_hunt.NEEDLES)
        places = ("/srv/photos", "/var/lib/captiond", "/home/anna")
        command = ("grep", "-rlF", "-f", "-", "--exclude=*gemini-api-key", *places)
        assert self.run(*command, given=needles, check=False).stdout == ""


def configuration(*folders: str, gemini: bool = False, index: str = "", url: str = URL) -> str:
    """Return a configuration; with `gemini` the guest's loopback Gemini is asked."""
    backend = "gemini" if gemini else "offline"
    lines = ["[captioner]", f'backend = "{backend}"', "[gemini]", f'base_url = "{url}"']
    lines += ["concurrency = 4", "[index]", f'path = "{index}"', "[watch]", "settle_seconds = 0.2"]
    for folder in folders:
        lines += ["[[folders]]", f'path = "{folder}"', 'sidecars = ["txt"]']
    return "\n".join([*lines, ""])


@contextlib.contextmanager
def booted(folder: Path) -> Iterator[Guest]:
    """Boot with captiond's program at /opt/captiond; skips, with the reason, where that fails."""
    if os.geteuid() != 0:
        pytest.skip("not root: the units were not started by a real systemd")
    program = build_program(folder)
    packages = sysconfig.get_path("purelib")
    binds = {program: "/opt/captiond", packages: "/opt/captiond/packages", ROOT: SOURCE}
    options = [f"--bind={source}:{target}:ro" for source, target in binds.items()]
    command = [BOOT, "--timeout", "900", *(part for o in options for part in o.split("=", 1))]
    with (
        (folder / "boot.log").open("w+") as log,
        subprocess.Popen(
            [*command, "--", PYTHON, "-c", _AGENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        guest = Guest(process)
        try:
            _say_hello(guest, folder / "boot.log")
            yield guest
        finally:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait(timeout=30)


def _say_hello(guest: Guest, log: Path) -> None:
    try:
        guest.run("true")
    except (AssertionError, BrokenPipeError):
        code = guest.process.wait(timeout=30)
        if code == COULD_NOT_BOOT:
            pytest.skip(
                f"no systemd could be booted, the units were not started: {log.read_text()}"
            )
        pytest.fail(f"exit {code} at the boot: {log.read_text()}")


def build_program(folder: Path) -> Path:
    """Make what `python3 -m venv` and `pip install` make at /opt/captiond, from what stands here.

    A Python below /root cannot be reached by the service, so it is the system's, with the packages
    of the environment that runs the tests; that needs the same version of both.
    """
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    asked = [PYTHON, "-c", "import sysconfig; print(sysconfig.get_python_version())"]
    if not Path(PYTHON).exists() or ours != subprocess.check_output(asked, text=True).strip():
        pytest.skip(f"{PYTHON} is no Python {ours}: the units were not started")
    program = folder / "opt"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", program], check=True)
    (program / "packages").mkdir()
    [site] = program.glob("lib/python*/site-packages")
    (site / "captiond.pth").write_text(f"{SOURCE}/daemon\n/opt/captiond/packages\n")
    script = program / "bin" / "captiond"
    script.write_text(
        "#!/opt/captiond/bin/python3\nimport sys\nfrom captiond.cli import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    return program


def blocks(section: str) -> list[str]:
    """Return what docs/operating.md gives to be typed in a section, block by block."""
    page = (ROOT / "docs/operating.md").read_text().split(f"# {section}\n")[1].split("\n#")[0]
    found = re.findall(r"(?:^ {4}.*\n)+", page, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def install(guest: Guest, section: str, *through: str, block: int = 0) -> None:
    """Run the commands of a block in the project's folder; whoever asks for a key gets one.

    Without those that build the program, which stands there already, and those for a real login.
    """
    foreign = ("-m venv", "/pip ", "pipx ", "loginctl ")
    for line in blocks(section)[block].splitlines():
        if any(word in line for word in foreign):
            continue
        # Through cat, as /dev/stdin can only be opened by the user whose pipe it is.
        guest.run(*through, "bash", "-ec", f"cd {SOURCE}; cat | {line}", given=f"{KEY}\n")
