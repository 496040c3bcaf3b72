"""What each question is billed, whoever answers it and whatever comes back."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from pipeline_helpers import NOW, WORDS, EndlessCaptioner, ScriptedCaptioner, Station
from structlog.testing import capture_logs

from captiond import errors
from captiond.bench import Plan, RootPlans
from captiond.models import Recipe, Reply, State, Tier, Usage
from captiond.pipeline import caption_photo
from captiond.quota.budget import Caps
from captiond.quota.pricing import price

RECIPE = Recipe(origin="gemini", model="gemini-3.5-flash-lite", language="en", prompt="Describe.")
MILLION = Usage(1_000_000, 0)


class Told(ScriptedCaptioner):
    """Answers with the same reply each time."""

    reply = Reply(WORDS, "flash-001", MILLION)

    async def caption(self, question):
        self.asked.append(question.photo)
        return self.reply


def station_of(root, captioner, **bench):
    station = Station(root, captioner)
    plans = RootPlans({str(root): Plan(RECIPE)})
    station.bench = replace(station.bench, price=price, plans=plans, **bench)
    return station


async def spent(station):
    return await station.index.ledger.spent(since=0.0)


@pytest.mark.parametrize(
    ("asked", "told", "usd"),
    [
        (Tier.STANDARD, "", 0.30),
        (Tier.PRIORITY, "priority", 0.54),
        (Tier.PRIORITY, "standard", 0.30),
        (Tier.FLEX, "flex", 0.15),
        (Tier.FLEX, "", 0.15),
        (Tier.FLEX, "standard", 0.30),
        (Tier.STANDARD, "warp", 0.30),
    ],
)
async def test_the_tier_that_answered_is_billed(tmp_path, asked, told, usd):
    """A downgrade costs less, and what is not told is billed as it was asked for."""
    captioner = Told()
    captioner.reply = replace(Told.reply, tier=told)
    station = station_of(tmp_path, captioner, tier=asked)
    with capture_logs() as logs:
        await station.run(station.write("a.jpg"))
    assert (await spent(station)).usd == pytest.approx(usd)
    (line,) = [log for log in logs if log["event"] == "photo.captioned"]
    assert (line["tokens_in"], line["usd"]) == (1_000_000, pytest.approx(usd))


async def test_a_refusal_is_billed_and_a_rejected_image_is_not(tmp_path):
    """What the model declined it had read; what the API rejected it had not."""
    captioner = Told()
    station = station_of(tmp_path, captioner)
    captioner.reply = Reply(errors.CaptionRefused("blocked"), "flash-001", MILLION)
    assert (await station.run(station.write("a.jpg"))).state is State.REFUSED
    captioner.reply = Reply(errors.ImageRejected("not valid"), "flash-001")
    await station.run(station.write("b.jpg", b"other"))
    told = await spent(station)
    assert (told.requests, told.usd, told.lost, told.unpriced) == (2, pytest.approx(0.30), 0, 0)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (errors.CaptionerBusy("overloaded"), 0),
        (errors.CaptionerStopped("the key is wrong"), 0),
        (errors.CaptionerUnreachable("refused"), 0),
        (errors.CaptionerSilent("no answer in time"), 1),
        (errors.CaptionerShedSilent("no answer in time"), 1),
    ],
)
async def test_silence_stays_reserved_and_an_error_costs_nothing(tmp_path, error, lost):
    """Only what nobody knows counts with the most that it may cost."""
    station = station_of(tmp_path, ScriptedCaptioner(script=[error]))
    await station.run(station.write("a.jpg"))
    told = await spent(station)
    assert (told.lost, told.usd, told.in_flight) == (lost, 0.0, 0)
    assert (told.lost_usd > 0.005) == bool(lost)


async def test_a_question_that_is_cancelled_stays_reserved(tmp_path):
    """Captiond stops while Gemini works on it: it may be billed."""
    station = station_of(tmp_path, EndlessCaptioner())
    photo = station.write("a.jpg")
    await station.offer(photo)
    claim = await station.claim(photo)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(caption_photo, claim, station.bench)
        await station.captioner.called.wait()
        tasks.cancel_scope.cancel()
    assert (await spent(station)).lost == 1


async def test_a_cap_parks_the_gate_and_burns_no_attempt(tmp_path):
    """The photo waits as if it had never been claimed, until the day ends."""
    station = station_of(tmp_path, Told(), caps=Caps(usd_per_day=0.305))
    await station.run(station.write("a.jpg"))
    with capture_logs() as logs:
        row = await station.run(station.write("b.jpg", b"other"))
    assert (row.state, row.owner, row.attempts) == (State.QUEUED, None, 0)
    (parked,) = [log for log in logs if log["event"] == "captioner.parked"]
    assert "limits.usd_per_day = 0.305 leaves no room: $0.3000 spent" in parked["reason"]
    (cap,) = station.bench.caps.at(NOW)
    assert station.gate.pause.goes_on_at == cap.until
    assert len(station.captioner.asked) == 1
