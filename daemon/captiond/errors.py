"""Every way captiond can fail, as one tree.

CaptiondError
├── ConfigError                the configuration is wrong                     exit 78
├── AlreadyRunning             another captiond owns this index               exit 1
├── LibraryUnavailable         the index cannot be opened or read             exit 1
│   └── LibraryDamaged         it is, and captiond rebuilds it at its next start
├── NotReverted                a photo's caption cannot be brought back       exit 1
├── NotUndone                  there was no such run                          exit 1
├── RulesBroken                a folder's .captiond.toml is wrong             its photos wait
├── PhotoError                 this photo is the problem: the sentence becomes its `reason`
│   ├── NotAPhoto              no plain file, or no image at all              skipped
│   ├── PhotoVanished          gone since it settled                          the scan decides
│   ├── PhotoChanged           written to since it settled                    settles again
│   ├── CaptionUnderway        a copy of it is being captioned                later
│   ├── LeftAlone              nobody asked for captiond's words              as it was, or skipped
│   ├── Undecodable            damaged, too large, or too slow to decode      failed
│   ├── ImageRejected          the captioner cannot read this image           failed
│   ├── CaptionRefused         the captioner declines to describe it          refused
│   └── ReplyUnusable          empty, cut off or malformed reply             some tries, then failed
│       └── WrongLanguage      not in the language that was asked for        asked once more
├── CaptionerError             the captioner is the problem: the photo waits, no attempt burnt
│   ├── CaptionerBusy          asked too fast, overloaded, or out of quota    later
│   ├── CaptionerShed          no room for flex, the cheap tier               later, or by standard
│   │   └── CaptionerShedSilent   it was not answered in time: maybe billed
│   ├── CaptionerUnreachable   no connection, no answer, no sense             later
│   │   └── CaptionerSilent    asked, but no answer came: maybe billed
│   ├── CaptionerPaused        the gate closed while the photo came to it     later
│   │   └── OverBudget         a cap on what is spent is reached              another day or month
│   └── CaptionerStopped       key, model or setting is wrong                 until an operator acts
├── DownloadError              a photo from the web did not come
│   ├── DownloadDead           and never will: refused, gone, no image        failed
│   ├── DownloadLater          no connection, too slow, too many requests    some tries, then failed
│   └── DownloadUnwritable     there is no room for it, or no folder         later
└── SidecarError
    ├── SidecarForeign         another's file: left alone, told once          never
    ├── SidecarImpossible      can never be written (a name too long)
    └── SidecarUnwritable      cannot be written now (full disk, read-only)   later
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class CaptiondError(Exception):
    """Anything captiond raises on purpose; `str()` is a sentence for a person."""


class ConfigError(CaptiondError):
    """The configuration is wrong; `problems` holds one sentence for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class AlreadyRunning(CaptiondError):
    """Another captiond process owns this index."""


class LibraryUnavailable(CaptiondError):
    """The index is missing, damaged, or of a newer version."""


class LibraryDamaged(LibraryUnavailable):
    """The index is damaged; its next owner moves it aside and builds a new one."""


class NotReverted(CaptiondError):
    """There is no caption to bring back for a photo, or not now."""


class NotUndone(CaptiondError):
    """There is nothing of what was named that could be taken back."""


class RulesBroken(CaptiondError):
    """The `.captiond.toml` at `path` is wrong: its folder is left alone until it is mended.

    `problems` says what is wrong; after `again_seconds` at the latest it is looked at again.
    """

    def __init__(
        self, path: str, problems: Sequence[str], *, again_seconds: float = 3600.0
    ) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{path}: {problems[0]}{more}")
        self.path = path
        self.problems = problems
        self.again_seconds = again_seconds


class PhotoError(CaptiondError):
    """This photo is the problem; the sentence becomes the `reason` of its row."""


class NotAPhoto(PhotoError):
    """No plain file (a link, a directory, a pipe), or not an image at all."""


class PhotoVanished(PhotoError):
    """The file is gone since it settled."""


class PhotoChanged(PhotoError):
    """The file was written to since it settled."""


class CaptionUnderway(PhotoError):
    """A copy of this photo is being captioned right now; its caption will serve both."""


class LeftAlone(PhotoError):
    """Nobody asked for captiond's words about it; `digest` is that of its content."""

    def __init__(self, reason: str, digest: str = "") -> None:
        super().__init__(reason)
        self.digest = digest


class CaptionInJob(CaptionUnderway):
    """A copy of this photo lies with the service in a batch job, maybe for a day."""


class Undecodable(PhotoError):
    """Damaged, too large, or too slow to decode."""


class ImageRejected(PhotoError):
    """The captioner cannot read this image."""


class CaptionRefused(PhotoError):
    """The captioner declines to describe this image."""


class ReplyUnusable(PhotoError):
    """The reply was empty, cut off or malformed."""


class WrongLanguage(ReplyUnusable):
    """The reply is not in the language that was asked for; the next one is taken as it is."""


class CaptionerError(CaptiondError):
    """The captioner is the problem, not the photo."""

    maybe_billed = False
    """Whether it was asked and no answer came: nobody knows whether that costs something."""


class Busy(StrEnum):
    """Why a captioner is busy: limits per minute, the day's, its own load, or it does not say."""

    RATE = "rate"
    DAY = "day"
    OVERLOAD = "overload"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that was exceeded: a key of [limits], its value if told, its name there."""

    limit: str
    value: int | None
    quota: str


class CaptionerBusy(CaptionerError):
    """Asked too fast, overloaded, or out of quota; `retry_after` seconds if it said so."""

    def __init__(
        self,
        message: str,
        *,
        kind: Busy = Busy.OVERLOAD,
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.violations = violations
        self.retry_after = retry_after


class CaptionerShed(CaptionerError):
    """There was no room for a flex request; no fault of the service, and nothing is billed."""


class CaptionerShedSilent(CaptionerShed):
    """A flex request was not answered in time."""

    maybe_billed = True


class CaptionerUnreachable(CaptionerError):
    """No connection, no answer in time, or an answer that is not the API's."""


class CaptionerSilent(CaptionerUnreachable):
    """The connection ended, or the time was up, before an answer came."""

    maybe_billed = True


class CaptionerPaused(CaptionerError):
    """The gate before the captioner closed while this photo was on its way to it."""


class OverBudget(CaptionerPaused):
    """A cap on what is spent leaves no room for a request.

    `until` is when the cap's day or month ends, in unix seconds; None when the room is taken by
    requests in flight, which will most likely cost less.
    """

    def __init__(
        self,
        cap: str,
        cap_usd: float,
        *,
        spent_usd: float,
        in_flight_usd: float,
        until: float | None,
    ) -> None:
        spent = f"${spent_usd:,.4f} spent"
        if in_flight_usd:
            spent += f", at most ${in_flight_usd:,.4f} more in flight"
        super().__init__(f"limits.{cap} = {cap_usd:g} leaves no room: {spent}")
        self.cap = cap
        self.until = until


class CaptionerStopped(CaptionerError):
    """Key, model or setting is wrong: asking again is of no use until an operator acts."""


class DownloadError(CaptiondError):
    """A photo from the web did not come; the sentence becomes the `reason` of its row."""


class DownloadDead(DownloadError):
    """It will never come from this address."""


class DownloadLater(DownloadError):
    """It may come later; after `retry_after` seconds if the server said so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DownloadUnwritable(DownloadError):
    """It cannot be written now: the folder is gone or read-only, or (`disk`) all of its disk."""

    def __init__(self, message: str, *, disk: bool = False) -> None:
        super().__init__(message)
        self.disk = disk


class SidecarError(CaptiondError):
    """A sidecar was not written."""


class SidecarForeign(SidecarError):
    """The file belongs to a person or to another program and stays as it is."""


class SidecarImpossible(SidecarError):
    """This sidecar can never be written, for example because its name would be too long."""


class SidecarUnwritable(SidecarError):
    """The sidecar cannot be written now: the disk is full or the folder is read-only."""
