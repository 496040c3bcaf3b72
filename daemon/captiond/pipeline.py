"""One photo, top to bottom.

    1 open beneath the root, compare with what settled, sha256; read what people wrote beside it
    2 it shows a caption? put what people wrote or took back into it, go to 6
      a caption for this digest, and none of a person's beside it? reuse it, go to 6
    3 prepare: decode in a child, orient, shrink, strip
      a person's caption beside it or in the file? adopt it, go to 6
      a caption in a sidecar of captiond's beside it? keep it, go to 6
    4 the gate; commit the request as in flight
    5 ask; commit the reply before anything else is done with it, then as people left it
    6 write the sidecars
    7 commit `captioned`; one log line

Whatever goes wrong ends as one row in the index: parked with a reason, or back in the queue.
"""

from __future__ import annotations

import anyio
import structlog

from captiond import errors
from captiond.adopting import leave_alone
from captiond.asking import find_or_ask
from captiond.bench import Bench, Plan
from captiond.captioners.languages import misses
from captiond.index.base import Claim, Completed, Parked
from captiond.index.folders_base import FolderDigest
from captiond.models import HUMAN, Photo, State
from captiond.quota.setbacks import FIRST_SECONDS
from captiond.rules.base import NO_MEDIA, RULES_FILE
from captiond.sidecars.base import Errand, Layout
from captiond.turns import Answered
from captiond.verdicts import judge

log = structlog.get_logger()

IGNORED = f"left alone: by {NO_MEDIA}, or by ignore in {RULES_FILE}, in its folder or one above"


async def caption_photo(claim: Claim, bench: Bench) -> None:
    """Caption one claimed photo; whatever happens is recorded in the index."""
    try:
        plan = await anyio.to_thread.run_sync(bench.plans.at, claim.photo)
        if plan is None:
            await _leave(claim, bench)
            return
        answered = await find_or_ask(claim, plan, bench)
        if answered is not None:
            await _finish(claim, plan, answered, bench)
    except errors.LeftAlone as error:
        await leave_alone(claim, error, bench)
    except errors.CaptionerPaused:
        await bench.index.release([claim.photo], owner=bench.owner)
    except anyio.get_cancelled_exc_class():
        await bench.index.release([claim.photo], owner=bench.owner)
        raise
    except errors.LibraryUnavailable:
        raise  # no photo's fault, and there is nowhere to record it
    except Exception as error:  # noqa: BLE001 the worker's edge: one photo fails, the daemon lives on
        await _record_failure(claim, error, bench)


async def _leave(claim: Claim, bench: Bench) -> None:
    """Set a photo aside whose folder is not watched, or left alone; it comes back when it is."""
    photo, watched = claim.photo, claim.photo.root in bench.plans.roots
    if watched and claim.unasked:
        await bench.index.beside.put_back(photo, owner=bench.owner)
        return
    # Else the next scan of the folder would find nothing new, and the photo stay `missing`.
    await bench.index.save_folders([FolderDigest(photo.root, photo.folder, "")])
    reason = IGNORED if watched else "its folder is not watched any more"
    await bench.index.park([Parked(photo, State.MISSING, reason)], owner=bench.owner)


async def _finish(claim: Claim, plan: Plan, answered: Answered, bench: Bench) -> None:
    caption = answered.caption
    adopted = caption.origin == HUMAN and plan.existing == "adopt"
    source = await bench.index.downloads.source_of(caption.digest)
    errand = Errand(adopted=adopted, source=source, stamps=answered.beside.stamps)
    layout = Layout() if claim.withdrawn else plan.layout
    outcome = await anyio.to_thread.run_sync(
        bench.write_sidecars, claim.photo, caption, layout, claim.written, errand
    )
    if bench.troubles.end(claim.photo):
        log.info("sidecars.recovered", root=claim.photo.root)
    now, notes = bench.clock(), list(dict.fromkeys((*answered.beside.notes, *outcome.notes)))
    if answered.note and caption.origin != HUMAN:
        notes.append(answered.note)
    if caption.origin != HUMAN and misses(caption.description, plan.recipe.language):
        notes.append(f"the caption is not in the language asked for: {plan.recipe.language}")
    done = Completed(
        photo=claim.photo,
        digest=caption.digest,
        recipe=caption.recipe,
        written=outcome.written,
        captioned_at=now,
        reason="; ".join(notes) or None,
        beside=outcome.beside,
    )
    await bench.index.complete([done], owner=bench.owner)
    bench.ended.captioned += not claim.unasked
    log.info(
        "photo.captioned",
        path=claim.photo.full,
        caption=caption.description.caption,
        model=caption.model,
        **_took(claim, answered, now),
        **({"note": done.reason} if done.reason else {}),
    )


def _took(claim: Claim, answered: Answered, now: float) -> dict[str, object]:
    """Return what a caption took as the log tells it: nothing, where it was known before.

    When the photo came says nothing of one that is captioned anew.
    """
    bill, is_new = answered.bill, claim.anew_after is None
    seconds = {"seconds": round(now - claim.seen_at, 2)} if is_new else {"anew": True}
    if bill is None:
        return {**seconds, "known": True, "usd": 0.0}
    used = bill.usage
    return {
        **seconds,
        "tokens_in": used.input,
        "tokens_out": used.output,
        **({"tokens_thinking": used.thinking} if used.thinking else {}),
        "usd": bill.cost_usd,
        **({"tier": str(bill.tier)} if bill.tier else {}),
        **({"seconds_queued": round(answered.asked_at - claim.seen_at, 2)} if is_new else {}),
        "seconds_asked": round(answered.seconds, 2),
    }


async def _record_failure(claim: Claim, error: Exception, bench: Bench) -> None:
    now = bench.clock()
    _tell(claim.photo, error, bench)
    again_at = _again_at(claim.photo, error, bench, now)
    verdict = judge(claim, error, now=now, again_at=again_at, tries=bench.odds.tries())
    if isinstance(verdict, Parked):
        # A photo that was captioned anew in vain shows what it did before.
        event = "photo.set_aside" if claim.anew_after is None else "caption.kept"
        log.warning(event, path=claim.photo.full, reason=verdict.reason)
        await bench.index.park([verdict], owner=bench.owner)
        bench.ended.set_aside += claim.anew_after is None
    else:
        log.debug("photo.postponed", path=claim.photo.full, reason=verdict.reason)
        await bench.index.retry([verdict], owner=bench.owner)


def _tell(photo: Photo, error: Exception, bench: Bench) -> None:
    """Tell the operator what no gate tells, once for each trouble."""
    match error:
        case errors.SidecarError():
            if bench.troubles.begin(photo, now=bench.ticks()):
                log.warning("sidecars.unwritable", root=photo.root, reason=str(error))
        case errors.CaptiondError():
            pass
        case _:
            log.error("photo.crashed", path=photo.full, exc_info=error)


def _again_at(photo: Photo, error: Exception, bench: Bench, now: float) -> float:
    if isinstance(error, errors.SidecarError):
        ticks = bench.ticks()
        return now + bench.troubles.again_at(photo, now=ticks) - ticks
    if isinstance(error, errors.RulesBroken):
        return now + error.again_seconds
    if not isinstance(error, errors.CaptionerError):
        return now
    if isinstance(error, errors.CaptionerShed):
        return now + bench.sheds.meet(photo)
    opens_at = now + bench.gate.held_for(now=bench.ticks())
    if isinstance(error, errors.CaptionerBusy) and error.kind is not errors.Busy.OVERLOAD:
        return opens_at + FIRST_SECONDS  # a quota used up is no photo's own trouble
    return opens_at + bench.setbacks.meet(photo)
