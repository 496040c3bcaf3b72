"""May we ask now? One gate before the captioner, shared by all workers.

open        ask as many as there are workers
held        the service is busy or out of reach: nothing until `until`, then one photo as a probe
stopped     key, model or setting is wrong: nothing until the configuration is read again

A held gate doubles its pause from HOLD_SECONDS up to HOLD_LIMIT_SECONDS, so that a service that
answers nothing but 503 sees at most two requests a second, and one that recovered is noticed
within seconds. A delay that the service names itself is kept to instead.
"""

from __future__ import annotations

from dataclasses import dataclass

HOLD_SECONDS = 0.5
HOLD_LIMIT_SECONDS = 4.0
UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Pause:
    """Why nothing is asked; `until` in unix seconds, None = until an operator acts."""

    reason: str
    until: float | None


class Gate:
    """Holds the answer; synchronous, for the event loop's own thread."""

    def __init__(self) -> None:
        self._pause: Pause | None = None
        self._failures = 0
        self._probing = False

    @property
    def pause(self) -> Pause | None:
        """What keeps the gate closed, None when it is open."""
        return self._pause

    def allowance(self, *, now: float, in_flight: int) -> int:
        """Return how many more photos may be asked about now."""
        if self._pause is None:
            return UNLIMITED
        if self._pause.until is None or now < self._pause.until:
            return 0
        return 1 if in_flight == 0 else 0

    def opens_in(self, *, now: float) -> float | None:
        """Return the seconds until a question may be sent: 0 = now, None = nobody knows."""
        if self._pause is None:
            return 0.0
        return None if self._pause.until is None else max(self._pause.until - now, 0.0)

    def admit(self, *, now: float) -> bool:
        """Tell whether a question may be sent now; after a pause only one may, as the probe.

        Whoever was admitted says `leave` when the question is over.
        """
        if self._pause is None:
            return True
        if self._probing or self.opens_in(now=now) != 0.0:
            return False
        self._probing = True
        return True

    def leave(self) -> None:
        """Note that a question is over, however it ended: the next may be a probe."""
        self._probing = False

    def succeed(self, *, started_at: float) -> None:
        """Note an answer; one that was asked for after the pause was over opens the gate.

        An answer to an older question says nothing about a quota used up since.
        """
        self._failures = 0
        until = self._pause.until if self._pause else None
        if until is not None and started_at >= until:
            self._pause = None

    def hold(self, reason: str, *, now: float, retry_after: float | None = None) -> bool:
        """Close for a while; return whether the gate was open before."""
        was_open = self._pause is None
        if not was_open and self.opens_in(now=now) != 0.0 and retry_after is None:
            return False  # the other requests of the same moment: one failure, not many
        delay = retry_after
        if delay is None:
            delay = min(HOLD_SECONDS * 2**self._failures, HOLD_LIMIT_SECONDS)
            self._failures = min(self._failures + 1, 10)
        if self._pause is None or self._pause.until is not None:
            held = self._pause.until if self._pause and self._pause.until else now
            self._pause = Pause(reason, max(held, now + delay))
        return was_open

    def stop(self, reason: str) -> bool:
        """Close until the configuration is read again; return whether that is news."""
        news = self._pause is None or self._pause.until is not None
        if news:
            self._pause = Pause(reason, None)
        return news
