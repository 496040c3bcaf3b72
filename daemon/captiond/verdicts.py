"""Decides where a photo goes after an error: aside with a reason, or back into the queue."""

from __future__ import annotations

from captiond import errors
from captiond.index.base import Claim, Parked, Retry
from captiond.models import State
from captiond.secrecy import redact

TRIES = 3
"""For a surprise; of unusable replies, which are paid for, `quota.odds` says how many."""
LONGEST_SECONDS = 3600.0
COPY_SECONDS = 2.0
JOB_SECONDS = 60.0
HOST_SECONDS = 30.0
CHANGED_SECONDS = 30.0
"""A file in flux comes back as a sighting of its own; this is for when that is missed."""


def judge(
    claim: Claim, error: Exception, *, now: float, again_at: float, tries: int = TRIES
) -> Parked | Retry:
    """Return what becomes of the claim.

    `again_at` is when the captioner or the folder that is in trouble will be tried again, `tries`
    how many unusable replies a photo may bring. A fault of the captioner, the disk or the machine
    never burns the photo's attempts.
    """
    photo, reason = claim.photo, redact(str(error))
    match error:
        case errors.NotAPhoto():
            verdict: Parked | Retry = Parked(photo, State.SKIPPED, reason)
        case errors.CaptionRefused():
            verdict = Parked(photo, State.REFUSED, reason)
        case errors.PhotoVanished() | errors.PhotoChanged():
            verdict = Retry(photo, now + CHANGED_SECONDS, reason, counted=False)
        case errors.CaptionInJob():
            verdict = Retry(photo, now + JOB_SECONDS, reason, counted=False)
        case errors.CaptionUnderway():
            verdict = Retry(photo, now + COPY_SECONDS, reason, counted=False)
        case errors.ReplyUnusable():
            verdict = _limited(claim, reason, now, tries)
        case errors.PhotoError():
            verdict = Parked(photo, State.FAILED, reason)
        case errors.CaptionerError() | errors.SidecarError() | errors.RulesBroken():
            verdict = Retry(photo, again_at, reason, counted=False)
        case OSError():  # the host is short of something: descriptors, memory, processes
            verdict = Retry(photo, now + HOST_SECONDS, f"this machine: {reason}", counted=False)
        case _:
            verdict = _limited(claim, redact(f"unexpected: {error!r}"), now, TRIES)
    return verdict


def _limited(claim: Claim, reason: str, now: float, tries: int) -> Parked | Retry:
    """Try again ever more seldom: a service that answers nonsense may do so for minutes."""
    if claim.attempts >= tries:
        return Parked(claim.photo, State.FAILED, f"{reason} (tried {claim.attempts} times)")
    return Retry(claim.photo, now + min(2.0 ** min(claim.attempts, 20), LONGEST_SECONDS), reason)
