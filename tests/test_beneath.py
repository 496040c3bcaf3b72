"""Opening folders beneath a root, in one call or step by step: the same answers, never outside."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from captiond.disk import openat2

DENIED = """
import errno, struct, sys
from captiond.images import sandbox

def op(code, value, if_so=0, if_not=0):
    return struct.pack("=HBBI", code, if_so, if_not, value)

load_number, openat2, allow = op(0x20, 0), op(0x15, 437, 0, 1), op(0x06, 0x7FFF0000)
refuse = op(0x06, 0x00050000 | int(sys.argv[1]))
if int(sys.argv[1]):
    sandbox.install(load_number + openat2 + refuse + allow)
"""
"""Makes openat2 fail with an error, as an old kernel or a container's filter does."""

OPENS = """
import json, os
from captiond.disk import openat2
from captiond.disk.beneath import folder_beneath

def opened(path):
    try:
        with folder_beneath(sys.argv[2], path) as fd:
            return os.readlink(f"/proc/self/fd/{fd}")
    except OSError as error:
        return [type(error).__name__, errno.errorcode[error.errno]]

top = os.open(sys.argv[2], os.O_RDONLY)
answers = openat2.open_folder("deep", top) is not None
before = len(os.listdir("/proc/self/fd"))
said = [opened(path) for path in json.loads(sys.argv[3])]
assert len(os.listdir("/proc/self/fd")) == before
print(json.dumps([answers, said]))
"""
TESTS = "import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', *sys.argv[2:]]))"
REFUSALS = [0, errno.ENOSYS, errno.EPERM, errno.EAGAIN, errno.EINTR]


def run(script: str, *arguments: object) -> str:
    """Run a script in a process of its own; return what it says."""
    command = [sys.executable, "-c", DENIED + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def _has_openat2():
    top = os.open("/", os.O_RDONLY)
    fd = openat2.open_folder("usr", top)
    os.close(top)
    if fd is None:
        pytest.skip("this kernel, or the container, has no openat2")
    os.close(fd)


def house(folder: Path) -> dict[str, object]:
    """Make a root with everything that leads outside; return what each path is to give."""
    root = folder / "root"
    (root / "deep/er/still").mkdir(parents=True)
    (folder / "outside/in").mkdir(parents=True)
    (root / "out").symlink_to(folder / "outside")
    (root / "deep/up").symlink_to("../../outside")
    (root / "deep/home").symlink_to(".")
    (root / "nowhere").symlink_to("nothing")
    (root / "file").touch()
    os.mkfifo(root / "pipe")
    gone, link = ["FileNotFoundError", "ENOENT"], ["LinkOnTheWay", "ELOOP"]
    return {
        "": str(root),
        "deep/er/still": str(root / "deep/er/still"),
        **dict.fromkeys(["out", "out/in", "deep/up", "deep/up/in"], link),
        **dict.fromkeys(["deep/home", "deep/home/er", "nowhere", "nowhere/x"], link),
        **dict.fromkeys(["..", "deep/..", "deep/../..", ".", "deep/./er", "a//b", "/etc"], gone),
        **dict.fromkeys(["missing", "missing/x", "file", "file/x", "pipe", "pipe/x"], gone),
        "n" * 256: ["OSError", "ENAMETOOLONG"],
        "/".join(["d" * 200] * 21): ["OSError", "ENAMETOOLONG"],
    }


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda code: errno.errorcode.get(code, "openat2"))
def test_both_ways_give_the_same_answers(tmp_path, refusal):
    """One call or many steps: the same folders open, all else has the same error, none leaks."""
    wanted = house(tmp_path)
    paths = json.dumps(list(wanted))
    answers, said = json.loads(run(OPENS, refusal, tmp_path / "root", paths))
    assert answers == (not refusal)
    assert dict(zip(wanted, said, strict=True)) == wanted


def test_photos_and_sidecars_are_as_safe_without_openat2():
    """All tests of opening and of writing pass where the kernel refuses the call."""
    files = ("test_photofile.py", "test_files_write.py")
    said = run(TESTS, errno.ENOSYS, *[Path(__file__).with_name(name) for name in files])
    assert "100%" in said


def test_a_mount_within_the_root_is_part_of_it(tmp_path):
    """A library may span disks: another file system beneath the root is entered."""
    inside = tmp_path / "root/disk/photos"
    inside.parent.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(inside.parent)]
    script = f"mkdir -p {inside} && exec {sys.executable} -c 'import sys;exec(sys.argv[1])' \"$@\""
    opens = "sys.argv=['',*sys.argv[2:]]\n" + DENIED + OPENS
    steps = ["sh", "-c", f"{' '.join(mount)} && {script}", "sh", opens, "0"]
    arguments = [str(tmp_path / "root"), '["disk/photos"]']
    command = ["unshare", "--user", "--map-root-user", "--mount", *steps, *arguments]
    (inside.parents[1] / "deep").mkdir()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no namespace to mount in: {done.stderr}")
    assert json.loads(done.stdout) == [True, [str(inside)]], done.stderr
