"""Words for ordering new captions and bringing old ones back, in tests of an index."""

from __future__ import annotations

from index_helpers import (
    OWNER,
    RECIPE,
    answer,
    caption,
    claim,
    completed,
    photo,
    request,
    signature,
)

from captiond.index.history_base import Wanted
from captiond.models import Recipe

OTHER = Recipe(origin="gemini", model="pro", language="en", prompt="Describe.")
OFFLINE = Recipe(origin="offline", model="", language="en", prompt="")


def wanted(**filters):
    return Wanted(recipes={"/photos": RECIPE.key}, **filters)


async def recaption(index, path="a.jpg", *, words, recipe=RECIPE, number=None):
    """Order a new caption for one photo and answer it."""
    assert await index.history.order(wanted(places=[photo(path)])) == 1
    (taken,) = await claim(index)
    number = number or words
    assert await index.begin(request(path, number=number, recipe=recipe), owner=OWNER)
    shows = caption(words, recipe=recipe, created_at=9.0)
    await index.answer(answer(path, number=number, shows=shows))
    await index.complete([completed(path, recipe=recipe)], owner=OWNER)
    return taken


async def words_of(index, path="a.jpg"):
    shown = await index.history.shown(photo(path))
    return None if shown is None else shown.description.caption


async def revert(index, number=None, *, path="a.jpg", now=20.0):
    done = await index.history.revert(photo(path), number, signature=signature(), now=now)
    assert await index.history.settle(done, completed(path))
    return done.caption
