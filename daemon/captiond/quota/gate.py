"""May we ask now? One gate before the captioner, shared by all workers.

open        ask as many as there are workers
held        the service is busy or out of reach: nothing until `until`, then one photo as a probe
parked      the quota or the money of a day is used up: nothing until a moment of the calendar
stopped     key, model, money or a setting is wrong: an operator must act; one probe now and then
closed      captiond is ending

Times are ticks (`now`): seconds of a clock that never jumps.

The gate bears FAULTS_IN_A_ROW faults between two answers: when one request in a hundred meets a
503, holding everybody up each time halves what 64 workers get done. Before the first answer it
bears none. A held gate doubles its pause from HOLD_SECONDS up to HOLD_LIMIT_SECONDS, so that a
service that answers nothing but 503 sees at most two requests a second, and one that recovered is
noticed within seconds. A delay that the service names itself is kept to instead; as it may name
none ("0s"), never less than HOLD_SECONDS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

FAULTS_IN_A_ROW = 3
HOLD_SECONDS = 1.0
HOLD_LIMIT_SECONDS = 3.0
"""Also how long a probe may be silent before another one is sent beside it."""
STOP_PROBE_SECONDS = 900.0
STOP_PROBE_LIMIT_SECONDS = 4 * 3600.0
"""An operator who topped the account up sees it go on within a coffee break, or the same day; six
questions a day that are refused for nothing offend nobody."""
UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Pause:
    """Why nothing is asked; `until` in ticks, None = until an operator acts.

    `goes_on_at` is the moment of the calendar, in unix seconds, that a parked gate waits for.
    """

    reason: str
    until: float | None
    goes_on_at: float | None = None


class Gate:
    """Holds the answer; synchronous, for the event loop's own thread."""

    def __init__(self) -> None:
        self._pause: Pause | None = None
        self._closed = False
        self._faults = FAULTS_IN_A_ROW - 1
        self._delay = HOLD_SECONDS
        self._asked: list[float] = []
        self._probe_at: float | None = None
        self._stopped_at = math.inf
        self._stop_delay = STOP_PROBE_SECONDS
        self._stop_probe_at = math.inf

    @property
    def pause(self) -> Pause | None:
        """What keeps the gate closed, None when it is open."""
        return self._pause

    def allowance(self, *, now: float, in_flight: int) -> int:
        """Return how many more photos may be begun now; questions in flight may hang."""
        if self._pause is None:
            return UNLIMITED
        on_the_way = in_flight - len(self._asked)
        return 1 if self.opens_in(now=now) == 0.0 and on_the_way <= 0 else 0

    def opens_in(self, *, now: float) -> float | None:
        """Return the seconds until a question may be sent: 0 = now, None = never again."""
        if self._closed:
            return None
        if self._pause is None:
            return 0.0
        opens_at = self._stop_probe_at if self._pause.until is None else self._pause.until
        probed = 0.0 if self._probe_at is None else self._probe_at + HOLD_LIMIT_SECONDS
        return max(opens_at - now, probed - now, 0.0)

    def held_for(self, *, now: float) -> float:
        """Return the seconds that are left of a pause; 0 when it is open, parked or stopped."""
        pause = self._pause
        if pause is None or pause.until is None or pause.goes_on_at is not None:
            return 0.0
        return max(pause.until - now, 0.0)

    def admit(self, *, now: float) -> bool:
        """Tell whether a question may be sent now; after a pause only one may, as the probe.

        Whoever was admitted says `leave` when the question is over.
        """
        if self.opens_in(now=now) != 0.0:
            return False
        if self._pause is not None:
            self._probe_at = now
            self._stop_delay = min(2 * self._stop_delay, STOP_PROBE_LIMIT_SECONDS)
            self._stop_probe_at = now + self._stop_delay
        self._asked.append(now)
        return True

    def leave(self, *, started_at: float) -> None:
        """Note that a question is over, however it ended: after the probe's comes the next."""
        self._asked.remove(started_at)
        if started_at == self._probe_at:
            self._probe_at = None

    def succeed(self, *, started_at: float) -> None:
        """Note an answer; one that was asked for after the pause was over opens the gate.

        An answer to an older question says nothing about a quota used up since.
        """
        if not self._closed and started_at >= min(self._until, self._stopped_at):
            self._pause = self._probe_at = None
            self._faults, self._delay = 0, HOLD_SECONDS
            self._stopped_at, self._stop_delay = math.inf, STOP_PROBE_SECONDS

    def hold(
        self,
        reason: str,
        *,
        started_at: float,
        now: float,
        retry_after: float | None = None,
        limit_seconds: float = HOLD_LIMIT_SECONDS,
    ) -> bool:
        """Note a fault; close for a while if there were too many; return whether that is news.

        `limit_seconds` is how far the pause may grow from fault to fault.
        """
        was_open = self._pause is None
        self._faults += 1
        if retry_after is not None:
            delay = max(retry_after, HOLD_SECONDS)
        elif self._is_borne(started_at):
            return False
        else:
            delay = min(self._delay, limit_seconds)
            self._delay = 2 * delay
        if now + delay > self._until:
            self._pause = Pause(reason, now + delay)
        return was_open

    def park(self, reason: str, *, until: float, clock: float, now: float) -> bool:
        """Close until a moment of the calendar; return whether that is news.

        `until` and `clock`, which is now, are unix seconds. A probe that finds a quota used up
        shows that whatever stopped the gate is mended.
        """
        opens_at = now + until - clock
        stopped = self._pause is not None and self._pause.until is None
        if self._closed or (opens_at <= self._until and not stopped):
            return False
        news = self._pause is None or self._pause.goes_on_at is None
        self._pause = Pause(reason, opens_at, goes_on_at=until)
        self._stopped_at = math.inf
        return news

    def unpark(self, *, now: float) -> None:
        """End a park: the calendar turned out to be another one. The next question is a probe."""
        if self._pause is not None and self._pause.goes_on_at is not None:
            self._pause = replace(self._pause, until=now, goes_on_at=None)

    def stop(self, reason: str, *, now: float) -> bool:
        """Close until an operator acted, and ask rarely whether; return whether that is news."""
        if self._closed:
            return False
        news = self._until < math.inf
        if news:
            self._stopped_at = now
            self._stop_delay = STOP_PROBE_SECONDS
            self._stop_probe_at = now + STOP_PROBE_SECONDS
        self._pause = Pause(reason, None)
        return news

    def close(self, reason: str) -> None:
        """Close for good."""
        self._closed = True
        self._pause = Pause(reason, None)

    @property
    def _until(self) -> float:
        if self._pause is None:
            return -math.inf
        return math.inf if self._pause.until is None else self._pause.until

    def _is_borne(self, started_at: float) -> bool:
        """Tell whether a fault changes nothing: one of few, or of a question before the pause."""
        if self._pause is None:
            return self._faults < FAULTS_IN_A_ROW
        return started_at < self._until
