"""Notices when something is mounted or unmounted at a root, above it, or within it."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
from anyio.abc import TaskStatus

from captiond.intake.folder import WatchedFolder
from captiond.intake.mounts import MOUNTINFO, Places, places_now
from captiond.intake.statx import mount_life

PULSE_SECONDS = 1.0
"""One poll(2) that never waits. The table is read only when it has changed: 5000 mounts take 25 ms,
and where containers come and go it changes all day for others."""


async def follow_mounts(
    watched: WatchedFolder,
    on_change: Callable[[Places], None],
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Call `on_change` with the mounts the root is made of, at once and whenever they change."""
    with _signal() as has_changed:
        places, lives = await anyio.to_thread.run_sync(_look, watched, abandon_on_cancel=True)
        on_change(places)
        task_status.started()
        while True:
            await anyio.sleep(PULSE_SECONDS)
            if has_changed():
                former = places, lives
                places, lives = await anyio.to_thread.run_sync(
                    _look, watched, abandon_on_cancel=True
                )
                if (places, lives) != former:
                    on_change(places)


@contextmanager
def _signal() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether any mount came or went since it was asked last."""
    try:
        table = MOUNTINFO.open("rb", buffering=0)
    except OSError:
        yield lambda: False
        return
    with table:
        poll = select.poll()
        poll.register(table, select.POLLPRI)
        yield lambda: bool(poll.poll(0))


def _look(watched: WatchedFolder) -> tuple[Places, Mapping[str, int | None]]:
    """Return the mounts of a root, and of each the number of its life."""
    places = places_now(watched)
    return places, {place: mount_life(watched.full(place)) for place in places}
