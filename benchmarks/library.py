"""Fills an index with captions, as if many photos had been captioned."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from pathlib import Path

import anyio

from captiond.index.base import Answer, Claim, Completed, Request, Sighting
from captiond.index.store import SqliteIndex
from captiond.models import Caption, Description, Facts, Lane, Photo, Recipe, Signature, Usage

OWNER = "bench"
A_BATCH = 500
A_FOLDER = 500
RARE = 20
WHO = ("child", "woman", "man", "dog", "cat", "horse", "crowd", "cyclist", "sailor", "farmer")
DOES = ("stands", "runs", "sleeps", "smiles", "waits", "dances", "looks up", "sits")
WHERE = ("beside the river", "under a bridge", "on a mountain", "in the river", "on a sofa")
MORE = ("at dusk", "in the rain", "with a red umbrella", "in autumn light", "near a mountain hut")
RECIPE = Recipe(origin="gemini", model="gemini-3.5-flash-lite", language="en", prompt="Describe.")


def fill(path: Path, *, captions: int) -> None:
    """Make an index of so many captioned photos, RARE of them with the word zeppelin."""
    anyio.run(_fill, path, captions)


async def _fill(path: Path, captions: int) -> None:
    index = await SqliteIndex.open(path)
    words = random.Random(1)
    rare = set(range(0, captions, max(captions // RARE, 1)))
    try:
        for start in range(0, captions, A_BATCH):
            numbers = range(start, min(start + A_BATCH, captions))
            await index.offer([_sighting(number) for number in numbers], now=time.time())
            claims = await index.claim(owner=OWNER, limit=A_BATCH, now=time.time())
            await asyncio.gather(
                *(
                    _caption(index, claim, _description(words, rare=number in rare))
                    for number, claim in zip(numbers, claims, strict=True)
                )
            )
    finally:
        await index.aclose()


def _sighting(number: int) -> Sighting:
    photo = Photo("/srv/photos", f"{number // A_FOLDER:05}/IMG_{number:07}.jpg")
    return Sighting(photo, Signature(200_000, number, number, number), Lane.BACKLOG)


def _description(words: random.Random, *, rare: bool) -> Description:
    who, where, more = words.choice(WHO), words.choice(WHERE), words.choice(MORE)
    caption = f"A {who} {words.choice(DOES)} {where} {more}, {words.choice(WHO)} behind."
    if rare:
        caption += " A zeppelin floats above."
    return Description(caption=caption, title=f"{who} {where}", keywords=(who, *where.split()))


async def _caption(index: SqliteIndex, claim: Claim, description: Description) -> None:
    now = time.time()
    digest = hashlib.sha256(claim.photo.path.encode()).hexdigest()
    request = Request(
        id=digest,
        photo=claim.photo,
        facts=Facts(digest=digest, format="jpeg", width=4, height=3),
        recipe=RECIPE,
        started_at=now,
    )
    caption = Caption(
        digest=digest,
        recipe=RECIPE.key,
        origin=RECIPE.origin,
        language=RECIPE.language,
        model=RECIPE.model,
        created_at=now,
        description=description,
    )
    done = Completed(
        photo=claim.photo, digest=digest, recipe=RECIPE.key, written={}, captioned_at=now
    )
    answer = Answer(
        request=digest,
        photo=claim.photo,
        caption=caption,
        usage=Usage(300, 100),
        cost_usd=0.0001,
        ended_at=now,
    )
    # One after the other in the order of their coming: the writer's thread is a queue.
    await asyncio.gather(
        index.begin(request, owner=OWNER),
        index.answer(answer),
        index.complete([done], owner=OWNER),
    )
