"""Makes a small real index, and runs the real program on it: in a pipe, or on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import key_hunt
from daemon_helpers import PROGRAM, clean_environment

from captiond.index.base import Answer, Completed, Parked, Request, Sighting
from captiond.index.health_base import Health
from captiond.index.store import SqliteIndex
from captiond.models import (
    Caption,
    Description,
    Facts,
    Lane,
    Photo,
    Recipe,
    Signature,
    State,
    Usage,
)

OWNER = "test"
RECIPE = Recipe(origin="gemini", model="m", language="en", prompt="p")
CAPTIONS = {
    "boats/red.jpg": Description(
        caption="A red boat in the harbour", title="Red boat", keywords=("boat", "red")
    ),
    "boats/blue.jpg": Description(caption="A blue boat at sea, seen from the pier"),
    "cats/\x1b[31mhostile\n.jpg": Description(caption="A cat \x1b]0;owned\x07 on \u202ea boat"),
    os.fsdecode(b"cats/caf\xe9.jpg"): Description(caption="Un chat noir, 黒猫"),
}
PARKED = {
    "bad/empty.jpg": (State.FAILED, "the file is empty"),
    "bad/cut.jpg": (State.FAILED, "the file is cut off"),
    "bad/empty2.jpg": (State.FAILED, "the file is empty"),
    "bad/no.jpg": (State.REFUSED, "blocked: SAFETY"),
    "bad/pipe.jpg": (State.SKIPPED, "not a plain file but a pipe"),
}
WAITING = ("later.jpg",)


@dataclass
class House:
    """A folder with a configuration, an index with photos in every state, and their root."""

    path: Path
    environ: dict[str, str] = field(default_factory=clean_environment)

    def __post_init__(self) -> None:
        self.photos.mkdir(parents=True)
        key_hunt.places.append(lambda: key_hunt.assert_unseen_beneath(self.path))
        self.config.write_text(
            f"""
            [index]
            path = {json.dumps(str(self.index))}
            [captioner]
            backend = "offline"
            [[folders]]
            path = "photos"
            """
        )

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def photos(self) -> Path:
        return self.path / "photos"

    @property
    def index(self) -> Path:
        return self.path / "state" / "index.db"

    def photo(self, name: str) -> Photo:
        return Photo(str(self.photos), name)

    def run(self, *arguments: str | Path, cwd: Path | None = None):
        """Run a verb to its end in a pipe; the output is bytes that are all UTF-8."""
        done = subprocess.run(
            [PROGRAM, "--config", self.config, *arguments],
            capture_output=True,
            check=False,
            cwd=cwd,
            env=self.environ,
            timeout=60,
        )
        key_hunt.assert_unseen(done.stdout + done.stderr, arguments)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def json(self, *arguments: str | Path):
        code, out, err = self.run(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    def on_terminal(self, *arguments: str, columns: int = 60) -> str:
        """Return what a verb writes on a terminal."""
        ours, its = pty.openpty()
        with subprocess.Popen(
            [PROGRAM, "--config", self.config, *arguments],
            stdin=its,
            stdout=its,
            stderr=subprocess.PIPE,
            env=self.environ | {"COLUMNS": str(columns), "TERM": "xterm"},
        ) as program:
            os.close(its)
            written = b""
            while piece := _read(ours):
                written += piece
            os.close(ours)
            assert program.stderr is not None
            told = program.stderr.read().decode()
        key_hunt.assert_unseen(written + told.encode(), arguments)
        assert program.returncode == 0, told
        return written.decode()

    def fill(self, *, paused: str | None = None, pid: int | None = None) -> None:
        """Make the index, as a daemon with this pid leaves it that gave a sign of life just now."""
        anyio.run(_fill, self, paused, pid or os.getpid())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the last writer has closed the other end
        return b""


async def _fill(house: House, paused: str | None, pid: int) -> None:
    index = await SqliteIndex.open(house.index)
    now = time.time()
    try:
        names = [*CAPTIONS, *PARKED]
        await index.offer(
            [_sighting(house.photo(name), at) for at, name in enumerate(names)], now=now
        )
        await index.claim(owner=OWNER, limit=len(names), now=now + 1)
        for at, (name, description) in enumerate(CAPTIONS.items()):
            await _caption(index, house.photo(name), f"{at:064}", description)
        await index.park(
            [Parked(house.photo(n), s, r) for n, (s, r) in PARKED.items()], owner=OWNER
        )
        await index.offer([_sighting(house.photo(name), 99) for name in WAITING], now=now)
        await index.beat(
            Health(
                OWNER,
                pid,
                "1.2.3",
                now - 60,
                now,
                paused=paused,
                found_by_event=1200,
                found_by_scan=34,
            )
        )
    finally:
        await index.aclose()


def _sighting(photo: Photo, inode: int) -> Sighting:
    return Sighting(photo, Signature(1000, 1, 1, inode), Lane.ARRIVAL)


async def _caption(index: SqliteIndex, photo: Photo, digest: str, description: Description) -> None:
    now = time.time()
    request = Request(
        id=digest,
        photo=photo,
        facts=Facts(digest=digest, format="jpeg", width=4, height=3),
        recipe=RECIPE,
        started_at=now,
    )
    await index.begin(request, owner=OWNER)
    caption = Caption(
        digest=digest,
        recipe=RECIPE.key,
        origin="gemini",
        language="en",
        model="m-1",
        created_at=now,
        description=description,
    )
    await index.answer(
        Answer(
            request=digest,
            photo=photo,
            caption=caption,
            usage=Usage(100, 10),
            cost_usd=0.001,
            ended_at=now,
        )
    )
    done = Completed(photo=photo, digest=digest, recipe=RECIPE.key, written={}, captioned_at=now)
    await index.complete([done], owner=OWNER)
