"""Brings an old caption of a photo back, sidecars included: the verb `revert`.

It asks nobody, and is safe beside a running daemon: from the first step on the photo is due again
in a few seconds, when the daemon writes its sidecars from the index. So it does not matter where
this process ends.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio

from captiond import __version__
from captiond.disk import photofile
from captiond.errors import NotReverted, PhotoError
from captiond.folderplans import FolderPlans
from captiond.index.base import Completed
from captiond.index.history_base import Reversal
from captiond.models import Caption, Photo, Signature
from captiond.opening import open_index
from captiond.settings import Settings
from captiond.sidecars.base import Errand, Layout, Outcome


@dataclass(frozen=True, slots=True)
class Reverted:
    """The caption that a photo shows again; `note` tells which sidecar was left alone, and why."""

    caption: Caption
    note: str | None


async def revert(settings: Settings, photo: Photo, number: int | None) -> Reverted:
    """Show the caption before the present one again, or that of a number, also beside the photo.

    Raises NotReverted; RulesBroken; LibraryUnavailable; SidecarUnwritable when the caption is back,
    but not in the sidecars yet.
    """
    signature = await anyio.to_thread.run_sync(_signature, photo)
    plan = await anyio.to_thread.run_sync(FolderPlans(settings).within, Path(photo.full).parent)
    async with AsyncExitStack() as stack:
        index = await open_index(settings, stack)
        now = time.time()
        reversal = await index.history.revert(photo, number, signature=signature, now=now)
        source = await index.downloads.source_of(reversal.caption.digest)
        outcome = await anyio.to_thread.run_sync(_write, reversal, plan.layout, source)
        done = Completed(
            photo=photo,
            digest=reversal.caption.digest,
            recipe=reversal.caption.recipe,
            written=outcome.written,
            captioned_at=now,
            reason="; ".join(outcome.notes) or None,
            beside=outcome.beside,
        )
        await index.history.settle(reversal, done)
    return Reverted(reversal.caption, done.reason)


def _signature(photo: Photo) -> Signature:
    """Return the file's signature. Raises NotReverted where there is no such photo."""
    try:
        with photofile.open_beneath(photo) as opened:
            return opened.signature
    except PhotoError as error:
        raise NotReverted(str(error)) from error


def _write(reversal: Reversal, layout: Layout, source: str) -> Outcome:
    from captiond.sidecars.write import write_sidecars

    claim, errand = reversal.claim, Errand(anew=True, source=source)
    return write_sidecars(
        claim.photo, reversal.caption, layout, claim.written, errand, version=__version__
    )
