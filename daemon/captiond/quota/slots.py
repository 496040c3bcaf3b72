"""How many questions at once: as many as the operator allows, fewer at first, more in a silence.

Until the first answer there is one slot, and another each PATIENCE_SECONDS of silence: a start amid
an outage, or a row of restarts, sends one question and not sixty-four.

A service that says "too fast", or one that is overloaded, gets half as many at once, and one more
again with each round of answers (AIMD, as TCP does it): a limit that nobody tells is found that
way, and a short overload is forgotten within seconds.

A question that hangs is not given up, as its answer may be paid for; but its slot is lent to
another: to one each PATIENCE_SECONDS while nothing comes back at all, to all that hang once a
younger question was answered. Else a server that fell silent for a moment would be heard of
again only when the timeout of every slot is over. How long is hanging depends on how long answers
took of late, so that a service that was always slow never gets more questions at once than it is
allowed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass

import anyio

from captiond.errors import Busy, CaptionerBusy, CaptionerShed, PhotoError
from captiond.models import Lane
from captiond.quota.line import Line

PATIENCE_SECONDS = 4.0
"""A service that is back after a silence is to be noticed within five seconds."""
OPENED_AT_ONCE = 4
OPENING_SECONDS = 0.01
"""The loop sends a question in 2 ms: 64 that begin together keep all else waiting for 0.1 s."""
CUT = 0.5
GROWN_EACH_ROUND = 1.0
"""Slots; a round is as many answers as there are slots. After a cut from 64 to 32 it takes 32
rounds to be back: faster, and each 429 would soon be followed by the next."""
SLOWEST_FADES = 0.98
"""With each answer: half of it is forgotten after 34, a second with 64 workers."""


@dataclass(eq=False, slots=True)
class _Question:
    started_at: float
    lent: bool = False
    timer: asyncio.TimerHandle | None = None


class Slots:
    """Hands out `total` slots; for the event loop's own thread."""

    def __init__(self, total: int, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.total = total
        self._most = float(total)
        self._cut_at = -math.inf
        self._patience_seconds = patience_seconds
        self._line = Line(1)
        self._open = 1
        self._lent = 0
        self._lent_at = -math.inf
        self._slowest: float | None = None
        self._questions: set[_Question] = set()

    @property
    def now(self) -> int:
        """How many questions may be asked at once now, beside those that are lent."""
        return min(self._open, max(math.floor(self._most), 1))

    def cut(self) -> None:
        """Halve the slots: the service is asked too much."""
        self._most = max(CUT * min(self._most, self._open), 1.0)
        self._cut_at = anyio.current_time()
        self._resize()

    def slot(self, lane: Lane) -> AbstractAsyncContextManager[None]:
        """Wait for a slot, arrivals first, and hold it."""
        return self._line.place(lane)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the question that is asked in this slot; a PhotoError is an answer, too."""
        question = _Question(anyio.current_time())
        self._questions.add(question)
        self._look(question)
        try:
            yield
        except PhotoError:
            self._answered(question)
            raise
        except CaptionerShed:
            self._refused(question)
            raise
        except CaptionerBusy as error:
            if error.kind in {Busy.RATE, Busy.BARE}:
                self._refused(question)
            raise
        else:
            self._answered(question)
        finally:
            self._over(question)

    def _refused(self, question: _Question) -> None:
        """Cut; of the questions that were asked together, and refused together, one counts."""
        if question.started_at >= self._cut_at:
            self.cut()

    def _look(self, question: _Question) -> None:
        """Open or lend a slot for a question that hangs; look again later if it does not yet."""
        now = anyio.current_time()
        lent_until = self._lent_at + self._patience_seconds
        wait = max(question.started_at + self._patience(), lent_until) - now
        if wait > 0:
            question.timer = asyncio.get_running_loop().call_later(wait, self._look, question)
            return
        self._lent_at = now
        if self._slowest is None:
            self._open = min(self._open + 1, self.total)
            self._resize()
        else:
            self._lend([question])

    def _patience(self) -> float:
        return max(self._patience_seconds, 2 * (self._slowest or 0.0))

    def _answered(self, question: _Question) -> None:
        now = anyio.current_time()
        took = now - question.started_at
        self._slowest = max(took, (self._slowest or 0.0) * SLOWEST_FADES)
        self._most = min(self._most + GROWN_EACH_ROUND / self._most, self.total)
        self._open_more()
        older = [one for one in self._questions if one.started_at < question.started_at]
        self._lend(one for one in older if now - one.started_at >= self._patience())

    def _open_more(self) -> None:
        self._open = min(self._open + OPENED_AT_ONCE, self.total)
        self._resize()
        if self._open < self.total:
            asyncio.get_running_loop().call_later(OPENING_SECONDS, self._open_more)

    def _lend(self, questions: Iterable[_Question]) -> None:
        for question in questions:
            self._lent += not question.lent
            question.lent = True
        self._resize()

    def _over(self, question: _Question) -> None:
        if question.timer is not None:
            question.timer.cancel()
        self._questions.remove(question)
        self._lent -= question.lent
        self._resize()

    def _resize(self) -> None:
        self._line.places = self.now + self._lent
