"""Names what a loopback Gemini can be told to do."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Container, Iterable
from dataclasses import dataclass, field

from captiond.models import Description
from captiond.testing.gemini_fault import Fault
from captiond.testing.gemini_limits import Limits
from captiond.testing.gemini_wire import ReceivedRequest

Answer = Callable[[ReceivedRequest], Awaitable[Description]]

MOMENTS = 100_000
EVERY_THIRD = range(0, 10**9, 3)

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

    `limited` of these were refused by the limits. `batches` were created, `batch_items` run,
    `files` uploaded, `tokens` issued to service accounts.
    """

    requests: int = 0
    answered: int = 0
    refused: int = 0
    limited: int = 0
    in_flight: int = 0
    peak: int = 0
    batches: int = 0
    batch_items: int = 0
    files: int = 0
    tokens: int = 0


@dataclass(kw_only=True, eq=False)
class Conditions:
    """All that can be set, and what was seen.

    A change while the server runs holds from the next request on, but for `keep` and the scripts.

    `script` gives one fault per request, None = a good answer; after it every answer is good.
    While there is a `standing` fault, every request meets that one instead, and the script waits.
    `keep` remembers that many of the newest requests. `limits` come before both.
    `flex_script` and `flex_standing` are the same for flex requests alone, and come before the
    others. `downgrade_to` is the tier that answers whatever tier was asked for. `retires_at`
    (RFC 3339) is told in every answer. A `new_project` may not use the oldest model.

    A batch job takes `batch_seconds` (0 = it is done at the first poll) and ends as the next of
    `batch_outcomes` says ("succeeded" after the last). With "partly" those items fail whose index
    is in `batch_broken_items`. While `batch_hold` holds, jobs stay RUNNING until `POST
    /batches/release`. `batches_at_once` jobs may be unfinished. `batch_shuffled` results come in
    another order; output comes `batch_late_polls` after the state SUCCEEDED. `batch_standing`
    meets every request about batches and files; `poll_script` gives one fault per poll of a job.
    So many next creations are done but never answered (`lose_creations`), so many next lists of
    batches tell of none (`blind_lists`), so many next downloads
    break off in the middle (`cut_downloads`). Tokens of service accounts hold `token_seconds`.

    Seen: `received` are the newest requests. `asked_at` and `answered_at` are the moments of the
    newest requests and good answers, in seconds of the monotonic clock, which all processes of a
    machine share. `contents` tells how often an image was paid for, in a call or in a batch, by
    the sha256 of its bytes in hex.
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
    batch_seconds: float = 0.0
    batch_outcomes: Iterable[str] = ()
    batch_broken_items: Container[int] = EVERY_THIRD
    batch_hold: bool = False
    batches_at_once: int = 100
    batch_shuffled: bool = False
    batch_late_polls: int = 0
    batch_standing: Fault | None = None
    poll_script: Iterable[Fault | None] = ()
    lose_creations: int = 0
    blind_lists: int = 0
    cut_downloads: int = 0
    token_seconds: int = 3600
    counters: Counters = field(default_factory=Counters, init=False)
    contents: Counter[str] = field(default_factory=Counter, init=False)
    received: deque[ReceivedRequest] = field(init=False)
    asked_at: deque[float] = field(default_factory=lambda: deque(maxlen=MOMENTS), init=False)
    answered_at: deque[float] = field(default_factory=lambda: deque(maxlen=MOMENTS), init=False)

    def __post_init__(self) -> None:
        self.received = deque(maxlen=self.keep)
