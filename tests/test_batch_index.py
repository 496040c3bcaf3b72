"""What every Index promises of batch jobs, asked of the SQLite file and of its twin alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from index_helpers import (
    OWNER,
    RECIPE,
    answer,
    caption,
    claim,
    claimed_paths,
    completed,
    photo,
    request,
    sighting,
)

from captiond.index.base import Parked, Retry
from captiond.index.jobs_base import Job, Made, Settled
from captiond.index.ledger_base import Bill
from captiond.models import Cap, Lane, State, Tier

JOB = Job(id="j1", model="flash", requests=2, created_at=10.0)


async def make(index, *paths, job=JOB):
    """Bring photos into a job; each has a content and a request of its own name."""
    await index.offer([sighting(path, lane=Lane.BACKLOG) for path in paths], now=1.0)
    await claim(index)
    requests = [request(path, number=f"r-{path}", digest=f"d-{path}") for path in paths]
    return await index.jobs.make(job, requests, owner=OWNER)


def answered(asked):
    shows = caption(digest=asked.digest)
    path = asked.claim.photo.path
    return Settled(asked=asked, answer=answer(path, number=asked.request, shows=shows))


async def test_a_job_takes_photos_over_from_their_owner(index):
    """Its photos are no longer the owner's to give back, and its questions are told."""
    assert (await make(index, "a.jpg", "b.jpg")).kept == {"r-a.jpg", "r-b.jpg"}
    await index.release([photo("a.jpg"), photo("b.jpg")], owner=OWNER)
    assert await claim(index) == []
    assert await index.jobs.open_jobs() == [JOB]
    asked = sorted(await index.jobs.asked("j1"), key=lambda one: one.request)
    assert [(one.request, one.digest, one.recipe) for one in asked] == [
        ("r-a.jpg", "d-a.jpg", RECIPE.key),
        ("r-b.jpg", "d-b.jpg", RECIPE.key),
    ]
    assert [one.claim.photo for one in asked] == [photo("a.jpg"), photo("b.jpg")]
    assert {one.claim.attempts for one in asked} == {1}
    assert {(one.origin, one.language, one.model) for one in asked} == {("gemini", "en", "flash")}


async def test_when_it_was_sent_is_kept(index):
    """A job that was never handed in has no such time."""
    await make(index, "a.jpg")
    assert [job.sent_at for job in await index.jobs.open_jobs()] == [None]
    await index.jobs.sending("j1", now=12.5)
    assert [job.sent_at for job in await index.jobs.open_jobs()] == [12.5]


async def test_a_name_is_kept(index):
    """The service's name for a job is there after it was given."""
    await make(index, "a.jpg")
    await index.jobs.name("j1", "batches/7")
    assert [job.name for job in await index.jobs.open_jobs()] == ["batches/7"]


async def test_a_void_claim_stays_out_of_a_job(index):
    """A photo that changed while it was collected is not in the job, and may be claimed again."""
    await index.offer([sighting("a.jpg"), sighting("b.jpg")], now=1.0)
    await claim(index)
    await index.offer([sighting("b.jpg", version=2)], now=2.0)
    both = [request(path, number=path) for path in ("a.jpg", "b.jpg")]
    assert await index.jobs.make(JOB, both, owner=OWNER) == Made(frozenset({"a.jpg"}))
    assert [job.requests for job in await index.jobs.open_jobs()] == [1]
    assert await claimed_paths(index) == ["b.jpg"]


async def test_a_job_of_void_claims_is_none(index):
    """Without a photo there is no job."""
    assert await index.jobs.make(JOB, [request("a.jpg")], owner=OWNER) == Made(frozenset())
    assert await index.jobs.open_jobs() == []


async def test_a_cap_keeps_the_rest_out_of_a_job(index):
    """What there is room for goes along; the others are due as if never claimed."""
    await index.offer([sighting(path) for path in "abc"], now=1.0)
    await claim(index)
    cap = Cap("usd_per_day", 0.5, 0.0, 86_400.0)
    costly = [
        replace(request(path, number=path, digest=path), reserved_usd=0.4, within=(cap,))
        for path in "abc"
    ]
    made = await index.jobs.make(JOB, costly, owner=OWNER)
    assert made.kept == {"a"}
    assert made.over is not None
    assert made.over.cap == "usd_per_day"
    assert [job.requests for job in await index.jobs.open_jobs()] == [1]
    assert {one.photo.path: one.attempts for one in await claim(index)} == {"b": 1, "c": 1}


async def test_a_restart_leaves_a_job_alone(index):
    """Neither its photos nor its questions count as lost, and no crash is counted."""
    await make(index, "a.jpg")
    for now in (2.0, 3.0, 4.0, 5.0):
        assert await index.recover(now=now) == []
    assert await claim(index) == []
    assert len(await index.jobs.asked("j1")) == 1


async def test_an_answer_brings_its_photo_back(index):
    """It is due as if never claimed, and its caption is known."""
    await make(index, "a.jpg", "b.jpg")
    asked = {one.claim.photo.path: one for one in await index.jobs.asked("j1")}
    await index.jobs.settle([answered(asked["a.jpg"])], job="j1", now=20.0)
    assert [one.claim.photo.path for one in await index.jobs.asked("j1")] == ["b.jpg"]
    (taken,) = await claim(index)
    assert (taken.photo, taken.attempts) == (photo("a.jpg"), 1)
    assert await index.caption_of("d-a.jpg", recipe=RECIPE) == caption(digest="d-a.jpg")


async def test_what_a_job_took_is_told_until_its_photo_is_captioned(index):
    """Tokens, cost and times of its own answer; once it is captioned that was told."""
    await make(index, "a.jpg", "b.jpg")
    assert await index.jobs.billed(photo("a.jpg")) is None
    (asked, _) = sorted(await index.jobs.asked("j1"), key=lambda one: one.request)
    settled = answered(asked)
    await index.jobs.settle([settled], job="j1", now=20.0)
    told = await index.jobs.billed(photo("a.jpg"))
    assert told is not None
    assert told.bill == Bill(settled.answer.usage, settled.answer.cost_usd, Tier.BATCH)
    assert told.asked_at + told.seconds == settled.answer.ended_at
    assert await index.jobs.billed(photo("b.jpg")) is None
    await claim(index)
    done = replace(completed("a.jpg", digest="d-a.jpg"), captioned_at=told.asked_at + 1000)
    await index.complete([done], owner=OWNER)
    assert await index.jobs.billed(photo("a.jpg")) is None


async def test_questions_without_a_caption(index):
    """One photo goes aside, another waits; both count as failures of a job."""
    await make(index, "a.jpg", "b.jpg")
    asked = {one.claim.photo.path: one for one in await index.jobs.asked("j1")}
    aside = Parked(photo("a.jpg"), State.FAILED, "too odd")
    later = Retry(photo("b.jpg"), 500.0, "busy", counted=False)
    settled = [
        Settled(asked=asked["a.jpg"], error="too odd", fate=aside),
        Settled(asked=asked["b.jpg"], error="busy", fate=later),
    ]
    await index.jobs.settle(settled, job="j1", now=20.0)
    assert await index.counts() == {State.FAILED: 1, State.QUEUED: 1}
    assert await index.next_due() == 500.0
    assert await index.jobs.failures("d-a.jpg", RECIPE.key) == 1
    assert await index.jobs.failures("d-b.jpg", "another recipe") == 0


@pytest.mark.parametrize(("state", "failures"), [("dissolved", 0), ("expired", 1)])
async def test_the_end_of_a_job_frees_what_it_holds(index, state, failures):
    """Unanswered photos are due again; only what the service really had counts as a failure."""
    await make(index, "a.jpg")
    await index.jobs.end("j1", state, "no answer came", now=30.0)
    assert await index.jobs.open_jobs() == []
    assert await index.jobs.asked("j1") == []
    assert await index.jobs.failures("d-a.jpg", RECIPE.key) == failures
    assert [one.attempts for one in await claim(index)] == [1]


@pytest.mark.parametrize(("state", "lost_usd"), [("gone", 0.4), ("succeeded", 0.4), ("failed", 0)])
async def test_what_a_job_may_have_been_billed_stays_reserved(index, state, lost_usd):
    """Results that nobody can read any more may have been paid for: a cap reckons with them."""
    await index.offer([sighting("a.jpg", lane=Lane.BACKLOG)], now=1.0)
    await claim(index)
    asked = replace(request("a.jpg", number="r", digest="d"), reserved_usd=0.4)
    await index.jobs.make(JOB, [asked], owner=OWNER)
    await index.jobs.end("j1", state, "no answer came", now=30.0)
    assert (await index.ledger.spent(since=0.0)).lost_usd == lost_usd
    assert await index.jobs.failures("d", RECIPE.key) == 1


async def test_a_content_is_underway_until_its_job_ends(index):
    """Contents that no open job asks about are not."""
    await make(index, "a.jpg")
    assert await index.jobs.underway("d-a.jpg")
    assert not await index.jobs.underway("d-b.jpg")
    await index.jobs.end("j1", "failed", "", now=30.0)
    assert not await index.jobs.underway("d-a.jpg")


async def test_a_changed_photo_leaves_its_job(index):
    """It can be claimed at once, and an answer for its old content changes nothing of it."""
    await make(index, "a.jpg")
    (asked,) = await index.jobs.asked("j1")
    await index.offer([sighting("a.jpg", version=2)], now=2.0)
    assert await claimed_paths(index) == ["a.jpg"]
    await index.jobs.settle([answered(asked)], job="j1", now=20.0)
    assert await index.caption_of(asked.digest, recipe=RECIPE) is not None
    await index.release([photo("a.jpg")], owner=OWNER)
    (again,) = await claim(index)
    assert (again.digest, again.attempts) == (None, 1)


async def test_a_photo_that_goes_leaves_its_job(index):
    """It is missing at once; its caption is kept all the same."""
    await make(index, "a.jpg")
    (asked,) = await index.jobs.asked("j1")
    await index.gone([photo("a.jpg")], now=2.0)
    await index.jobs.settle([answered(asked)], job="j1", now=20.0)
    assert await index.counts() == {State.MISSING: 1}
    assert await index.caption_of(asked.digest, recipe=RECIPE) is not None


async def test_nobody_queues_what_lies_in_a_job(index):
    """Whoever queues all failed, captioned or queued photos anew leaves it where it is."""
    await make(index, "a.jpg")
    states = [state for state in State if state is not State.INFLIGHT]
    assert await index.requeue(states=states, now=9.0) == 0
    assert await claim(index) == []
