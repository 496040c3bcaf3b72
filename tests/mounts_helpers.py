"""A mount namespace to mount in, with the daemon inside and the test looking in."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from daemon_helpers import Home, gemini

from captiond.testing.photo_maker import tiny_jpeg

needs_mounts = pytest.mark.skipif(
    os.geteuid() != 0, reason="MOUNT NAMESPACES NEED ROOT: NOT TESTED HERE"
)


UNMOUNT = """timeout 10 sh -c 'until umount "$@" 2>/dev/null; do :; done' sh"""


@dataclass(frozen=True)
class Namespace:
    """A mount namespace, held open by a process of its own."""

    pid: int

    @property
    def inside(self) -> tuple[str, ...]:
        return ("nsenter", f"--mount=/proc/{self.pid}/ns/mnt")

    def sees(self, path: Path) -> Path:
        """Return where the test finds what lies at `path` in there."""
        return Path(f"/proc/{self.pid}/root{path}")

    def run(self, *command: str | Path) -> None:
        """Run a command in there."""
        done = subprocess.run(
            [*self.inside, *command], capture_output=True, text=True, check=False, timeout=30
        )
        assert done.returncode == 0, done.stderr

    def shell(self, script: str, *arguments: str | Path) -> None:
        """Run a script in there, without a pause between its commands."""
        self.run("sh", "-ec", script, "sh", *arguments)

    def unmount(self, path: Path, *options: str) -> None:
        """Unmount, as soon as the daemon has closed what it looks into at this moment."""
        self.shell(f'{UNMOUNT} "$@"', path, *options)

    def disk(self, path: Path) -> Path:
        """Make a file system of its own, apart from the photos; return where the test sees it."""
        path.mkdir(parents=True)
        self.run("mount", "-t", "tmpfs", "-o", "size=4m", "captiond-test", path)
        return self.sees(path)


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    """Hold a mount namespace open; all that is mounted in it goes with it."""
    try_out = "mount -t tmpfs captiond-test /mnt && umount /mnt && echo && exec sleep 900"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", try_out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        if not holder.stdout.readline():
            pytest.skip("NO MOUNTS IN A NAMESPACE HERE: NOT TESTED")
        try:
            yield Namespace(holder.pid)
        finally:
            holder.kill()


@dataclass(frozen=True)
class Stage:
    """A home whose daemon lives in a mount namespace."""

    home: Home
    space: Namespace
    url: str

    @property
    def photos(self) -> Path:
        """The watched folder, as the daemon sees it at this moment."""
        return self.space.sees(self.home.photos)

    def disk(self, name: str) -> Path:
        """Make a disk; return where the test sees it, whatever is mounted where."""
        return self.space.disk(self.home.path / "disks" / name)

    def bind(self, name: str, target: Path | None = None) -> None:
        """Mount a disk at the watched folder, or within it."""
        source = self.home.path / "disks" / name
        self.space.run("mount", "--bind", source, target or self.home.photos)

    def unmount(self, target: Path | None = None, *options: str) -> None:
        self.space.unmount(target or self.home.photos, *options)

    def told(self, event: str) -> int:
        """Return how often the operator was told of something."""
        return self.home.log.read_text().count(f'"{event}"')


@contextlib.contextmanager
def stage(path: Path, **changes: object) -> Iterator[Stage]:
    """Set up a home with a loopback Gemini and a mount namespace."""
    with namespace() as space, gemini("--answer", "fixed") as url:
        home = Home(path, url, sidecars=("txt",), prefix=space.inside, **changes)
        yield Stage(home, space, url)


def fill(folder: Path, names: list[str], *, first: int = 0) -> None:
    """Put a photo of its own under each name; `first` numbers their contents."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names, first):
        (folder / name).write_bytes(tiny_jpeg(number))


def named(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}.jpg" for number in range(count)]


def all_are(state: str, *names: list[str], beneath: str = "") -> dict[str, str]:
    return {f"{beneath}{name}": state for some in names for name in some}
