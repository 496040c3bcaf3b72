"""Names what a loopback Gemini can be told to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from captiond.models import Description
from captiond.testing.gemini_fault import Fault
from captiond.testing.gemini_limits import Limits
from captiond.testing.gemini_wire import ReceivedRequest

Answer = Callable[[ReceivedRequest], Awaitable[Description]]

FIXED = Description(
    caption="A grey cat sleeps on a red sofa beside a window.",
    title="Sleeping cat",
    alt_text="Grey cat asleep on a red sofa",
    keywords=("cat", "sofa", "window", "sleep", "red"),
    text="",
)


async def answer_fixed(request: ReceivedRequest) -> Description:  # noqa: ARG001 an Answer
    """Describe every photo in the same words, without a look at it."""
    return FIXED


@dataclass(slots=True)
class Counters:
    """What the server has seen; `refused` were answered with anything but a caption.

    `limited` of these were refused by the limits.
    """

    requests: int = 0
    answered: int = 0
    refused: int = 0
    limited: int = 0
    in_flight: int = 0
    peak: int = 0


@dataclass(kw_only=True, eq=False)
class Conditions:
    """All that can be set; a change while the server runs holds from the next request on.

    `script` gives one fault per request, None = a good answer; after it every answer is good.
    While there is a `standing` fault, every request meets that one instead, and the script waits.
    `keep` remembers that many of the newest requests. `limits` come before both.
    `flex_script` and `flex_standing` are the same for flex requests alone, and come before the
    others. `downgrade_to` is the tier that answers whatever tier was asked for. `retires_at`
    (RFC 3339) is told in every answer. A `new_project` may not use the oldest model.
    """

    answer: Answer = answer_fixed
    latency_seconds: float = 0.0
    script: Iterable[Fault | None] = ()
    standing: Fault | None = None
    api_key: str | None = None
    keep: int = 0
    model_version: str = ""
    limits: Limits = field(default_factory=Limits)
    flex_script: Iterable[Fault | None] = ()
    flex_standing: Fault | None = None
    downgrade_to: str = ""
    retires_at: str = ""
    new_project: bool = False
