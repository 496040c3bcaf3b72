"""Words for talking to an index in tests."""

from __future__ import annotations

from contextlib import asynccontextmanager

from captiond.index.base import Answer, Claim, Completed, Index, Request, Sighting
from captiond.index.store import SqliteIndex
from captiond.models import (
    Caption,
    Description,
    Facts,
    Lane,
    Photo,
    Recipe,
    Signature,
    Usage,
    Written,
)
from captiond.testing.memory_index import MemoryIndex

OWNER = "box"
RECIPE = Recipe(origin="gemini", model="flash", language="en", prompt="Describe.")


@asynccontextmanager
async def opened(kind, tmp_path):
    index = MemoryIndex() if kind == "memory" else await SqliteIndex.open(tmp_path / "index.db")
    try:
        yield index
    finally:
        await index.aclose()


def photo(path="a.jpg", root="/photos"):
    return Photo(root, path)


def signature(number=1):
    return Signature(number, number, number, number)


def sighting(path="a.jpg", *, version=1, lane=Lane.ARRIVAL, reason=None, beside=None):
    return Sighting(photo(path), signature(version), lane, reason, beside)


def caption(words="a red boat", *, digest="d1", recipe=RECIPE, created_at=5.0, **more):
    return Caption(
        digest=digest,
        recipe=recipe.key,
        origin=recipe.origin,
        language=recipe.language,
        model="flash-001",
        created_at=created_at,
        description=Description(caption=words, **more),
    )


def request(path="a.jpg", *, number="r1", digest="d1", recipe=RECIPE):
    facts = Facts(digest=digest, format="JPEG", width=4, height=3, camera="X100")
    return Request(id=number, photo=photo(path), facts=facts, recipe=recipe, started_at=4.0)


def answer(path="a.jpg", *, number="r1", shows=None, cost_usd=0.25):
    return Answer(
        request=number,
        photo=photo(path),
        caption=shows or caption(),
        usage=Usage(100, 20, 5),
        cost_usd=cost_usd,
        ended_at=5.0,
    )


def completed(path="a.jpg", *, digest="d1", recipe=RECIPE, reason=None, beside=None):
    written = {"txt": Written(f"{path}.txt", "ab" * 32)}
    return Completed(
        photo=photo(path),
        digest=digest,
        recipe=recipe.key,
        written=written,
        captioned_at=6.0,
        reason=reason,
        beside=beside,
    )


async def claim(
    index: Index, *, limit=100, now=1_000_000.0, owner=OWNER, lanes=tuple(Lane)
) -> list[Claim]:
    return await index.claim(owner=owner, limit=limit, now=now, lanes=lanes)


async def claimed_paths(index: Index, **how) -> list[str]:
    return [one.photo.path for one in await claim(index, **how)]


async def add_captioned(index: Index, path="a.jpg", *, shows=None, number=None):
    """Take a photo all the way from the sighting to its caption."""
    shows = shows or caption()
    number = number or f"request of {path}"
    await index.offer([sighting(path)], now=1.0)
    await claim(index)
    assert await index.begin(request(path, number=number, digest=shows.digest), owner=OWNER)
    await index.answer(answer(path, number=number, shows=shows))
    await index.complete([completed(path, digest=shows.digest)], owner=OWNER)
