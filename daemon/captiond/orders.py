"""Turns signals into orders: stop, stop at once, read the configuration again."""

from __future__ import annotations

import signal

import anyio
import structlog
from anyio.abc import TaskGroup, TaskStatus

log = structlog.get_logger()


class Orders:
    """What the operator wants; there is one waiter, the service."""

    def __init__(self) -> None:
        self.stopping = False
        self._news = anyio.Event()

    async def news(self) -> None:
        """Return at the next order: `stopping`, or else to read the configuration again."""
        if not self.stopping:
            await self._news.wait()
            self._news = anyio.Event()

    def stop(self) -> None:
        """Ask for the end."""
        self.stopping = True
        self._news.set()

    def reload(self) -> None:
        """Ask for the configuration to be read again."""
        self._news.set()


async def obey_signals(
    life: TaskGroup, *, task_status: TaskStatus[Orders] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Listen for SIGTERM, SIGINT (a second one cancels `life`) and SIGHUP; hand over the orders."""
    orders = Orders()
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    with anyio.open_signal_receiver(*numbers) as received:
        task_status.started(orders)
        async for number in received:
            log.info("signal.received", signal=signal.Signals(number).name)
            if number == signal.SIGHUP:
                orders.reload()
            elif orders.stopping:
                life.cancel_scope.cancel()
            else:
                orders.stop()
