"""Limits of the service, used nearly whole and hardly ever overrun.

Each row is a run of its own: the whole daemon beside the loopback Gemini as a process that enforces
one limit. Allowed is the limit times the minutes from the first request on; what a bucket holds on
top of that at the start is left out, so that more than all may be used. "told" = the number stands
in the settings; "learned" = nothing does, and the first refusals tell it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks import stage
from benchmarks.measure import Aim, Figure
from captiond.config import isolated_environment
from captiond.testing.photo_maker import tiny_jpeg

TOKENS_PER_MINUTE = 250_000
SHORT_SECONDS, LONG_SECONDS = 180.0, 900.0
"""Learning costs a few refusals once: of 60 a minute they are below 1 % in a quarter of an hour."""
AT_ONCE = {60: 8, TOKENS_PER_MINUTE: 8, 600: 16, 6000: 64}
"""Questions at once, by the limit: 10 a second at 0.5 s each, or 100 at 0.2 s, need so many."""


@dataclass(frozen=True, slots=True)
class Row:
    """One run: a limit per minute, how the service counts it, whether the settings tell it."""

    limit: int
    window: str
    told: bool
    of: str = "requests"

    @property
    def what(self) -> str:
        """Return what the row is called."""
        return f"{self.limit} {self.of} a minute, {self.window}, {self._known}"

    @property
    def _known(self) -> str:
        return "told" if self.told else "learned"

    @property
    def name(self) -> str:
        """Return a name for its folder."""
        return f"{self.limit}-{self.of}-{self.window}-{self._known}"

    def seconds(self, *, quick: bool) -> float:
        """Return how long the run takes."""
        if quick:
            return 75.0
        slow = self.limit in {60, TOKENS_PER_MINUTE}
        return LONG_SECONDS if slow and not self.told else SHORT_SECONDS

    def settings(self) -> str:
        """Return what the configuration says of it."""
        return f"[limits]\n{self.of}_per_minute = {self.limit}\n" if self.told else ""

    def server(self) -> dict[str, object]:
        """Return what the server is told."""
        key = {"requests": "requests_per_minute", "tokens": "input_tokens_per_minute"}[self.of]
        return {key: self.limit, "window": self.window}


def rows(limit: int, of: str = "requests") -> list[Row]:
    """Return the four runs of one limit."""
    return [Row(limit, w, told, of) for w in ("sliding", "bucket") for told in (True, False)]


def run(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures: rows that idle side by side, then those that fill a processor."""
    idle = [*rows(60), *rows(TOKENS_PER_MINUTE, "tokens"), *rows(600)]
    with ThreadPoolExecutor(len(idle)) as pool:
        for row, found in zip(
            idle, pool.map(lambda row: _measure(folder, row, quick=quick), idle), strict=True
        ):
            yield from _figures(row, found)
    for row in rows(6000):
        yield from _figures(row, _measure(folder, row, quick=quick))


def _figures(row: Row, found: dict[str, float]) -> Iterator[Figure]:
    yield Figure(f"{row.what}: used", "%", [found["used"]], Aim(95, at_least=True))
    yield Figure(
        f"  of {found['requests']:.0f} requests answered 429", "%", [found["refused"]], Aim(1)
    )


def _measure(folder: Path, row: Row, *, quick: bool) -> dict[str, float]:
    seconds, fast = row.seconds(quick=quick), row.limit == 6000
    photos = folder / row.name / "photos"
    photos.mkdir(parents=True)
    count = int(1.2 * (seconds / 60 + 1) * (row.limit if row.of == "requests" else 200))
    for number in range(count):
        (photos / f"{number:05}.jpg").write_bytes(tiny_jpeg(number))
    with _gemini(row, latency_seconds=0.2 if fast else 0.5) as url:
        home = stage.Home(
            folder / row.name / "home",
            url,
            photos,
            concurrency=AT_ONCE[row.limit],
            extra=row.settings(),
        )
        if fast:  # the question is what the pace does, not how fast a disk takes sidecars
            home.config.write_text(f"{home.config.read_text()}sidecars = []\n")
        with home.running():
            stage.wait_until(lambda: bool(_get(url, "moments")["asked"]), seconds=120)
            began = _get(url, "moments")["asked"][0]
            stage.pause(began + seconds - time.monotonic())
            moments, limited = _get(url, "moments"), _get(url, "counters")["limited"]
        tokens = home.ask("select coalesce(max(input_tokens), 0) from requests")
    asked = sum(at <= began + seconds for at in moments["asked"])
    answered = sum(at <= began + seconds for at in moments["answered"])
    allowed = row.limit * seconds / 60
    used = answered * (tokens if row.of == "tokens" else 1) / allowed
    return {"used": 100 * used, "refused": 100 * limited / asked, "requests": asked}


@contextlib.contextmanager
def _gemini(row: Row, *, latency_seconds: float) -> Iterator[str]:
    """Run a loopback Gemini that enforces the row's limit; yields its address."""
    module = "captiond.testing.gemini_server"
    with subprocess.Popen(
        [sys.executable, "-m", module, "--latency", str(latency_seconds)],
        env=isolated_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            limits = json.dumps({**row.server(), "paid": True}).encode()
            urllib.request.urlopen(f"{url}/limits", data=limits, timeout=10).close()
            yield url
        finally:
            server.terminate()


def _get(url: str, what: str) -> dict:
    with urllib.request.urlopen(f"{url}/{what}", timeout=30) as reply:
        return json.load(reply)
