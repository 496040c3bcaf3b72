"""Photos that are moved while their content lies with the service in a batch job."""

from __future__ import annotations

from batch_helpers import batch_home, captioned, in_house, last_job, until
from kill_helpers import answer_by_image

from captiond.intake.attend import scan_once, tidy_once
from captiond.models import State
from captiond.testing.gemini_server import GeminiServer


async def test_a_photo_that_moves_is_captioned_by_its_job(tmp_path):
    """Wherever it lies by then, the job's answer is its caption: no request, sidecars there alone.

    What was captioned before and moves while the queue waits for a job costs nothing, either.
    """
    async with GeminiServer(answer=answer_by_image, batch_hold=True) as server:
        home = batch_home(tmp_path, server, photos=3)
        async with in_house(home) as app:
            await last_job(home, "running")
            (home.photos / "new").mkdir()
            (home.photos / "0001.jpg").rename(home.photos / "new" / "moved.jpg")
            await scan_once(app.intakes[0])
            states = dict.fromkeys(["0000.jpg", "0002.jpg"], "inflight")
            states |= {"0001.jpg": "missing", "new/moved.jpg": "queued"}
            await until(lambda: home.states() == states)
            server.release_batches()
            await captioned(home, 2)
            # It looks again within a minute; a person who cannot wait asks.
            await until(lambda: home.rows("select count(*) from captions") == [(3,)])
            assert await app.index.requeue(states=[State.QUEUED], now=app.bench.clock()) == 1
            for feeder in app.feeders:
                feeder.bell.ring()
            await captioned(home, 3)
            (home.photos / "0002.jpg").rename(home.photos / "new" / "0002.jpg")
            await scan_once(app.intakes[0])
            await until(lambda: home.states()["new/0002.jpg"] == "captioned")
            await tidy_once(app.intakes[0])
        assert server.counters.requests == 0
        assert list(server.contents.values()) == [1] * 3
    texts = {path.relative_to(home.photos).as_posix() for path in home.photos.rglob("*.txt")}
    assert texts == {"0000.jpg.txt", "new/moved.jpg.txt", "new/0002.jpg.txt"}
