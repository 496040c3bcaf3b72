"""How a tier changes what is asked, and what becomes of a photo that flex has no room for."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from bad_api_helpers import Station
from gemini_helpers import opened, question
from kill_helpers import make_photo
from msgspec import structs
from structlog.testing import capture_logs

from captiond.app import feeders
from captiond.captioners.base import Question
from captiond.disk.photofile import open_beneath
from captiond.errors import CaptionerBusy, CaptionerShed, CaptionerStopped
from captiond.index.base import Sighting
from captiond.models import Lane, Photo, State, Tier
from captiond.opening import backlog, open_bench, open_captioner, open_index
from captiond.quota.sheds import PAUSES_SECONDS, REMEMBERED, SHEDS, Sheds
from captiond.settings import Settings
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_fault import refusal
from captiond.testing.gemini_server import GeminiServer

FLEX_DEADLINE = 900


def asked(tier: Tier) -> Question:
    return replace(question(), tier=tier)


async def test_flex_is_asked_for_with_fifteen_minutes_of_patience() -> None:
    """The service is told the tier and the time it has; the tier that answered is kept."""
    async with GeminiServer(keep=3) as server, opened(server.base_url) as gemini:
        replies = [await gemini.caption(asked(tier)) for tier in (Tier.STANDARD, Tier.FLEX)]
        assert [reply.tier for reply in replies] == ["standard", "flex"]
        standard, flex = server.received
        assert (standard.tier, flex.tier) == ("standard", "flex")
        assert standard.deadline_seconds == 60
        assert flex.deadline_seconds == FLEX_DEADLINE


@pytest.mark.parametrize("fault", [faults.shed(), faults.deadline_exceeded()])
async def test_no_room_for_flex_is_no_fault_of_the_service(fault) -> None:
    """What would be an overload in the standard tier sheds a flex request."""
    async with GeminiServer(standing=fault) as server, opened(server.base_url) as gemini:
        with pytest.raises(CaptionerShed):
            await gemini.caption(asked(Tier.FLEX))
        with pytest.raises(CaptionerBusy):
            await gemini.caption(question())


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, "Flex service tier is not available for the free tier."),
        (403, "Priority requires a project with billing enabled at Tier 2 or above."),
    ],
)
async def test_a_tier_that_the_project_has_not_is_told(code, message) -> None:
    """It stops the asking with the keys to change; the same words about another tier do not."""
    fault = refusal(code, "PERMISSION_DENIED", message)
    async with GeminiServer(standing=fault) as server, opened(server.base_url) as gemini:
        with pytest.raises(CaptionerStopped, match=r"gemini\.tier or gemini\.backlog"):
            await gemini.caption(asked(Tier.PRIORITY))


async def test_a_downgrade_and_a_retirement_are_told_once() -> None:
    """Priority answered by standard, a model that ends: one warning each, whatever comes after."""
    server = GeminiServer(downgrade_to="standard", retires_at="2027-02-01T00:00:00Z")
    async with server, opened(server.base_url) as gemini:
        with capture_logs() as told:
            replies = [await gemini.caption(asked(Tier.PRIORITY)) for _ in range(3)]
    assert {reply.tier for reply in replies} == {"standard"}
    assert {reply.retires_at for reply in replies} == {"2027-02-01T00:00:00Z"}
    events = [(one["event"], one["log_level"]) for one in told]
    assert sorted(events) == [("model.retires", "warning"), ("tier.changed", "warning")]


def test_a_photo_steps_back_ever_longer_and_is_then_asked_by_standard() -> None:
    """Three sheds are enough; an answer forgets them; memory is bounded."""
    sheds, photo = Sheds(), Photo("/photos", "a.jpg")
    steps = []
    for _ in range(SHEDS):
        assert sheds.tier(photo, Tier.FLEX) is Tier.FLEX
        steps.append(sheds.meet(photo))
    assert steps == [*PAUSES_SECONDS, 0.0]
    assert all(one < other for one, other in itertools.pairwise(PAUSES_SECONDS))
    assert sheds.tier(photo, Tier.FLEX) is Tier.STANDARD
    sheds.end(photo)
    assert sheds.tier(photo, Tier.FLEX) is Tier.FLEX
    for number in range(REMEMBERED + 5):
        sheds.meet(Photo("/photos", f"{number}.jpg"))
    assert len(sheds._known) == REMEMBERED


class Backlog:
    """Photos in the backlog, and the real parts that caption them by flex."""

    def __init__(self, path: Path, server: GeminiServer, photos: int) -> None:
        self.path, self.server = path, server
        station = Station(path, server.base_url)
        station.settings()
        self.photos = [Photo(str(station.photos), f"{number}.jpg") for number in range(photos)]
        for number, photo in enumerate(self.photos):
            Path(photo.full).write_bytes(make_photo(number))

    @asynccontextmanager
    async def captioned(self) -> AsyncIterator[None]:
        """Caption them all; the block runs when they are."""
        settings = replace_gemini(
            Station(self.path, self.server.base_url).settings(), backlog="flex"
        )
        async with AsyncExitStack() as stack:
            captioner = await open_captioner(settings, stack)
            index = await open_index(settings, stack)
            bench = await open_bench(settings, index, captioner, stack)
            bench = replace(bench, sheds=Sheds(pauses_seconds=(0.1, 0.2)))
            await index.offer([self.sighting(photo) for photo in self.photos], now=bench.clock())
            fed = feeders(bench, backlog(settings, bench))
            async with anyio.create_task_group() as feeding:
                for feeder in fed:
                    feeding.start_soon(feeder.run)
                with anyio.fail_after(30):
                    while await index.counts() != {State.CAPTIONED: len(self.photos)}:
                        assert bench.gate.pause is None
                        await anyio.sleep(0.02)
                for feeder in fed:
                    feeder.close()
            yield

    def sighting(self, photo: Photo) -> Sighting:
        with open_beneath(photo) as opened_photo:
            return Sighting(photo, opened_photo.signature, Lane.BACKLOG)


def replace_gemini(settings: Settings, **changes: str) -> Settings:
    return structs.replace(settings, gemini=structs.replace(settings.gemini, **changes))


async def test_a_photo_shed_three_times_is_captioned_by_standard(tmp_path: Path) -> None:
    """Nobody's gate closes, no attempt is burnt, and it is paid for once, at the full price."""
    server = GeminiServer(flex_standing=faults.shed(), keep=100)
    async with server, Backlog(tmp_path, server, 3).captioned():
        tiers = Counter(received.tier for received in server.received)
    assert tiers == {"flex": 3 * SHEDS, "standard": 3}
    assert server.counters.answered == 3


async def test_a_photo_shed_once_is_captioned_by_flex(tmp_path: Path) -> None:
    """Where there is room again, half the price is paid."""
    server = GeminiServer(flex_script=[faults.shed()], keep=100)
    async with server, Backlog(tmp_path, server, 3).captioned():
        tiers = [received.tier for received in server.received]
    assert tiers == ["flex"] * 4
