"""The loopback Gemini's batches: the real SDK creates, polls, lists, cancels and deletes them."""

from __future__ import annotations

import hashlib
import io
import json

import aiohttp
import pytest
from gemini_sdk_helpers import MODEL, batch_item, line, sdk
from google.genai import errors, types

from captiond.models import Description
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_server import FIXED, GeminiServer
from captiond.testing.gemini_wire import ReceivedRequest, Refused

PHOTOS = [f"photo {number}".encode() for number in range(6)]
MIB = 2**20


async def create(client, photos=PHOTOS, **config: str) -> types.BatchJob:
    items = [batch_item(data, key=data.decode()) for data in photos]
    return await client.batches.create(model=MODEL, src=items, config=config)


async def finish(client, job: types.BatchJob) -> types.BatchJob:
    return await client.batches.get(name=job.name)


def by_key(job: types.BatchJob) -> dict[str, types.InlinedResponse]:
    return {result.metadata["key"]: result for result in job.dest.inlined_responses}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def reject_dark(request: ReceivedRequest) -> Description:
    if request.image == PHOTOS[1]:
        raise Refused(faults.bad_image())
    if request.image == PHOTOS[2]:
        raise Refused(faults.blocked_prompt())
    return FIXED


async def test_a_batch_answers_each_item_as_a_single_request_would_be():
    """Results carry their keys; a bad image is an error, a blocked one a response."""
    async with GeminiServer(answer=reject_dark, keep=9) as server, sdk(server) as client:
        job = await create(client, display_name="backlog 1")
        assert (job.state.value, job.done) == ("JOB_STATE_PENDING", False)
        done = await finish(client, job)
        assert (done.state.value, done.done) == ("JOB_STATE_SUCCEEDED", True)
        assert (done.display_name, done.model) == ("backlog 1", f"models/{MODEL}")
        assert done.create_time <= done.end_time
        results = by_key(done)
        assert list(results) == [data.decode() for data in PHOTOS]
        assert results["photo 0"].response.text == FIXED.caption
        assert results["photo 0"].response.usage_metadata.prompt_token_count == 1122
        assert (results["photo 1"].error.code, results["photo 1"].response) == (3, None)
        assert results["photo 2"].response.prompt_feedback.block_reason.value == "SAFETY"
        paid = {digest(data): 1 for data in (PHOTOS[0], *PHOTOS[3:])}
        assert server.contents == paid
        assert (server.counters.batches, server.counters.batch_items) == (1, 6)
        assert [request.tier for request in server.received] == ["batch"] * 6


async def test_a_batch_from_a_file_answers_in_a_file():
    """Lines of key and request become lines of key and response or error, also broken ones."""
    lines = [
        line("a", batch_item(PHOTOS[0]), responseMimeType="application/json"),
        "this is no JSON\n",
        line("c", batch_item(PHOTOS[2]), thinkingConfig={"thinkingLevel": "XHIGH"}),
    ]
    async with GeminiServer() as server, sdk(server) as client:
        source = io.BytesIO("".join(lines).encode())
        file = await client.files.upload(file=source, config={"mime_type": "jsonl"})
        job = await client.batches.create(model=MODEL, src=file.name)
        done = await finish(client, job)
        assert done.dest.inlined_responses is None
        body = await client.files.download(file=done.dest.file_name)
        first, second, third = map(json.loads, body.splitlines())
        text = first["response"]["candidates"][0]["content"]["parts"][0]["text"]
        assert (first["key"], json.loads(text)["title"]) == ("a", FIXED.title)
        assert second["error"]["code"] == 3
        assert "XHIGH" in third["error"]["message"]
        assert third["key"] == "c"
        assert (server.contents, server.counters.batch_items) == ({digest(PHOTOS[0]): 1}, 3)


async def test_the_operation_has_the_form_of_the_api():
    """Numbers are texts, zeros are left out, and the resource names itself twice."""
    async with (
        GeminiServer(batch_outcomes=["partly"]) as server,
        sdk(server) as client,
        aiohttp.ClientSession(headers={"x-goog-api-key": "k"}) as session,
    ):
        server.batch_hold = True
        job = await create(client)
        url = f"{server.base_url}/v1beta/{job.name}"
        async with session.get(url) as response:
            running = await response.json()
        assert running["metadata"]["batchStats"] == {
            "requestCount": "6",
            "pendingRequestCount": "6",
        }
        assert running["metadata"]["state"] == "BATCH_STATE_RUNNING"
        assert "done" not in running
        assert running["name"] == running["metadata"]["name"] == job.name
        server.release_batches()
        async with session.get(url) as response:
            done = await response.json()
        assert done["done"] is True
        assert done["metadata"]["@type"].endswith("GenerateContentBatch")
        assert done["metadata"]["batchStats"] == {
            "requestCount": "6",
            "successfulRequestCount": "4",
            "failedRequestCount": "2",
        }
        output = done["metadata"]["output"]
        assert done["response"]["inlinedResponses"] == output["inlinedResponses"]


@pytest.mark.parametrize("outcome", ["failed", "expired", "cancelled"])
async def test_a_batch_can_end_badly(outcome):
    """It has the state, no results, and nothing was paid; the next one is well again."""
    async with GeminiServer(batch_outcomes=[outcome]) as server, sdk(server) as client:
        done = await finish(client, await create(client))
        assert (done.state.value, done.done) == (f"JOB_STATE_{outcome.upper()}", True)
        assert done.dest is None
        assert not server.contents
        well = await finish(client, await create(client))
        assert well.state.value == "JOB_STATE_SUCCEEDED"


async def test_items_can_fail_by_their_index():
    """With "partly" the chosen items are errors that cost nothing, the others are answered."""
    async with (
        GeminiServer(batch_outcomes=["partly"], batch_broken_items={4}) as server,
        sdk(server) as client,
    ):
        results = by_key(await finish(client, await create(client)))
        assert [key for key, result in results.items() if result.error] == ["photo 4"]
        assert results["photo 4"].error.code == 13
        assert len(server.contents) == 5


async def test_a_held_batch_runs_until_it_is_released():
    """POST /batches/release ends the wait, for jobs made before and after."""
    async with (
        GeminiServer(batch_hold=True) as server,
        sdk(server) as client,
        aiohttp.ClientSession(server.base_url) as session,
    ):
        job = await create(client)
        for _ in range(3):
            assert (await finish(client, job)).state.value == "JOB_STATE_RUNNING"
        async with session.post("/batches/release"):
            pass
        assert (await finish(client, job)).done
        assert (await finish(client, await create(client))).done


async def test_a_batch_takes_its_time():
    """Until its seconds are over it runs, and nothing is paid for."""
    async with GeminiServer(batch_seconds=3600) as server, sdk(server) as client:
        job = await finish(client, await create(client))
        assert (job.state.value, job.dest) == ("JOB_STATE_RUNNING", None)
        assert not server.contents


async def test_a_batch_runs_though_nobody_asks_for_it():
    """A creation whose answer is lost is a job all the same: it is listed, and paid for."""
    async with GeminiServer(lose_creations=1) as server, sdk(server) as client:
        with pytest.raises(aiohttp.ClientError):
            await create(client, display_name="lost")
        job = await create(client, display_name="found")
        listed = [job async for job in await client.batches.list()]
        assert [job.display_name for job in listed] == ["found", "lost"]
        assert listed[0].name == job.name
        assert server.counters.batches == 2
        assert set(server.contents.values()) == {2}


async def test_batches_are_listed_in_pages_the_newest_first():
    """The SDK's pager finds each once."""
    async with GeminiServer() as server, sdk(server) as client:
        names = [(await create(client, PHOTOS[:1])).name for _ in range(5)]
        pager = await client.batches.list(config={"page_size": 2})
        assert [job.name async for job in pager] == names[::-1]


async def test_a_batch_can_be_cancelled_and_deleted():
    """Cancelled it has no results and costs nothing; deleted it is a 404."""
    async with GeminiServer(batch_seconds=3600) as server, sdk(server) as client:
        job = await create(client)
        await client.batches.cancel(name=job.name)
        cancelled = await finish(client, job)
        assert (cancelled.state.value, cancelled.dest) == ("JOB_STATE_CANCELLED", None)
        await client.batches.cancel(name=job.name)
        await client.batches.delete(name=job.name)
        with pytest.raises(errors.ClientError, match="not found") as caught:
            await finish(client, job)
        assert caught.value.code == 404
        assert not server.contents


async def test_too_many_batches_at_once_are_refused():
    """One more than may be unfinished is a 429 without a limit or a delay."""
    async with GeminiServer(batches_at_once=2, batch_hold=True) as server, sdk(server) as client:
        await create(client)
        await create(client)
        with pytest.raises(errors.ClientError, match="exceeded your current quota") as caught:
            await create(client)
        kinds = [detail["@type"] for detail in caught.value.details["error"]["details"]]
        assert (caught.value.code, kinds) == (429, ["type.googleapis.com/google.rpc.Help"])
        assert server.counters.batches == 2


async def test_results_may_come_in_another_order_and_late():
    """The state says SUCCEEDED before there are results, and the first item comes last."""
    async with (
        GeminiServer(batch_shuffled=True, batch_late_polls=2) as server,
        sdk(server) as client,
    ):
        job = await create(client)
        for _ in range(2):
            early = await finish(client, job)
            assert (early.state.value, early.dest) == ("JOB_STATE_SUCCEEDED", None)
        assert list(by_key(await finish(client, job))) == [d.decode() for d in PHOTOS[::-1]]


async def test_an_answer_that_breaks_is_told_at_the_poll():
    """A mistake in a test's own answer is a 500 and not a job that never ends."""

    async def broken(_: ReceivedRequest) -> Description:
        raise ZeroDivisionError

    async with GeminiServer(answer=broken) as server, sdk(server) as client:
        with pytest.raises(errors.ServerError):
            await finish(client, await create(client))


async def test_polls_fail_as_their_script_says():
    """A 503 and a broken connection at polling leave the job as it is."""
    script = [faults.overloaded(), faults.reset_mid_body(), None]
    async with GeminiServer(poll_script=script) as server, sdk(server) as client:
        job = await create(client)
        with pytest.raises(errors.ServerError):
            await finish(client, job)
        with pytest.raises(aiohttp.ClientError):
            await finish(client, job)
        assert (await finish(client, job)).done


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_what_is_too_large_inline_is_refused():
    """20 MB of requests are a 400, a little less is a job."""
    async with GeminiServer() as server, sdk(server) as client:
        with pytest.raises(errors.ClientError, match="payload size exceeds") as caught:
            await client.batches.create(model=MODEL, src=[batch_item(b"x" * 15 * MIB)])
        assert (caught.value.code, server.counters.batches) == (400, 0)
        await client.batches.create(model=MODEL, src=[batch_item(b"x" * (15 * MIB - 4096))])
        assert server.counters.batches == 1


@pytest.mark.parametrize(
    ("model", "source", "message"),
    [
        ("gemini-embedding-2", [batch_item()], "not found for API version"),
        (MODEL, [], "no requests"),
        (MODEL, "files/nowhere", "permission to access the File"),
    ],
)
async def test_a_batch_that_cannot_be_is_refused(model, source, message):
    """A model without batches, a batch of nothing and a file that is not there make no job."""
    async with GeminiServer() as server, sdk(server) as client:
        if isinstance(source, list):
            source = types.BatchJobSource(inlined_requests=source)
        with pytest.raises(errors.ClientError, match=message):
            await client.batches.create(model=model, src=source)
        assert server.counters.batches == 0


async def test_batches_outlive_a_stop_of_the_server():
    """Jobs and files are there when it starts again; what had not run then runs, once."""
    server = GeminiServer(batch_hold=True)
    async with server, sdk(server) as client:
        job = await create(client)
    server.batch_hold = False
    async with server, sdk(server) as client:
        assert (await finish(client, job)).done
    assert set(server.contents.values()) == {1}
