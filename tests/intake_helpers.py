"""A recorder in the index's place, and small hands for files and waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio

from captiond.index.base import Sighting
from captiond.index.beside_base import Departed
from captiond.index.folders_base import FolderDigest, KnownFile
from captiond.intake.attend import Intake, attend
from captiond.intake.folder import WatchedFolder
from captiond.models import Photo, State

SETTLE_SECONDS = 0.12


class Recorder:
    """Behaves as the index does towards intake, and remembers what it was told and when."""

    def __init__(self) -> None:
        self.rows: dict[Photo, tuple[Sighting, State]] = {}
        self.by_folder: dict[tuple[str, str], dict[str, Photo]] = {}
        self.offered: list[tuple[float, Sighting]] = []
        self.digests: dict[tuple[str, str], str] = {}
        self.disks: dict[tuple[str, str], str | None] = {}
        self.views = 0
        self._changed = anyio.Event()
        self.beside = self.waiting = self

    async def folders(self, root: str, beneath: str) -> list[str]:  # noqa: ARG002 as in Waiting
        return []

    async def learn(self, seen: Mapping[Photo, str]) -> None:
        for photo, beside in seen.items():
            self.rows[photo] = replace(self.rows[photo][0], beside=beside), self.rows[photo][1]

    async def sharing(self, root: str, stems: Sequence[str]) -> list[str]:
        return [p.path for p in self.rows if p.root == root and p.path.rpartition(".")[0] in stems]

    async def departed(self, root: str, **_: object) -> list[Departed]:  # noqa: ARG002 as in Beside
        return []

    async def offer(self, sightings: Sequence[Sighting], *, now: float) -> int:
        due = 0
        for sighting in sightings:
            row = self.rows.get(sighting.photo)
            same = row and row[0].signature == sighting.signature and row[1] is not State.MISSING
            same = same and row[0].beside == sighting.beside
            if not same:
                state = State.SKIPPED if sighting.reason else State.QUEUED
                self.rows[sighting.photo] = sighting, state
                folder = self.by_folder.setdefault((sighting.photo.root, sighting.photo.folder), {})
                folder[sighting.photo.name] = sighting.photo
                due += state is State.QUEUED
            self.offered.append((now, sighting))
        self._tell()
        return due

    async def gone(self, photos: Sequence[Photo], *, now: float) -> None:  # noqa: ARG002 as in Index
        for photo in photos:
            if photo in self.rows:
                self.rows[photo] = self.rows[photo][0], State.MISSING
        self._tell()

    async def save_folders(self, digests: Sequence[FolderDigest]) -> None:
        for one in digests:
            self.digests[one.root, one.folder] = one.digest
        self._tell()

    async def save_disks(self, root: str, disks: Mapping[str, str | None]) -> None:
        for folder, identity in disks.items():
            self.disks[root, folder] = identity

    def folder_view(self) -> RecorderView:
        self.views += 1
        return RecorderView(self)

    def paths(self, *states: State) -> set[str]:
        wanted = states or (State.QUEUED,)
        return {photo.path for photo, (_, state) in self.rows.items() if state in wanted}

    def reasons(self) -> dict[str, str | None]:
        return {photo.path: sighting.reason for photo, (sighting, _) in self.rows.items()}

    async def until(self, condition: Callable[[], bool], *, seconds: float = 10) -> None:
        """Wait until the condition holds; it is looked at after each change."""
        with anyio.fail_after(seconds):
            while not condition():
                await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class RecorderView:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def digest(self, root: str, folder: str) -> str | None:
        return self._recorder.digests.get((root, folder))

    def files(self, root: str, folder: str) -> dict[str, KnownFile]:
        photos = self._recorder.by_folder.get((root, folder), {}).copy().items()
        rows = [(name, *self._recorder.rows[photo]) for name, photo in photos]
        return {
            name: KnownFile(
                sighting.signature.size, sighting.signature.mtime_ns, state, sighting.beside
            )
            for name, sighting, state in rows
        }

    def folders(self, root: str, beneath: str) -> list[str]:
        known = sorted(
            folder
            for (of, folder), photos in self._recorder.by_folder.copy().items()
            if of == root
            and any(self._recorder.rows[p][1] is not State.MISSING for p in photos.copy().values())
        )
        return [f for f in known if not beneath or f"{f}/".startswith(f"{beneath}/")]

    def disks(self, root: str) -> dict[str, str]:
        saved = self._recorder.disks.items()
        return {folder: identity for (of, folder), identity in saved if of == root and identity}

    def close(self) -> None:
        self._recorder.views -= 1


async def until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    """Wait until the condition holds."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 log lines and files have no event to wait for
            await anyio.sleep(0.01)


def watched_folder(root: Path, **changes: object) -> WatchedFolder:
    values = {"root": str(root), "settle_seconds": SETTLE_SECONDS, **changes}
    return WatchedFolder(**values)


def intake(index: object, folder: WatchedFolder, on_due: Callable[[], None] = list) -> Intake:
    return Intake(folder=folder, index=index, on_due=on_due, scanning=anyio.CapacityLimiter(1))


@asynccontextmanager
async def attending(index: object, folder: WatchedFolder) -> AsyncIterator[None]:
    """Have a root looked after, its watch armed."""
    async with anyio.create_task_group() as tasks:
        await tasks.start(attend, intake(index, folder))
        yield
        tasks.cancel_scope.cancel()


def write_photo(path: Path, content: bytes = b"photo") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
