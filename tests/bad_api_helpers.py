"""Runs the real parts of the daemon in this process against a loopback Gemini that misbehaves."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import anyio
from kill_helpers import make_photo

from captiond.app import App, open_app
from captiond.intake.attend import scan_once
from captiond.models import State
from captiond.settings import (
    FolderSettings,
    GeminiSettings,
    IndexSettings,
    Settings,
    WatchSettings,
)

KEY = "AQ.a-key-for-a-bad-api"


@dataclass
class Station:
    """A folder of photos with pictures of their own, and the parts that caption them."""

    path: Path
    url: str
    concurrency: int = 8
    timeout_seconds: float = 30.0
    come: int = 0

    @property
    def photos(self) -> Path:
        return self.path / "photos"

    def settings(self) -> Settings:
        self.photos.mkdir(parents=True, exist_ok=True)
        (self.path / "key").write_text(KEY)
        return Settings(
            index=IndexSettings(path=str(self.path / "index.db")),
            gemini=GeminiSettings(
                base_url=self.url,
                api_key_file=str(self.path / "key"),
                concurrency=self.concurrency,
                timeout_seconds=self.timeout_seconds,
            ),
            watch=WatchSettings(settle_seconds=0.1),
            folders=[FolderSettings(path=str(self.photos), sidecars=["txt"])],
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[App]:
        """Open the parts and feed them; photos are found by `drop`."""
        async with open_app(self.settings()) as app, anyio.create_task_group() as feeding:
            app.feed(feeding)
            yield app
            app.wind_down(feeding)
            feeding.cancel_scope.cancel()

    async def drop(self, app: App, count: int) -> None:
        """Let photos come, and be found."""
        for number in range(self.come, self.come + count):
            (self.photos / f"{number}.jpg").write_bytes(make_photo(number))
        self.come += count
        await scan_once(app.intakes[0])

    async def all_captioned(self, app: App, *, seconds: float = 120.0) -> None:
        """Return when every photo is captioned; fail when one ends otherwise."""
        await self.reached(app, {State.CAPTIONED: self.come}, seconds=seconds)

    async def reached(self, app: App, counts: dict[State, int], *, seconds: float = 120.0) -> None:
        """Return when the photos stand like this."""
        deadline = anyio.current_time() + seconds
        while (found := await app.index.counts()) != counts:
            assert anyio.current_time() < deadline, found
            assert found.get(State.FAILED, 0) <= counts.get(State.FAILED, 0), found
            await anyio.sleep(0.02)

    def rows(self, query: str) -> list[tuple]:
        with closing(sqlite3.connect(self.path / "index.db")) as connection:
            return connection.execute(query).fetchall()

    def assert_nothing_lost(self) -> None:
        """Every photo has a caption, a sidecar, and one answer that was paid for."""
        assert self.rows("select count(distinct digest) from captions") == [(self.come,)]
        assert len(list(self.photos.glob("*.txt"))) == self.come
        twice = (
            "select digest from requests where state = 'answered' group by 1 having count(*) > 1"
        )
        assert self.rows(twice) == []
        assert self.rows("select count(*) from requests where state = 'inflight'") == [(0,)]


async def until(condition: Callable[[], object], *, seconds: float = 60.0) -> float:
    """Return how many seconds it took until the condition held."""
    began = anyio.current_time()
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 counts have no event
            await anyio.sleep(0.02)
    return anyio.current_time() - began


def most_in_a_second(moments: Sequence[float]) -> int:
    """Return the largest number of moments within any one second."""
    return max(
        (bisect_left(moments, at + 1.0) - number for number, at in enumerate(moments)), default=0
    )
