"""The Batch API as captiond speaks it: jobs in, results out, over real sockets."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from gemini_helpers import JPEG, KEY, opened, question

from captiond.captioners.batch import GeminiBatches
from captiond.captioners.batch_base import Ending, Told
from captiond.errors import CaptionerBusy, CaptionerStopped, CaptionerUnreachable, ImageRejected
from captiond.models import Description, Reply
from captiond.testing import gemini_faults as faults
from captiond.testing import gemini_quota as quota
from captiond.testing.gemini_fault import Refused
from captiond.testing.gemini_server import FIXED, GeminiServer

MODEL = "gemini-3.5-flash-lite"


@asynccontextmanager
async def batches(base_url: str, **options: int):
    async with opened(base_url) as captioner:
        yield GeminiBatches(captioner.client, **options)


def spooled(service, tmp_path, *questions):
    """Write questions into a spool, with the keys k0, k1, ..."""
    spool = tmp_path / "spool.jsonl"
    spool.write_bytes(b"".join(service.line(f"k{at}", one) for at, one in enumerate(questions)))
    return spool


async def results(service, told, tmp_path):
    """Return all items of a job by their keys."""
    scratch = tmp_path / "results.jsonl"
    items = [item async for part in service.items(told, scratch, {}) for item in part]
    assert not scratch.exists()
    return {item.key: item.outcome for item in items}


def camel(value):
    """Return JSON with its keys in one case: the SDK mixes both, and the API takes both."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if isinstance(value, dict):
        return {
            re.sub(r"_([a-z])", lambda m: m[1].upper(), key): camel(one)
            for key, one in value.items()
        }
    return value


@asynccontextmanager
async def listener():
    """Serve on loopback and keep every body that comes; answers make no sense."""
    bodies = []

    async def keep(request: web.Request) -> web.Response:
        bodies.append(json.loads(await request.read()))
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/{any:.*}", keep)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", bodies
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"thinking": "low", "media_resolution": "low"},
        {
            "media_resolution": "ultra_high",
            "prompt": "Beschreibe {nichts}\n«genau»",
            "language": "de",
        },
        {"model": "gemini-2.5-flash-lite", "thinking": "high"},
    ],
)
async def test_an_item_is_the_body_of_a_single_call(recipe):
    """What goes out for a photo is the same in a job and alone, to the last word."""
    asked = question(**recipe)
    async with listener() as (url, bodies), opened(url) as captioner:
        await captioner.caption(asked)
        line = json.loads(GeminiBatches(captioner.client).line("k", asked))
    assert line["key"] == "k"
    assert camel(line["request"]) == camel(bodies[0])


@pytest.mark.parametrize("by_file", [False, True])
async def test_a_job_from_its_spool_to_its_results(tmp_path, by_file):
    """Inline or by a file: every question is answered once, and nothing is left at the service."""
    inline = {"inline_bytes": 0} if by_file else {}
    asked = [question(JPEG + bytes([at])) for at in range(5)]
    async with (
        GeminiServer(batch_shuffled=True) as server,
        batches(server.base_url, **inline) as service,
    ):
        name = await service.create("j1", spooled(service, tmp_path, *asked), model=MODEL)
        told = await service.look(name)
        assert (told.ending, bool(told.file), told.has_results) == (
            Ending.SUCCEEDED,
            by_file,
            True,
        )
        found = await results(service, told, tmp_path)
        assert sorted(found) == ["k0", "k1", "k2", "k3", "k4"]
        assert all(isinstance(one.outcome, Description) for one in found.values())
        assert all(one.usage.input > 0 for one in found.values())
        assert server.counters.files == by_file
        assert list(server.contents.values()) == [1] * 5
        await service.forget("j1", told)
        assert await service.find("j1") is None
        listed = [one async for one in await service._client.aio.files.list()]
        assert listed == []


async def test_a_running_job_has_not_ended(tmp_path):
    """It is told as such until the service lets it go."""
    async with GeminiServer(batch_hold=True) as server, batches(server.base_url) as service:
        name = await service.create("j1", spooled(service, tmp_path, question()), model=MODEL)
        assert await service.look(name) == Told(name)


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "expired"])
async def test_a_job_that_ends_badly(tmp_path, outcome):
    """Its end is told, with the service's reason, and there is nothing to read."""
    async with (
        GeminiServer(batch_outcomes=[outcome]) as server,
        batches(server.base_url) as service,
    ):
        name = await service.create("j1", spooled(service, tmp_path, question()), model=MODEL)
        told = await service.look(name)
        assert (told.ending, told.has_results) == (Ending(outcome), False)
        assert told.error


async def test_a_job_that_was_deleted_is_gone():
    """The service does not know it: that is an end, and no fault of the settings."""
    async with GeminiServer() as server, batches(server.base_url) as service:
        assert (await service.look("batches/unknown")).ending is Ending.GONE


async def test_a_job_is_found_among_others_by_its_own_name(tmp_path):
    """On whichever page it stands; the loss of the answer at its creation does not hide it."""
    async with GeminiServer() as server, batches(server.base_url) as service:
        spool = spooled(service, tmp_path, question())
        server.lose_creations = 1
        with pytest.raises(CaptionerUnreachable):
            await service.create("j0", spool, model=MODEL)
        for number in range(1, 120):
            name = await service.create(f"j{number}", spool, model=MODEL)
        assert await service.find("j119") == name
        lost = await service.find("j0")
        assert lost is not None
        assert (await service.look(lost)).ending is Ending.SUCCEEDED
        assert await service.find("j120") is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.bad_image(), ImageRejected),
        (faults.internal_error(), CaptionerBusy),
        (faults.bad_key(), CaptionerStopped),
    ],
)
async def test_an_item_that_failed_is_told_by_its_own_error(tmp_path, fault, error):
    """Its neighbours are answered all the same."""

    async def answer(received):
        if received.image == JPEG:
            raise Refused(fault)
        return FIXED

    async with GeminiServer(answer=answer) as server, batches(server.base_url) as service:
        spool = spooled(service, tmp_path, question(), question(JPEG + b"2"))
        told = await service.look(await service.create("j1", spool, model=MODEL))
        found = await results(service, told, tmp_path)
        assert isinstance(found["k0"], error)
        assert isinstance(found["k1"], Reply)


async def test_an_error_with_details_spoils_no_other_item(tmp_path):
    """The SDK would refuse all results for the objects in it."""
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "X"}
    bad = {"code": 3, "message": "Provided image is not valid.", "details": [detail]}
    responses = [{"metadata": {"key": "k0"}, "error": bad}, {"metadata": {"key": "k1"}}, "odd"]
    operation = {
        "name": "batches/1",
        "metadata": {
            "state": "BATCH_STATE_SUCCEEDED",
            "output": {"inlinedResponses": {"inlinedResponses": responses}},
        },
    }

    async def tell(_: web.Request) -> web.Response:
        return web.json_response(operation)

    app = web.Application()
    app.router.add_get("/v1beta/batches/1", tell)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with batches(f"http://127.0.0.1:{runner.addresses[0][1]}") as service:
            told = await service.look("batches/1")
            found = await results(service, told, tmp_path)
    finally:
        await runner.cleanup()
    assert isinstance(found["k0"], ImageRejected)
    assert isinstance(found["k1"], CaptionerBusy)
    assert isinstance(found[""], CaptionerBusy)


async def test_one_job_too_many_is_busy(tmp_path):
    """The API's 429 is no reason to stop."""
    async with GeminiServer(batches_at_once=0) as server, batches(server.base_url) as service:
        with pytest.raises(CaptionerBusy):
            await service.create("j1", spooled(service, tmp_path, question()), model=MODEL)
        assert await service.find("j1") is None


async def test_results_that_break_off_are_read_anew(tmp_path):
    """A download that is cut leaves no half file behind; the next one is whole."""
    async with (
        GeminiServer(cut_downloads=1) as server,
        batches(server.base_url, inline_bytes=0) as service,
    ):
        spool = spooled(service, tmp_path, question(), question(JPEG + b"2"))
        told = await service.look(await service.create("j1", spool, model=MODEL))
        with pytest.raises(CaptionerUnreachable):
            await results(service, told, tmp_path)
        assert not (tmp_path / "results.jsonl").exists()
        assert len(await results(service, told, tmp_path)) == 2


async def test_results_that_were_deleted_are_none(tmp_path):
    """The job is there, its file is not: nothing stops, and there is nothing to read."""
    async with GeminiServer() as server, batches(server.base_url, inline_bytes=0) as service:
        spool = spooled(service, tmp_path, question())
        told = await service.look(await service.create("j1", spool, model=MODEL))
        await service.forget("another", Told(told.name, Ending.GONE, file=told.file))
        assert await results(service, told, tmp_path) == {}


async def test_a_file_that_is_there_is_not_uploaded_again(tmp_path):
    """The job was refused after its upload: the next attempt takes what lies there."""
    async with (
        GeminiServer(batches_at_once=0) as server,
        batches(server.base_url, inline_bytes=0) as service,
    ):
        spool = spooled(service, tmp_path, question())
        with pytest.raises(CaptionerBusy):
            await service.create("j1", spool, model=MODEL)
        server.batches_at_once = 1
        told = await service.look(await service.create("j1", spool, model=MODEL))
        assert len(await results(service, told, tmp_path)) == 1
        assert server.counters.files == 1


async def test_a_wrong_key_is_told_by_every_verb(tmp_path):
    """Nothing of it is mistaken for the end of a job."""
    async with GeminiServer(api_key="other") as server, batches(server.base_url) as service:
        spool = spooled(service, tmp_path, question())
        for verb in (
            service.create("j1", spool, model=MODEL),
            service.find("j1"),
            service.look("batches/1"),
        ):
            with pytest.raises(CaptionerStopped) as caught:
                await verb
            assert KEY not in str(caught.value)
        await service.forget("j1", Told("batches/1", Ending.SUCCEEDED))


async def test_a_429_in_a_poll_is_busy():
    """A poll asked too fast comes back later."""
    async with (
        GeminiServer(poll_script=[quota.quota_bare()]) as server,
        batches(server.base_url) as service,
    ):
        with pytest.raises(CaptionerBusy):
            await service.look("batches/1")
