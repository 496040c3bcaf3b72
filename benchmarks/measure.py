"""Measures: figures with their aims, memory of processes, stalls of an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil

SAMPLE_SECONDS = 0.1
BEAT_SECONDS = 0.005
MB = 1 << 20

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound for a figure's median, or for its ratio to the baseline."""

    bound: float
    of: str = "value"
    at_least: bool = False

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{sign} {self.bound:g}" + ("x" if self.of == "ratio" else "")

    def is_reached(self, figure: float) -> bool:
        """Tell whether a median or ratio is on the right side of the bound."""
        return figure >= self.bound if self.at_least else figure <= self.bound


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `baseline` has one value for each of `values`, or is one constant."""

    what: str
    unit: str
    values: Sequence[float]
    aim: Aim | None = None
    baseline: Sequence[float] = field(default=())

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """The median of the ratios within each pair: what slows both down cancels out."""
        if not self.baseline:
            return None
        pairs = zip(self.values, self.baseline, strict=True)
        return statistics.median(value / base for value, base in pairs)

    @property
    def reached(self) -> bool | None:
        """Whether the aim is reached, None without one."""
        if self.aim is None:
            return None
        judged = self.ratio if self.aim.of == "ratio" else self.median
        return judged is not None and self.aim.is_reached(judged)


def interleaved(one: Callable[[], A], other: Callable[[], B], *, times: int) -> list[tuple[A, B]]:
    """Run both in turns: one other one other."""
    return [(one(), other()) for _ in range(times)]


def high_water_mb(pid: int | str = "self") -> float:
    """Return the most memory (RSS) that a process ever held, by the kernel's account."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@dataclass
class Memory:
    """What a process tree held: the root's peak RSS, and the peak of the PSS of all together.

    PSS counts a page that n processes share as 1/n in each: their sum is what the machine lends.
    """

    root_mb: float = 0.0
    tree_mb: float = 0.0
    tree_processes: int = 0


@contextlib.contextmanager
def memory_of(pid: int) -> Iterator[Memory]:
    """Watch a process and its descendants while the block runs."""
    memory, over = Memory(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(psutil.Process(pid), memory, over))
    watcher.start()
    try:
        yield memory
    finally:
        over.set()
        watcher.join()


def _watch(root: psutil.Process, memory: Memory, over: threading.Event) -> None:
    while not over.wait(SAMPLE_SECONDS):
        try:
            processes = [root, *root.children(recursive=True)]
            memory.root_mb = max(memory.root_mb, high_water_mb(root.pid))
        except (psutil.NoSuchProcess, OSError, IndexError):
            return
        shares = [_pss_mb(process) for process in processes]
        if sum(shares) > memory.tree_mb:
            memory.tree_mb, memory.tree_processes = sum(shares), len(shares)


def _pss_mb(process: psutil.Process) -> float:
    try:
        return process.memory_full_info().pss / MB
    except (psutil.Error, OSError):
        return 0.0


class StallProbe:
    """A task that wants to run every BEAT_SECONDS and notes how late it gets its turn."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.worst: tuple[float, float] = (0.0, 0.0)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            due, used = time.perf_counter() + BEAT_SECONDS, time.thread_time()
            await asyncio.sleep(BEAT_SECONDS)
            late = (time.perf_counter() - due) * 1000
            self.late_ms.append(late)
            self.worst = max(self.worst, (late, (time.thread_time() - used) * 1000))

    def report(self) -> dict[str, float]:
        """Return the longest stall in ms and the loop's own share of it in CPU ms.

        What is not its own share, it waited: for the interpreter lock or for a processor.
        """
        ordered = sorted(self.late_ms) or [0.0]
        return {
            "longest_ms": self.worst[0],
            "own_ms": self.worst[1],
            "p99_ms": ordered[int(len(ordered) * 0.99)],
            "over_50_ms": float(sum(late > 50 for late in ordered)),
        }
