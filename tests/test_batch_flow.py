"""The life of batch jobs: real photos, a real index, a loopback service; pauses are short."""

from __future__ import annotations

import errno
import io
import shutil
from pathlib import Path

import pytest
from batch_helpers import (
    answers,
    batch_home,
    captioned,
    in_house,
    jobs,
    last_job,
    spooled_bytes,
    until,
)
from daemon_helpers import Home
from disk_helpers import small_disk
from kill_helpers import answer_by_image, assert_all_whole, make_photo, photos_of, states_count
from PIL import Image
from structlog.testing import capture_logs

from captiond.batches.spool import ROOM_BYTES
from captiond.intake.attend import scan_once
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_fault import Fault, Refused
from captiond.testing.gemini_server import GeminiServer
from captiond.testing.photo_maker import make_jpeg

ODD_PX = (48, 16)


def add_odd(home: Home) -> None:
    odd = make_jpeg(width=ODD_PX[0], height=ODD_PX[1], seed=9, noise=0)
    (home.photos / "odd.jpg").write_bytes(odd)


def answer_but(fault: Fault):
    """Answer all images but the odd one."""

    async def answer(received):
        with Image.open(io.BytesIO(received.image)) as picture:
            if picture.size == ODD_PX:
                raise Refused(fault)
        return await answer_by_image(received)

    return answer


@pytest.mark.parametrize("outcome", ["expired", "cancelled", "failed"])
async def test_a_job_that_ends_badly_is_sent_again_and_then_by_standard(tmp_path, outcome):
    """The first such end makes a second job, the next sends its photos one by one."""
    async with GeminiServer(answer=answer_by_image, batch_outcomes=[outcome] * 9) as server:
        home = batch_home(tmp_path, server, photos=5)
        with capture_logs() as logs:
            async with in_house(home):
                await captioned(home, 5)
        assert server.counters.requests == 5
        assert list(server.contents.values()) == [1] * 5
    assert jobs(home) == [(outcome, 5), (outcome, 5)]
    done = [log for log in logs if log["event"] == "job.done"]
    assert [(log["state"], log["unanswered"]) for log in done] == [(outcome, 5)] * 2
    assert_all_whole(home, photos=photos_of(home))


async def test_items_without_an_answer_go_back_to_the_queue(tmp_path):
    """Those that failed go in another job, and by standard when they fail there, too."""
    async with GeminiServer(
        answer=answer_by_image, batch_outcomes=["partly"] * 9, batch_broken_items=range(2)
    ) as server:
        home = batch_home(tmp_path, server, photos=6)
        async with in_house(home):
            await captioned(home, 6)
        assert server.counters.requests == 2
        assert list(server.contents.values()) == [1] * 6
    assert jobs(home) == [("succeeded", 6), ("succeeded", 2)]


async def test_an_image_that_the_service_rejects_is_set_aside(tmp_path):
    """With the service's reason, after one item; the others of its job are captioned."""
    async with GeminiServer(answer=answer_but(faults.bad_image())) as server:
        home = batch_home(tmp_path, server, photos=3)
        add_odd(home)
        async with in_house(home):
            await captioned(home, 3)
    ((reason,),) = home.rows("select reason from library where state = 'failed'")
    assert "cannot read this image" in reason
    assert jobs(home) == [("succeeded", 4)]


async def test_a_refusal_in_a_job_is_billed_and_told(tmp_path):
    """The photo is `refused`; what that cost is in the ledger, at the price of a batch."""
    async with GeminiServer(answer=answer_but(faults.blocked_answer())) as server:
        home = batch_home(tmp_path, server, photos=1)
        add_odd(home)
        async with in_house(home):
            await captioned(home, 1)
    assert home.states() == {"0000.jpg": "captioned", "odd.jpg": "refused"}
    billed = "select input_tokens > 0, cost_usd > 0, tier, answered_tier from requests"
    assert home.rows(billed) == [(1, 1, "batch", "batch")] * 2


async def test_open_jobs_are_read_whatever_the_settings_say_now(tmp_path):
    """With a backlog by standard no new job is made, and none is lost."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=4)
        async with in_house(home):
            await last_job(home, "running")
        (home.photos / "later.jpg").write_bytes(make_photo(999))
        home.gemini = ""
        home.write_config()
        async with in_house(home):
            await captioned(home, 1)
            server.release_batches()
            await captioned(home, 5)
        assert server.counters.requests == 1
        assert list(server.contents.values()) == [1] * 5
    assert jobs(home) == [("succeeded", 4)]


async def test_a_copy_waits_for_the_job_of_its_content(tmp_path):
    """An arrival whose bytes lie in a job is not asked about: nothing is paid for twice."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=3)
        async with in_house(home) as app:
            await last_job(home, "running")
            shutil.copyfile(home.photos / "0001.jpg", home.photos / "copy.jpg")
            await scan_once(app.intakes[0])
            reason = "select reason from photos where name = 'copy.jpg' and reason is not null"
            await until(lambda: home.rows(reason) == [("its content is in a batch job",)])
            server.release_batches()
            await captioned(home, 3)
        assert home.states()["copy.jpg"] == "queued"  # it is looked at again within a minute
        assert server.counters.requests == 0
        assert list(server.contents.values()) == [1] * 3


async def test_copies_in_one_backlog_are_sent_once(tmp_path):
    """The spool holds a content once, and so does the job."""
    async with GeminiServer(answer=answer_by_image) as server:
        home = batch_home(tmp_path, server, photos=2)
        shutil.copyfile(home.photos / "0001.jpg", home.photos / "copy.jpg")
        async with in_house(home):
            await last_job(home, "succeeded")
        assert list(server.contents.values()) == [1] * 2
    assert jobs(home) == [("succeeded", 2)]


async def test_a_photo_that_changes_leaves_its_job_at_once(tmp_path):
    """Its new bytes go in the next job; the answer for the old ones is kept, and not shown."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=2)
        async with in_house(home) as app:
            await last_job(home, "running")
            (home.photos / "0001.jpg").write_bytes(make_photo(77))
            await scan_once(app.intakes[0])
            await until(lambda: len(jobs(home)) == 2)
            server.release_batches()
            await captioned(home, 2)
        assert list(server.contents.values()) == [1] * 3
    assert home.rows("select count(*) from captions") == [(3,)]
    shown = """
        select photos.digest = captions.digest from photos
        join captions on captions.id = photos.caption where name = '0001.jpg'
    """
    assert home.rows(shown) == [(1,)]


async def test_a_stop_while_collecting_gives_the_photos_back(tmp_path):
    """They are queued again, the spool is gone, and the next run makes the job."""
    async with GeminiServer(answer=answer_by_image) as server:
        home = batch_home(tmp_path, server, photos=10)
        async with in_house(home):
            await until(lambda: spooled_bytes(home))
        assert not spooled_bytes(home)
        assert states_count(home, "queued") == 10
        assert home.rows("select distinct attempts, owner from photos") == [(0, None)]
        assert server.counters.batches == 0
        async with in_house(home):
            await captioned(home, 10)
    assert jobs(home) == [("succeeded", 10)]


async def test_one_batch_too_many_waits(tmp_path):
    """A 429 at the creation keeps the job as it is; it is sent again later, and once."""
    async with GeminiServer(answer=answer_by_image, batches_at_once=0) as server:
        home = batch_home(tmp_path, server, photos=3)
        with capture_logs() as logs:
            async with in_house(home):
                await until(lambda: any(log["event"] == "job.postponed" for log in logs))
                server.batches_at_once = 100
                await captioned(home, 3)
        assert server.counters.batches == 1
    assert jobs(home) == [("succeeded", 3)]


async def test_an_outage_amid_the_polls_changes_nothing(tmp_path):
    """Polls, downloads and answers that break are tried again; every content is paid for once."""
    broken = [faults.overloaded(), faults.html(), faults.reset_mid_body(), faults.internal_error()]
    async with GeminiServer(
        answer=answer_by_image, poll_script=broken, batch_late_polls=2, batch_shuffled=True
    ) as server:
        home = batch_home(tmp_path, server, photos=8)
        async with in_house(home):
            await captioned(home, 8)
        assert list(server.contents.values()) == [1] * 8
    assert_all_whole(home, photos=photos_of(home))


async def test_a_wrong_key_stops_and_gives_the_photos_back(tmp_path):
    """No job is made by it, the gate is stopped, and with the right key all goes on."""
    async with GeminiServer(answer=answer_by_image, api_key="another") as server:
        home = batch_home(tmp_path, server, photos=3)
        async with in_house(home) as app:
            await until(lambda: app.bench.gate.pause is not None)
            await until(lambda: states_count(home, "queued") == 3)
        server.api_key = None
        async with in_house(home):
            await captioned(home, 3)
        assert list(server.contents.values()) == [1] * 3
    assert [state for state, _ in jobs(home)] == ["dissolved", "succeeded"]


async def test_a_cap_holds_for_jobs(tmp_path):
    """What there is no room for stays in the queue; the rest goes in a job."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=20, extra="[limits]\nusd_per_day = 0.02\n")
        async with in_house(home):
            await last_job(home, "running")
            ((_, size),) = jobs(home)
            assert 0 < size < 20
            await until(lambda: states_count(home, "queued") == 20 - size)
        assert server.counters.requests == 0
    assert answers(home) == 0


async def test_a_full_disk_while_collecting(tmp_path: Path):
    """What has room goes in a job, the others stay in the queue; the operator is told once."""
    kilobytes = ROOM_BYTES // 1024 + 1500
    with small_disk(tmp_path / "state", kilobytes=kilobytes):
        async with GeminiServer(answer=answer_by_image) as server:
            home = batch_home(tmp_path, server, photos=30, side_px=400)
            with capture_logs() as logs:
                async with in_house(home):
                    await last_job(home, "succeeded")
                    await until(lambda: states_count(home, "queued") == 30 - len(server.contents))
                    await captioned(home, len(server.contents))
        told = [log for log in logs if log["event"] == "job.spool_failed"]
        assert len(told) == 1
        reasons = home.rows("select distinct reason from photos where state = 'queued'")
        assert [reason for (reason,) in reasons] == [
            f"this machine: [Errno {errno.ENOSPC}] No space left on device"
        ]
        assert 0 < len(server.contents) < 30
