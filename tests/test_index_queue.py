"""The queue by lane, as operators see it."""

from __future__ import annotations

from index_helpers import OWNER, claim, opened, photo, request, sighting

from captiond.index.base import Retry
from captiond.index.jobs_base import Job
from captiond.index.search import Library
from captiond.models import Lane


async def test_who_waits_in_which_lane(tmp_path):
    """Due now or later counts, what is asked about now does not; photos in batch jobs do."""
    async with opened("sqlite", tmp_path) as index:
        await index.offer([sighting(f"new{n}.jpg") for n in range(3)], now=1.0)
        old = [sighting(f"old{n}.jpg", lane=Lane.BACKLOG) for n in range(5)]
        await index.offer(old, now=1.0)
        await claim(index, limit=2, lanes=[Lane.ARRIVAL])
        await index.retry([Retry(photo("new2.jpg"), 1e12, "busy")], owner=OWNER)
        first, second = await claim(index, limit=2, lanes=[Lane.BACKLOG])
        asked = [
            request(one.photo.path, number=one.photo.path, digest=one.photo.path)
            for one in (first, second)
        ]
        job = Job(id="j1", model="flash", requests=2, created_at=2.0)
        await index.jobs.make(job, asked, owner=OWNER)
        with Library(tmp_path / "index.db") as library:
            assert library.queue() == {"arrivals": 2, "backlog": 3, "jobs": 2}
