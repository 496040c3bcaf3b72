"""When a file counts as finished."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from captiond.index.base import Sighting
from captiond.intake.settle import NotPlain, Settled, Settling
from captiond.intake.settler import in_lane
from captiond.models import Lane, Photo, Signature

SETTLE_SECONDS = 2.0
PHOTO = Photo("/photos", "a.jpg")
NAMES = st.sampled_from(["a.jpg", "b.jpg", "c/d.jpg"])


def signature(version: int) -> Signature:
    return Signature(version, version, version, 1)


def test_two_equal_looks_a_settle_time_apart_settle():
    """A file is finished when a look a settle time later sees the same."""
    settling = Settling(SETTLE_SECONDS)
    assert settling.look(PHOTO, signature(1), lane=Lane.BACKLOG, now=10.0) is None
    assert settling.look(PHOTO, signature(1), lane=Lane.BACKLOG, now=11.9) is None
    settled = settling.look(PHOTO, signature(1), lane=Lane.BACKLOG, now=12.0)
    assert settled == Settled(PHOTO, Lane.BACKLOG, signature(1))
    assert len(settling) == 0


@pytest.mark.parametrize("field", ["size", "mtime_ns", "ctime_ns", "inode"])
def test_any_change_starts_the_time_anew(field: str):
    """A change of any part of the signature counts as writing."""
    settling, before = Settling(SETTLE_SECONDS), {"size": 1, "mtime_ns": 1, "ctime_ns": 1}
    settling.look(PHOTO, Signature(**before, inode=1), lane=Lane.ARRIVAL, now=0.0)
    after = Signature(**{**before, "inode": 1, field: 2})
    assert settling.look(PHOTO, after, lane=Lane.ARRIVAL, now=2.0) is None
    assert settling.next_deadline() == 4.0


def test_an_arrival_stays_an_arrival():
    """A photo found by event and by scan keeps the earlier lane."""
    settling = Settling(SETTLE_SECONDS)
    settling.look(PHOTO, signature(1), lane=Lane.ARRIVAL, now=0.0)
    settled = settling.look(PHOTO, signature(1), lane=Lane.BACKLOG, now=2.0)
    assert settled is not None
    assert settled.lane is Lane.ARRIVAL


def test_the_earliest_deadlines_come_first():
    """Photos come due in the order of their deadlines, as many as asked for."""
    settling = Settling(SETTLE_SECONDS)
    for number in (3, 1, 2):
        photo = Photo("/photos", f"{number}.jpg")
        settling.look(photo, signature(1), lane=Lane.BACKLOG, now=float(number))
    assert [photo.path for photo, _ in settling.due(10.0, limit=2)] == ["1.jpg", "2.jpg"]
    assert settling.next_deadline() == 5.0


def test_a_slow_writer_costs_no_memory():
    """A photo that is looked at ten thousand times waits once."""
    settling = Settling(SETTLE_SECONDS)
    for version in range(10_000):
        settling.look(PHOTO, signature(version), lane=Lane.ARRIVAL, now=float(version))
        settling.due(float(version), limit=10)
    assert len(settling._heap) == 1


@dataclass
class Disk:
    """One file as it is: what a look sees, and since when."""

    seen: Signature | NotPlain | None
    since: float


class SettlingMachine(RuleBasedStateMachine):
    """Writers, deletions, hints and looks at arbitrary times, against what really happened."""

    @initialize()
    def begin(self) -> None:
        self.settling = Settling(SETTLE_SECONDS)
        self.now = 0.0
        self.version = 0
        self.disk: dict[str, Disk] = {}
        self.hinted: set[str] = set()

    @rule(name=NAMES)
    def write(self, name: str) -> None:
        self.version += 1
        self.disk[name] = Disk(signature(self.version), self.now)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if name in self.disk:
            self.disk[name] = Disk(None, self.now)

    @rule(name=NAMES)
    def replace_by_folder(self, name: str) -> None:
        self.version += 1
        self.disk[name] = Disk(NotPlain("a folder", self.version), self.now)

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 2.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=NAMES, lane=st.sampled_from(Lane))
    def hint(self, name: str, lane: Lane) -> None:
        self.hinted.add(name)
        self.look(name, lane)

    @rule(limit=st.integers(1, 3))
    def look_at_due(self, limit: int) -> None:
        for photo, lane in self.settling.due(self.now, limit=limit):
            self.look(photo.path, lane)

    @precondition(lambda self: self.hinted)
    @rule()
    def everything_settles_when_left_alone(self) -> None:
        for _ in range(3):
            self.now += SETTLE_SECONDS
            for photo, lane in self.settling.due(self.now, limit=100):
                self.look(photo.path, lane)
        assert not self.hinted
        assert self.settling.next_deadline() is None

    def look(self, name: str, lane: Lane) -> None:
        file = self.disk.get(name, Disk(None, 0.0))
        settled = self.settling.look(Photo("/photos", name), file.seen, lane=lane, now=self.now)
        if settled:
            assert settled.seen == file.seen
            if file.seen is not None:  # nothing looks the same before and after a short visit
                assert self.now - file.since >= SETTLE_SECONDS, "settled while written to"
            self.hinted.discard(name)

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "settling"):
            assert len(self.settling) == len(self.hinted)
            assert (self.settling.next_deadline() is None) == (not self.hinted)


SettlingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSettling = SettlingMachine.TestCase


@pytest.mark.parametrize(
    ("came_at", "lane"), [(999.0, Lane.BACKLOG), (1001.0, Lane.ARRIVAL)], ids=["before", "after"]
)
def test_what_comes_while_captiond_runs_is_an_arrival_whoever_finds_it(came_at, lane):
    """On a mount without events only a scan finds photos: none waits there behind a backlog."""
    signature = Signature(1, 1, int(came_at * 1e9), 1)
    found = Sighting(Photo("/photos", "a.jpg"), signature, Lane.BACKLOG)
    assert in_lane(found, since=1000.0) == replace(found, lane=lane)
