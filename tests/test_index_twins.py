"""Whatever is done to an index in whatever order, the file and its in-memory twin agree."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from index_helpers import RECIPE, answer, caption, completed, photo, request, sighting, signature

from captiond.errors import NotReverted
from captiond.index.base import Parked, Retry
from captiond.index.beside_base import DAY_SECONDS
from captiond.index.folders_base import FolderDigest
from captiond.index.history_base import Wanted
from captiond.index.store import SqliteIndex
from captiond.models import Lane, State
from captiond.testing.memory_index import MemoryIndex

PATHS = ["a.jpg", "b.jpg", "x/c.jpg"]
paths = st.sampled_from(PATHS)
owners = st.sampled_from(["box", "nas"])
digests = st.sampled_from(["d1", "d2"])
times = st.integers(1, 9).map(float)
states = st.sampled_from(list(State))
verbs = st.one_of(
    st.tuples(
        st.just("offer"),
        paths,
        st.integers(1, 3),
        st.sampled_from(list(Lane)),
        st.sampled_from([None, None, None, "a pipe"]),
        st.sampled_from([None, "b1", "b2"]),
    ),
    st.tuples(st.just("learn"), paths),
    st.tuples(st.just("put_back"), paths, owners, st.sampled_from([None, "b3"])),
    st.tuples(st.just("departed"), st.booleans()),
    st.tuples(st.just("forget"), paths),
    st.tuples(st.just("gone"), paths),
    st.tuples(
        st.just("claim"),
        owners,
        st.integers(1, 3),
        st.sampled_from([(Lane.ARRIVAL,), (Lane.BACKLOG,), tuple(Lane)]),
    ),
    st.tuples(st.just("ask"), paths, owners, digests),
    st.tuples(st.just("answer"), st.integers(0, 5)),
    st.tuples(st.just("abandon"), st.integers(0, 5)),
    st.tuples(st.just("assign"), paths, owners, digests),
    st.tuples(st.just("restore"), digests),
    st.tuples(st.just("complete"), paths, owners, digests),
    st.tuples(st.just("retry"), paths, owners, times, st.booleans()),
    st.tuples(st.just("park"), paths, owners, states),
    st.tuples(st.just("release"), paths, owners),
    st.tuples(st.just("requeue"), states),
    st.tuples(st.just("recover")),
    st.tuples(st.just("order"), st.booleans(), st.sampled_from(["", "x", "a.jpg"])),
    st.tuples(st.just("revert"), paths, st.integers(1, 3), st.sampled_from([None, None, 1, 2])),
    st.tuples(st.just("settle"), st.integers(0, 3)),
    st.tuples(st.just("save"), st.sampled_from(["", "x"]), digests),
    st.tuples(st.just("disk"), st.sampled_from(["", "x"]), st.sampled_from(["A", "B", None])),
)


class Player:
    """Plays verbs on one index and notes every reply."""

    def __init__(self, index):
        self.index = index
        self.open = []
        self.reversals = []
        self.begun = 0

    async def play(self, verb, now):
        name, *values = verb
        return await getattr(self, name)(*values, now)

    async def offer(self, path, version, lane, reason, beside, now):
        seen = sighting(path, version=version, lane=lane, reason=reason, beside=beside)
        return await self.index.offer([seen], now=now)

    async def gone(self, path, now):
        await self.index.gone([photo(path)], now=now)

    async def learn(self, path, now):
        await self.index.beside.learn({photo(path): f"at {now}"})

    async def put_back(self, path, owner, beside, now):
        del now
        await self.index.beside.put_back(photo(path), owner=owner, beside=beside)

    async def departed(self, later, now):
        at = now + DAY_SECONDS * later
        found = await self.index.beside.departed("/photos", now=at, limit=9)
        return sorted(found, key=lambda one: one.photo)

    async def forget(self, path, now):
        del now
        await self.index.beside.forget([photo(path)])

    async def claim(self, owner, limit, lanes, now):
        due = await self.index.next_due(lanes=lanes)
        claims = await self.index.claim(owner=owner, limit=limit, now=now, lanes=lanes)
        return due is None, claims

    async def ask(self, path, owner, digest, now):
        asked = request(path, number=str(self.begun), digest=digest)
        self.begun += 1
        begun = await self.index.begin(asked, owner=owner)
        if begun:
            self.open.append((asked, now))
        return begun

    async def answer(self, which, now):
        if which < len(self.open):
            asked, _ = self.open.pop(which)
            shows = caption(f"at {now}", digest=asked.digest, created_at=now)
            await self.index.answer(answer(asked.photo.path, number=asked.id, shows=shows))

    async def abandon(self, which, now):
        if which < len(self.open):
            asked, _ = self.open.pop(which)
            await self.index.abandon(asked.id, "overloaded", now=now)

    async def assign(self, path, owner, digest, now):
        del now
        known = await self.index.caption_of(digest, recipe=RECIPE)
        if known is not None:
            await self.index.assign(photo(path), owner=owner, caption=known)

    async def restore(self, digest, now):
        shows = caption(f"read at {now}", digest=digest, created_at=now)
        await self.index.restore(shows, request(digest=digest).facts)

    async def complete(self, path, owner, digest, now):
        del now
        await self.index.complete([completed(path, digest=digest)], owner=owner)

    async def retry(self, path, owner, later, counted, now):
        retry = Retry(photo(path), now + later, "later", counted)
        await self.index.retry([retry], owner=owner)

    async def park(self, path, owner, state, now):
        del now
        if state in (State.FAILED, State.REFUSED, State.SKIPPED, State.MISSING):
            await self.index.park([Parked(photo(path), state, "no")], owner=owner)

    async def release(self, path, owner, now):
        del now
        await self.index.release([photo(path)], owner=owner)

    async def requeue(self, state, now):
        return await self.index.requeue(states=[state], now=now)

    async def recover(self, now):
        self.open.clear()
        return sorted(await self.index.recover(now=now))

    async def order(self, stale, place, now):
        del now
        wanted = Wanted(
            recipes={"/photos": "another" if stale else RECIPE.key},
            places=[photo(place)],
            stale=stale,
        )
        return await self.index.history.count(wanted), await self.index.history.order(wanted)

    async def revert(self, path, version, number, now):
        try:
            done = await self.index.history.revert(
                photo(path), number, signature=signature(version), now=now
            )
        except NotReverted as error:
            return str(error)
        self.reversals.append(done)
        return done

    async def settle(self, which, now):
        if which < len(self.reversals):
            done = self.reversals.pop(which)
            written = replace(completed(done.claim.photo.path), captioned_at=now)
            return await self.index.history.settle(done, written)
        return None

    async def save(self, folder, digest, now):
        del now
        await self.index.save_folders([FolderDigest("/photos", folder, digest)])

    async def disk(self, folder, identity, now):
        del now
        await self.index.save_disks("/photos", {folder: identity})

    async def look(self):
        view = self.index.folder_view()
        seen = {
            "counts": await self.index.counts(),
            "reuse": [await self.index.caption_of(d, recipe=RECIPE) for d in ("d1", "d2")],
            "shown": [await self.index.history.shown(photo(p)) for p in PATHS],
            "past": [await self.index.history.past(photo(p)) for p in PATHS],
            "files": [view.files("/photos", folder) for folder in ("", "x")],
            "folders": sorted(view.folders("/photos", "")),
            "sharing": sorted(await self.index.beside.sharing("/photos", ["a", "x/c"])),
            "digests": [view.digest("/photos", folder) for folder in ("", "x")],
            "disks": view.disks("/photos"),
        }
        view.close()
        return seen


@settings(max_examples=150, deadline=None)
@given(st.lists(verbs, min_size=5, max_size=40))
def test_the_twins_agree(story):
    """Every reply, and all that can be seen afterwards, is the same."""
    asyncio.run(play(story))


async def play(story):
    with tempfile.TemporaryDirectory() as directory:
        file = await SqliteIndex.open(Path(directory, "index.db"))
        try:
            twins = [Player(file), Player(MemoryIndex())]
            for step, verb in enumerate(story):
                replies = [await twin.play(verb, float(step)) for twin in twins]
                assert replies[0] == replies[1], verb
            seen = [await twin.look() for twin in twins]
            assert seen[0] == seen[1]
            assert other_bytes(directory) == []
        finally:
            await file.aclose()


def other_bytes(directory):
    """Return the photos that show a caption of bytes they do not have."""
    with closing(sqlite3.connect(Path(directory, "index.db"))) as db:
        return db.execute(
            """
            SELECT photos.id FROM photos JOIN captions ON captions.id = photos.caption
            WHERE captions.digest IS NOT photos.digest
            """
        ).fetchall()
