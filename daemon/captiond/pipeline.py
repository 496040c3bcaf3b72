"""One photo, top to bottom.

    1 open beneath the root, compare with what settled, sha256
    2 a caption for this digest? reuse it, go to 6
    3 prepare: decode in a child, orient, shrink, strip
    4 the gate; commit the request as in flight
    5 ask; commit the reply before anything else is done with it
    6 write the sidecars
    7 commit `captioned`; one log line

Whatever goes wrong ends as one row in the index: parked with a reason, or back in the queue.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
import structlog

from captiond import errors, photofile
from captiond.captioners.base import Captioner, Question
from captiond.index.base import (
    Answer,
    Claim,
    Completed,
    FolderDigest,
    Index,
    Parked,
    Request,
)
from captiond.models import Caption, Photo, Prepared, Recipe, Reply, State, Usage
from captiond.quota.gate import Gate
from captiond.sidecars.base import WriteSidecars
from captiond.sidecars.troubles import Troubles
from captiond.verdicts import judge

log = structlog.get_logger()

OTHERS_FIRST_SECONDS = 3.0
"""A photo that met a fault of the service steps back: the next probe is another photo."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with the photos of one folder: by which recipe, into which sidecars."""

    recipe: Recipe
    sidecars: tuple[str, ...]


class Contents:
    """The contents that are being captioned now: of copies that arrive together, one pays."""

    def __init__(self) -> None:
        self._underway: set[str] = set()

    @contextmanager
    def hold(self, digest: str) -> Iterator[bool]:
        """Hold the content; yields False when another photo does."""
        if digest in self._underway:
            yield False
            return
        self._underway.add(digest)
        try:
            yield True
        finally:
            self._underway.remove(digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything a photo meets on its way; `plans` maps a root to its plan."""

    index: Index
    captioner: Captioner
    gate: Gate
    prepare: Callable[[int, str], Awaitable[Prepared]]
    price: Callable[[str, Usage], float | None]
    write_sidecars: WriteSidecars
    plans: Mapping[str, Plan]
    preparing: anyio.CapacityLimiter
    asking: anyio.CapacityLimiter
    owner: str
    clock: Callable[[], float] = time.time
    contents: Contents = field(default_factory=Contents)
    troubles: Troubles = field(default_factory=Troubles)


async def caption_photo(claim: Claim, bench: Bench) -> None:
    """Caption one claimed photo; whatever happens is recorded in the index."""
    try:
        plan = bench.plans.get(claim.photo.root)
        if plan is None:
            await _leave(claim.photo, bench)
            return
        caption = await find_or_ask(claim, plan.recipe, bench)
        if caption is not None:
            await _finish(claim, plan, caption, bench)
    except errors.CaptionerPaused:
        await bench.index.release([claim.photo], owner=bench.owner)
    except anyio.get_cancelled_exc_class():
        await bench.index.release([claim.photo], owner=bench.owner)
        raise
    except errors.LibraryUnavailable:
        raise  # no photo's fault, and there is nowhere to record it
    except Exception as error:  # noqa: BLE001 the worker's edge: one photo fails, the daemon lives on
        await _record_failure(claim, error, bench)


async def _leave(photo: Photo, bench: Bench) -> None:
    """Set a photo aside whose folder no configuration names; it comes back when one does."""
    # Else the next scan of the folder would find nothing new, and the photo stay `missing`.
    await bench.index.save_folders([FolderDigest(photo.root, photo.folder, "")])
    reason = "its folder is not watched any more"
    await bench.index.park([Parked(photo, State.MISSING, reason)], owner=bench.owner)


async def find_or_ask(claim: Claim, recipe: Recipe, bench: Bench) -> Caption | None:
    """Return the photo's caption: a known one for free, else a new one; None for a void claim.

    Raises PhotoError, CaptionerError.
    """
    async with bench.preparing:
        opened, digest = await anyio.to_thread.run_sync(_open_settled, claim)
    with opened, bench.contents.hold(digest) as alone:
        if (known := await _known(claim.photo, digest, recipe, bench)) is not None:
            return known
        if not alone:
            raise errors.CaptionUnderway("a copy of it is being captioned")
        async with bench.preparing:
            image = await bench.prepare(opened.fd, digest)
        opened.check_unchanged()
        return await _ask_in_turn(Question(claim.photo, image, recipe), bench)


async def _known(photo: Photo, digest: str, recipe: Recipe, bench: Bench) -> Caption | None:
    """Return the content's caption and show it for the photo, if a paid one may be reused."""
    if not bench.captioner.paid:
        return None  # it speaks of names, which belong to the path and not to the content
    known = await bench.index.caption_of(digest, recipe=recipe)
    if known is not None:
        await bench.index.assign(photo, owner=bench.owner, digest=digest, recipe=known.recipe)
    return known


async def _ask_in_turn(question: Question, bench: Bench) -> Caption | None:
    async with bench.asking:
        now = bench.clock()
        request = Request(
            id=uuid.uuid4().hex,
            photo=question.photo,
            facts=question.image.facts,
            recipe=question.recipe,
            started_at=now,
        )
        with _admitted(bench.gate, now):
            if not await bench.index.begin(request, owner=bench.owner):
                return None
            reply = await ask(question, request, bench)
            bench.gate.succeed(started_at=now)
    # The next question does not wait until the disk has this answer: 5 % more photos a second.
    return await keep(reply, request, bench)


@contextmanager
def _admitted(gate: Gate, now: float) -> Iterator[None]:
    """Pass the gate; an answer that is no caption but tells of the photo opens it, too.

    Raises CaptionerPaused.
    """
    if not gate.admit(now=now):
        raise errors.CaptionerPaused("waiting for the captioner")
    try:
        yield
    except errors.PhotoError:
        gate.succeed(started_at=now)
        raise
    finally:
        gate.leave()


async def ask(question: Question, request: Request, bench: Bench) -> Reply:
    """Ask, for a request that stands in the ledger as in flight; `keep` what comes at once.

    Raises as `Captioner.caption` does; the request is closed in the ledger first.
    """
    try:
        return await bench.captioner.caption(question)
    except BaseException as error:
        reason = str(error) if isinstance(error, errors.CaptiondError) else type(error).__name__
        await bench.index.abandon(request.id, reason, now=bench.clock())
        raise


async def keep(reply: Reply, request: Request, bench: Bench) -> Caption:
    """Commit the reply: from here on a crash cannot make it be paid for again."""
    now = bench.clock()
    caption = Caption(
        digest=request.digest,
        recipe=request.recipe.key,
        origin=request.recipe.origin,
        language=request.recipe.language,
        model=reply.model,
        created_at=now,
        description=reply.description,
    )
    answer = Answer(
        request=request.id,
        photo=request.photo,
        caption=caption,
        usage=reply.usage,
        cost_usd=bench.price(request.recipe.model, reply.usage) if bench.captioner.paid else 0.0,
        ended_at=now,
    )
    await bench.index.answer(answer)
    return caption


async def _finish(claim: Claim, plan: Plan, caption: Caption, bench: Bench) -> None:
    outcome = await anyio.to_thread.run_sync(
        bench.write_sidecars, claim.photo, caption, plan.sidecars, claim.written
    )
    if bench.troubles.end(claim.photo):
        log.info("sidecars.recovered", root=claim.photo.root)
    now = bench.clock()
    done = Completed(
        photo=claim.photo,
        digest=caption.digest,
        recipe=caption.recipe,
        written=outcome.written,
        captioned_at=now,
        reason="; ".join(outcome.notes) or None,
    )
    await bench.index.complete([done], owner=bench.owner)
    log.info(
        "photo.captioned",
        path=claim.photo.full,
        caption=caption.description.caption,
        model=caption.model,
        seconds=round(now - claim.seen_at, 2),
        **({"note": done.reason} if done.reason else {}),
    )


def _open_settled(claim: Claim) -> tuple[photofile.OpenedPhoto, str]:
    """Return the photo, opened, and its digest."""
    opened = photofile.open_beneath(claim.photo)
    try:
        opened.check_settled(claim.signature)
        return opened, claim.digest or opened.digest()
    except BaseException:
        opened.close()
        raise


async def _record_failure(claim: Claim, error: Exception, bench: Bench) -> None:
    now = bench.clock()
    _tell(claim.photo, error, bench, now)
    verdict = judge(claim, error, now=now, again_at=_again_at(claim.photo, error, bench, now))
    if isinstance(verdict, Parked):
        log.warning("photo.set_aside", path=claim.photo.full, reason=verdict.reason)
        await bench.index.park([verdict], owner=bench.owner)
    else:
        log.debug("photo.postponed", path=claim.photo.full, reason=verdict.reason)
        await bench.index.retry([verdict], owner=bench.owner)


def _tell(photo: Photo, error: Exception, bench: Bench, now: float) -> None:
    """Close the gate where the error says so; tell the operator, once for each trouble."""
    match error:
        case errors.CaptionerStopped():
            if bench.gate.stop(str(error)):
                log.error("captioner.stopped", reason=str(error))
        case errors.CaptionerBusy() | errors.CaptionerUnreachable():
            retry_after = error.retry_after if isinstance(error, errors.CaptionerBusy) else None
            if bench.gate.hold(str(error), now=now, retry_after=retry_after):
                log.warning("captioner.paused", reason=str(error), seconds=retry_after)
        case errors.SidecarError():
            if bench.troubles.begin(photo, now=now):
                log.warning("sidecars.unwritable", root=photo.root, reason=str(error))
        case errors.CaptiondError():
            pass
        case _:
            log.error("photo.crashed", path=photo.full, exc_info=error)


def _again_at(photo: Photo, error: Exception, bench: Bench, now: float) -> float:
    if isinstance(error, errors.SidecarError):
        return bench.troubles.again_at(photo, now=now)
    return now + (bench.gate.opens_in(now=now) or 0.0) + OTHERS_FIRST_SECONDS
