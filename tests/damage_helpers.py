"""Ways to damage an index, and a library of photos to stand again after it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from daemon_helpers import Home, counters, wait_until

from captiond.testing.photo_maker import make_jpeg

PAGE_BYTES = 4096
Chance = random.Random
Damage = Callable[[Path, Chance], None]


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def zero_the_header(index: Path, _: Chance) -> None:
    overwrite(index, 0, bytes(100))


def zero_the_first_page(index: Path, _: Chance) -> None:
    overwrite(index, 0, bytes(PAGE_BYTES))


def overwrite_pages(index: Path, chance: Chance) -> None:
    """Put noise over some pages, of the log too where there is one."""
    for path in (index, index.with_name(f"{index.name}-wal")):
        if not path.exists():
            continue
        pages = max(path.stat().st_size // PAGE_BYTES, 1)
        for page in chance.sample(range(pages), min(chance.randint(1, 8), pages)):
            overwrite(path, page * PAGE_BYTES, chance.randbytes(PAGE_BYTES))


def cut_off(index: Path, chance: Chance) -> None:
    os.truncate(index, chance.randint(1, max(index.stat().st_size - 1, 1)))


def garble_the_log(index: Path, chance: Chance) -> None:
    """Put noise in the place of the write-ahead log, or over the end of it."""
    log = index.with_name(f"{index.name}-wal")
    size = log.stat().st_size if log.exists() else 0
    if size and chance.random() < 0.5:
        start = chance.randrange(size)
        overwrite(log, start, chance.randbytes(size - start))
    else:
        log.write_bytes(chance.randbytes(chance.randint(1, 200_000)))


def replace_by_a_photo(index: Path, chance: Chance) -> None:
    index.write_bytes(make_jpeg(width=300, height=200, seed=chance.randrange(100)))


DAMAGES: dict[str, Damage] = {
    "header": zero_the_header,
    "first page": zero_the_first_page,
    "pages": overwrite_pages,
    "cut off": cut_off,
    "log": garble_the_log,
    "replaced": replace_by_a_photo,
}


@dataclass
class Shelf:
    """A home with captioned photos whose index is damaged again and again."""

    home: Home
    url: str
    photos: int = 0
    asides: int = field(default=0, init=False)

    def add(self, count: int) -> None:
        """Drop photos that differ in what they show and in what is said of them."""
        for number in range(self.photos, self.photos + count):
            picture = make_jpeg(width=24, height=16, seed=number)
            (self.home.photos / f"{number}.jpg").write_bytes(picture)
        self.photos += count

    def rows(self) -> dict[str, tuple]:
        """Return what the index tells of each photo, nothing while it cannot tell."""
        uri = f"file:{self.home.index}?mode=ro"
        wanted = "name, state, digest, caption, title, alt_text, keywords, text, model, format"
        try:
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
                found = db.execute(f"SELECT {wanted} FROM library").fetchall()
        except sqlite3.Error:
            return {}
        return {name: tuple(values) for name, *values in found}

    def all_captioned(self) -> bool:
        """Tell whether every photo shows a caption of its own bytes."""
        rows = self.rows()
        return len(rows) == self.photos and {row[0] for row in rows.values()} == {"captioned"}

    def done(self, told: int) -> bool:
        """Tell whether a daemon that logs from there on is ready, and every photo captioned."""
        with self.home.log.open("rb") as log:
            log.seek(told)
            return b'"service.ready"' in log.read() and self.all_captioned()

    def sidecars(self) -> dict[str, tuple[bytes, int, int]]:
        """Return bytes, inode and time of every file beside the photos."""
        return {
            path.name: (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
            for path in self.home.photos.iterdir()
            if path.suffix != ".jpg"
        }

    def asked(self) -> int:
        return counters(self.url)["requests"]

    def moved_aside(self) -> list[Path]:
        """Return the damaged indexes, without what belongs to them."""
        found = self.home.index.parent.glob(f"{self.home.index.name}.damaged-*")
        return sorted(path for path in found if not path.name.endswith(("-wal", "-shm")))

    def serve(self, *, starts: int = 4, ended_by: int = signal.SIGTERM) -> tuple[int, float]:
        """Run the daemon until all is captioned, as a service manager does: restart what fails.

        Returns how often it was started, and the seconds until all stood.
        """
        began = time.monotonic()
        for start in range(1, starts + 1):
            told = self.home.log.stat().st_size if self.home.log.exists() else 0
            with self.home.start() as daemon:
                wait_until(
                    lambda daemon=daemon, told=told: daemon.poll() is not None or self.done(told),
                    seconds=60,
                    what="all captioned",
                )
                if daemon.poll() is None:
                    seconds = time.monotonic() - began
                    daemon.send_signal(ended_by)
                    assert daemon.wait(timeout=30) == (
                        0 if ended_by == signal.SIGTERM else -ended_by
                    )
                    return start, seconds
                assert daemon.returncode == 1, self.home.log.read_text()[-3000:]
        raise AssertionError(self.home.log.read_text()[-3000:])


@contextlib.contextmanager
def shelf(home: Home, url: str, *, photos: int) -> Iterator[Shelf]:
    """Yield a library in which every photo is captioned."""
    made = Shelf(home, url)
    made.add(photos)
    made.serve()
    yield made
