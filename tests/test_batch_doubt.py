"""Jobs of which nobody knows whether the service has them: found again, and never sent twice."""

from __future__ import annotations

import sqlite3

import pytest
from batch_helpers import batch_home, captioned, in_house, jobs, last_job, until
from kill_helpers import answer_by_image
from structlog.testing import capture_logs

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_server import GeminiServer


async def test_a_lost_answer_makes_no_second_job(tmp_path):
    """A job whose creation was never answered is found, and handed in no second time."""
    async with GeminiServer(answer=answer_by_image, lose_creations=1) as server:
        home = batch_home(tmp_path, server, photos=12)
        async with in_house(home):
            await captioned(home, 12)
        assert server.counters.batches == 1
        assert list(server.contents.values()) == [1] * 12
    assert jobs(home) == [("succeeded", 12)]


async def test_a_job_that_shows_up_late_is_not_sent_again(tmp_path):
    """Its creation was not answered, and the next lists do not tell of it: it is waited for."""
    async with GeminiServer(
        answer=answer_by_image, lose_creations=1, blind_lists=4, batch_hold=True
    ) as server:
        home = batch_home(tmp_path, server, photos=3)
        async with in_house(home):
            await last_job(home, "running")
            server.release_batches()
            await captioned(home, 3)
        assert server.counters.batches == 1
    assert jobs(home) == [("succeeded", 3)]


async def test_a_job_that_was_never_handed_in_is_dissolved_at_once(tmp_path):
    """A crash before it was sent costs no look at the service, which cannot be asked either."""
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=3)
        async with in_house(home):
            await last_job(home, "running")
        with sqlite3.connect(home.index) as db:
            db.execute("update jobs set state = 'making', name = null, sent_at = null")
        server.batch_standing = faults.overloaded()
        async with in_house(home):
            await until(lambda: jobs(home)[0] == ("dissolved", 3))


@pytest.mark.parametrize("fault", [faults.invalid("Page token is invalid."), faults.html(403)])
async def test_a_refused_look_for_a_job_does_not_end_it(tmp_path, fault):
    """Whatever the service says then, the job may be there: it is looked for until it is found."""
    async with GeminiServer(answer=answer_by_image, lose_creations=1) as server:
        home = batch_home(tmp_path, server, photos=3)
        with capture_logs() as logs:
            async with in_house(home):
                await until(lambda: any(log["event"] == "job.postponed" for log in logs))
                server.batch_standing = fault
                await until(lambda: any(log["event"] == "job.not_found_out" for log in logs))
                server.batch_standing = None
                await captioned(home, 3)
        assert server.counters.batches == 1
    assert jobs(home) == [("succeeded", 3)]
