"""From the drop of a photo to its request, less the time that a file must rest."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import stage
from benchmarks.measure import Aim, Figure
from captiond.testing.photo_maker import make_jpeg

SETTLE_SECONDS = 0.5
A_SECOND = 50
WIDTHS = 64


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures."""
    single, steady = (5, 50) if quick else (20, 300)
    with stage.gemini(folder, sizes=True) as gemini:
        home = stage.Home(
            folder / "home", gemini.url, folder / "photos", settle_seconds=SETTLE_SECONDS
        )
        ready = [_write(folder, number) for number in range(1 + single + steady)]
        with home.running():
            _one_by_one(ready[:1], home, gemini)  # the first one starts the decoders
            alone = _one_by_one(ready[1 : 1 + single], home, gemini)
            stream = _steadily(ready[1 + single :], home, gemini)
    yield Figure("one photo at a time, less the settle time", "ms", alone, Aim(60))
    yield Figure(f"{A_SECOND} photos a second, less the settle time", "ms", stream, Aim(60))


def _size(number: int) -> tuple[int, int]:
    """Return the width and height that tell photo `number` from all others."""
    return 1280 - number % WIDTHS, 853 - number // WIDTHS


def _write(folder: Path, number: int) -> Path:
    """Write a photo of some 200 KB where nobody watches."""
    width, height = _size(number)
    path = folder / f"{number}.jpg"
    path.write_bytes(make_jpeg(width=width, height=height, seed=number))
    return path


def _one_by_one(ready: list[Path], home: stage.Home, gemini: stage.Gemini) -> list[float]:
    late = []
    for photo in ready:
        stage.pause(random.uniform(0.0, 0.1))
        late += _waits_ms({photo: _drop(photo, home)}, gemini)
    return late


def _steadily(ready: list[Path], home: stage.Home, gemini: stage.Gemini) -> list[float]:
    began, dropped = time.monotonic(), {}
    for number, photo in enumerate(ready):
        stage.pause(began + number / A_SECOND - time.monotonic())
        dropped[photo] = _drop(photo, home)
    return _waits_ms(dropped, gemini)


def _drop(photo: Path, home: stage.Home) -> float:
    """Move the photo into the watched folder; return when, in unix seconds."""
    photo.rename(home.photos / photo.name)
    return time.time()


def _waits_ms(dropped: dict[Path, float], gemini: stage.Gemini) -> list[float]:
    """Return how long each photo waited for its request, beyond the settle time."""
    wanted = {_size(int(photo.stem)): at for photo, at in dropped.items()}

    def came() -> dict[tuple[int, int], float]:
        return {(asked.width, asked.height): asked.at for asked in gemini.asked()}

    stage.wait_until(lambda: wanted.keys() <= came().keys(), seconds=stage.RUN_SECONDS)
    asked = came()
    return [(asked[size] - at - SETTLE_SECONDS) * 1000 for size, at in wanted.items()]
