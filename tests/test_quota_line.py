"""Who is let in next."""

from __future__ import annotations

import anyio
from anyio import wait_all_tasks_blocked

from captiond.models import Lane
from captiond.quota.line import Line


class Crowd:
    """Goes through a line; `entered` in their order, each stays until it is let go."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.entered: list[str] = []
        self.leave: dict[str, anyio.Event] = {}

    async def go(self, name: str, lane: Lane) -> None:
        self.leave[name] = anyio.Event()
        async with self.line.place(lane):
            self.entered.append(name)
            await self.leave[name].wait()


async def test_an_arrival_is_let_in_before_all_who_wait_in_the_backlog() -> None:
    """The next place that is free is its own; within a lane the first to come goes first."""
    crowd = Crowd(Line(2))
    async with anyio.create_task_group() as tasks:
        for name in ("old 1", "old 2", "old 3", "old 4"):
            tasks.start_soon(crowd.go, name, Lane.BACKLOG)
        await wait_all_tasks_blocked()
        assert crowd.entered == ["old 1", "old 2"]
        for name in ("new 1", "new 2"):
            tasks.start_soon(crowd.go, name, Lane.ARRIVAL)
        await wait_all_tasks_blocked()
        for number, name in enumerate(("new 1", "new 2", "old 3", "old 4")):
            crowd.leave[crowd.entered[number]].set()
            await wait_all_tasks_blocked()
            assert crowd.entered[2:] == ["new 1", "new 2", "old 3", "old 4"][: number + 1], name
        for leave in crowd.leave.values():
            leave.set()


async def test_a_place_of_one_who_gave_up_goes_to_the_next() -> None:
    """Cancelled while waiting, or in the very moment of being called: no place is lost."""
    line, crowd = Line(1), Crowd(Line(1))
    crowd.line = line
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(crowd.go, "first", Lane.ARRIVAL)
        await wait_all_tasks_blocked()
        async with anyio.create_task_group() as impatient:
            for name in ("waits", "is called"):
                impatient.start_soon(crowd.go, name, Lane.ARRIVAL)
            await wait_all_tasks_blocked()
            crowd.leave["first"].set()
            impatient.cancel_scope.cancel()
        crowd.leave["last"] = anyio.Event()
        tasks.start_soon(crowd.go, "last", Lane.BACKLOG)
        await wait_all_tasks_blocked()
        assert crowd.entered == ["first", "last"]
        crowd.leave["last"].set()


async def test_fewer_places_take_none_away_and_more_are_filled_at_once() -> None:
    """Whoever is in stays in; nobody is let in until there is a place again."""
    crowd = Crowd(Line(2))
    async with anyio.create_task_group() as tasks:
        for name in "abcd":
            tasks.start_soon(crowd.go, name, Lane.BACKLOG)
        await wait_all_tasks_blocked()
        crowd.line.places = 1
        crowd.leave["a"].set()
        await wait_all_tasks_blocked()
        assert crowd.entered == ["a", "b"]
        crowd.line.places = 3
        await wait_all_tasks_blocked()
        assert crowd.entered == ["a", "b", "c", "d"]
        for leave in crowd.leave.values():
            leave.set()
