"""One photo from claim to row: real files, real sidecars, a captioner that follows a script."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from pipeline_helpers import (
    NOW,
    OWNER,
    WORDS,
    EndlessCaptioner,
    ScriptedCaptioner,
    Station,
    assert_waits,
)
from structlog.testing import capture_logs

from captiond import errors
from captiond.captioners.base import Question
from captiond.index.base import Sighting
from captiond.models import (
    Lane,
    Photo,
    Prepared,
    Signature,
    State,
)
from captiond.pipeline import caption_photo
from captiond.sidecars.write import write_sidecars
from captiond.verdicts import CHANGED_SECONDS


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


async def test_a_photo_is_captioned(station: Station) -> None:
    """Caption, sidecar, facts and cost are there, and no request is left in flight."""
    photo = station.write("a.jpg")
    row = await station.run(photo)
    assert (row.state, row.reason, row.owner) == (State.CAPTIONED, None, None)
    assert row.caption is not None
    assert row.caption.description == WORDS
    assert (station.root / "a.jpg.txt").read_text() == "A red boat.\n"
    digest = hashlib.sha256(b"photo").hexdigest()
    assert set(station.index.facts) == {digest}
    assert [answer.cost_usd for answer in station.index.answers.values()] == [0.1]
    assert station.index.requests == {}


async def test_the_reply_is_committed_before_the_sidecars(station: Station) -> None:
    """A crash while sidecars are written never pays again: the caption stands already."""
    photo, seen = station.write("a.jpg"), []

    def watch_write(*arguments: object) -> object:
        seen.append(len(station.index.captions))
        return write_sidecars(*arguments, version="1")

    station.bench = replace(station.bench, write_sidecars=watch_write)
    await station.run(photo)
    assert seen == [1]


async def test_the_same_content_is_free(station: Station) -> None:
    """A copy is captioned, with its own sidecar, and nobody is asked."""
    await station.run(station.write("a.jpg"))
    row = await station.run(station.write("copy.jpg"))
    assert row.state is State.CAPTIONED
    assert row.caption is station.index.captions[0]
    assert len(station.captioner.asked) == 1
    assert (station.root / "copy.jpg.txt").read_text() == "A red boat.\n"


async def test_captions_that_cost_nothing_are_made_anew(tmp_path: Path) -> None:
    """The offline captioner speaks of file names: a copy gets words of its own."""
    station = Station(tmp_path, ScriptedCaptioner(paid=False))
    await station.run(station.write("a.jpg"))
    await station.run(station.write("copy.jpg"))
    assert len(station.captioner.asked) == 2
    assert [answer.cost_usd for answer in station.index.answers.values()] == [0.0, 0.0]


async def test_copies_at_the_same_moment_pay_once(station: Station) -> None:
    """One asks, the others step back for a moment and find the caption then."""
    photos = [station.write(f"{n}.jpg") for n in range(4)]
    for photo in photos:
        await station.offer(photo)
    claims = await station.index.claim(owner=OWNER, limit=4, now=NOW)
    async with anyio.create_task_group() as tasks:
        for claim in claims:
            tasks.start_soon(caption_photo, claim, station.bench)
    station.now += 10
    for claim in await station.index.claim(owner=OWNER, limit=4, now=station.now):
        await caption_photo(claim, station.bench)
    assert await station.index.counts() == {State.CAPTIONED: 4}
    assert len(station.captioner.asked) == 1


async def test_a_file_that_changes_before_the_question_is_not_asked_about(
    station: Station,
) -> None:
    """The claim is void: no request for old bytes, and the new ones have their turn."""
    photo = station.write("a.jpg", b"old")
    await station.offer(photo)
    claim = await station.claim(photo)
    prepared = station.bench.prepare

    async def change_meanwhile(fd: int, digest: str) -> Prepared:
        changed = Sighting(photo, Signature(9, 9, 9, 9), Lane.ARRIVAL)
        await station.index.offer([changed], now=NOW)
        return await prepared(fd, digest)

    station.bench = replace(station.bench, prepare=change_meanwhile)
    await caption_photo(claim, station.bench)
    assert station.captioner.asked == []
    assert (station.index.rows[photo].state, station.index.rows[photo].owner) == (
        State.QUEUED,
        None,
    )


async def test_a_file_that_changes_during_the_question_keeps_its_turn(tmp_path: Path) -> None:
    """The paid caption belongs to the old bytes; the photo is not shown as captioned by it."""
    station = Station(tmp_path)
    photo = station.write("a.jpg", b"old")

    def change(question: Question) -> None:
        (tmp_path / "a.jpg").write_bytes(b"new bytes")
        row = station.index.rows[question.photo]
        row.state, row.signature = State.QUEUED, Signature(9, 9, 9, 9)

    station.captioner.before = change
    row = await station.run(photo)
    assert (row.state, row.caption, row.owner) == (State.QUEUED, None, None)
    assert [c.digest for c in station.index.captions] == [hashlib.sha256(b"old").hexdigest()]


async def test_a_file_written_to_since_it_settled_waits(station: Station) -> None:
    """Its attempt is given back, and a sighting of its own brings it back sooner."""
    photo = station.write("a.jpg", b"old")
    await station.offer(photo)
    (station.root / "a.jpg").write_bytes(b"new bytes")
    assert_waits(await station.caption(photo), at=NOW + CHANGED_SECONDS)
    assert station.captioner.asked == []


@pytest.mark.parametrize("spoilt", [False, True])
async def test_a_file_written_to_while_it_is_prepared_is_not_asked_about(
    station: Station, spoilt: bool
) -> None:
    """Half of the old picture and half of the new one is nothing to pay for, nor to be blamed."""
    photo = station.write("a.jpg", b"old")
    prepared = station.bench.prepare

    async def change_meanwhile(fd: int, digest: str) -> Prepared:
        (station.root / "a.jpg").write_bytes(b"new bytes")
        if spoilt:
            raise errors.Undecodable("the JPEG is cut off")
        return await prepared(fd, digest)

    station.bench = replace(station.bench, prepare=change_meanwhile)
    assert_waits(await station.run(photo), at=NOW + CHANGED_SECONDS)
    assert station.captioner.asked == []


async def test_a_file_that_starts_like_no_photo_is_not_read_whole(station: Station) -> None:
    """Its first bytes are enough: no digest, no decoder, no question."""

    def look(head: bytes) -> None:
        assert head == b"PK"
        raise errors.NotAPhoto("not an image: the file starts like a ZIP archive")

    station.bench = replace(station.bench, look=look)
    row = await station.run(station.write("a.jpg", b"PK"))
    assert (row.state, row.digest) == (State.SKIPPED, None)
    assert station.captioner.asked == []


async def test_a_stopped_captioner_stops_all_asking(station: Station) -> None:
    """The gate closes until an operator acts; no attempt is burnt, the operator is told once."""
    station.captioner.script = [errors.CaptionerStopped("the key is wrong")] * 2
    with capture_logs() as logs:
        row = await station.run(station.write("a.jpg"))
        assert_waits(row, at=NOW + 0.5)
        row = await station.run(station.write("b.jpg", b"other"))
    assert station.gate.pause is not None
    assert (station.gate.pause.reason, station.gate.pause.until) == ("the key is wrong", None)
    assert len(station.captioner.asked) == 1
    assert (row.state, row.attempts) == (State.QUEUED, 0)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["captioner.stopped"]
    assert station.index.requests == {}


async def test_a_busy_captioner_is_left_alone_as_long_as_it_says(station: Station) -> None:
    """The gate is held for `retry_after`; the photo waits a moment longer, unburnt."""
    station.captioner.script = [
        errors.CaptionerBusy("out of quota", kind=errors.Busy.RATE, retry_after=30.0)
    ]
    assert_waits(await station.run(station.write("a.jpg")), at=NOW + 30.5)
    assert station.gate.opens_in(now=NOW) == 30.0
    assert station.index.requests == {}


async def test_the_first_reply_after_a_pause_opens_the_gate(station: Station) -> None:
    """A photo that is asked about when the pause is over shows that the service is back."""
    station.captioner.script = [errors.CaptionerUnreachable("no answer")]
    await station.run(station.write("a.jpg"))
    station.now += 60
    row = await station.run(station.write("b.jpg", b"other"))
    assert row.state is State.CAPTIONED
    assert station.gate.pause is None


async def test_an_unusable_reply_is_given_up_after_a_few_tries(station: Station) -> None:
    """Each of them is paid for; with a service that answers well, few rule out bad luck."""
    for number in range(200):
        await station.run(station.write(f"{number}.jpg", str(number).encode()))
    station.captioner.script = [errors.ReplyUnusable("the reply is empty")] * 50
    photo = station.write("a.jpg")
    await station.offer(photo)
    row = await station.caption(photo)
    while row.state is State.QUEUED:
        station.now = max(row.retry_at or 0.0, station.now)
        row = await station.caption(photo)
    assert (row.state, row.reason) == (State.FAILED, "the reply is empty (tried 5 times)")
    assert len(station.captioner.asked) == 205


async def test_a_refused_photo_is_asked_about_once(station: Station) -> None:
    """It is set aside with the captioner's own reason."""
    station.captioner.script = [errors.CaptionRefused("the model declines")]
    row = await station.run(station.write("a.jpg"))
    assert (row.state, row.reason) == (State.REFUSED, "the model declines")


async def test_sidecars_that_cannot_be_written_are_tried_again(station: Station) -> None:
    """The caption is shown meanwhile, the operator is told once and once more at the end."""
    blocked = True

    def write(*arguments: object) -> object:
        if blocked:
            raise errors.SidecarUnwritable("no space left")
        return write_sidecars(*arguments, version="1")

    station.bench = replace(station.bench, write_sidecars=write)
    photos = [station.write("a.jpg"), station.write("b.jpg", b"other")]
    with capture_logs() as logs:
        for photo in photos:
            row = await station.run(photo)
            assert_waits(row, at=NOW + 5)
            assert row.reason == "no space left"
            assert row.caption is not None
        blocked, station.now = False, NOW + 5
        for claim in await station.index.claim(owner=OWNER, limit=2, now=station.now):
            await caption_photo(claim, station.bench)
    assert await station.index.counts() == {State.CAPTIONED: 2}
    assert len(station.captioner.asked) == 2
    told = [line["event"] for line in logs if line["event"].startswith("sidecars.")]
    assert told == ["sidecars.unwritable", "sidecars.recovered"]


async def test_a_folder_that_is_not_watched_any_more(station: Station, tmp_path: Path) -> None:
    """Its photos are not read, and keep what is known of them as `missing`."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.jpg").write_bytes(b"photo")
    row = await station.run(Photo(str(elsewhere), "a.jpg"))
    assert (row.state, row.reason) == (State.MISSING, "its folder is not watched any more")


async def test_a_photo_that_vanished_waits_for_the_scan(station: Station) -> None:
    """A file on its way to another name is no failure."""
    photo = station.write("a.jpg")
    await station.offer(photo)
    (station.root / "a.jpg").unlink()
    assert_waits(await station.caption(photo), at=NOW + CHANGED_SECONDS)


async def test_a_surprise_is_recorded_and_the_daemon_lives_on(station: Station) -> None:
    """An error that nobody foresaw costs this photo a try, with a traceback in the log."""
    station.captioner.script = [ZeroDivisionError("surprise")]
    with capture_logs() as logs:
        row = await station.run(station.write("a.jpg"))
    assert_waits(row, at=NOW + 2, attempts=1)
    assert "surprise" in str(row.reason)
    assert [line["event"] for line in logs] == ["photo.crashed", "photo.postponed"]
    assert station.index.requests == {}


async def test_a_cancelled_photo_is_given_back(tmp_path: Path) -> None:
    """Its request is closed in the ledger, its attempt not counted, its content free again."""
    captioner = EndlessCaptioner()
    station = Station(tmp_path, captioner)
    photo = station.write("a.jpg")
    await station.offer(photo)
    claim = await station.claim(photo)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(caption_photo, claim, station.bench)
        await captioner.called.wait()
        assert len(station.index.requests) == 1
        tasks.cancel_scope.cancel()
    row = station.index.rows[photo]
    assert_waits(row, at=None, attempts=0)
    assert station.index.requests == {}
    with station.bench.contents.hold(hashlib.sha256(b"photo").hexdigest()):
        pass


async def test_an_index_that_fails_is_no_fault_of_the_photo(station: Station) -> None:
    """It goes on to whoever runs the daemon, instead of burning the photo's tries."""
    station.captioner.script = [errors.LibraryUnavailable("the index is damaged")]
    photo = station.write("a.jpg")
    await station.offer(photo)
    with pytest.raises(errors.LibraryUnavailable):
        await station.caption(photo)
    assert station.index.rows[photo].reason is None
