"""Fetching from a real server: what comes, what does not, and why."""

from __future__ import annotations

import hashlib
import threading
import time
import tracemalloc
from email.utils import formatdate

import anyio
import pytest
from intake_helpers import until
from web_helpers import Harbour, gzipped, photo, web

from captiond.downloads import runner
from captiond.downloads.addresses import told
from captiond.downloads.fetching import PULSE_BYTES, PULSE_SECONDS, _Pulse
from captiond.errors import DownloadLater
from captiond.index.downloads_base import Stage

ETAG = {"ETag": '"v1"'}
NO_PARTS = {**ETAG, "Accept-Ranges": "none"}


@pytest.fixture
def server():
    with web() as server:
        yield server


@pytest.fixture
def harbour(tmp_path):
    (tmp_path / "in").mkdir()
    return Harbour(tmp_path / "in")


async def test_a_photo_comes_under_the_name_of_its_address(server, harbour):
    """Whole, with its source by its digest; the server learns who asks and nothing else."""
    (row,) = await harbour.fetch(server.put("/a/boat%20red.jpg?w=9", photo()))
    assert (row.state, row.name, row.attempts) == (Stage.DONE, "boat red.jpg", 1)
    assert (harbour.root / "boat red.jpg").read_bytes() == photo()
    (headers,) = server.asked("/a/boat%20red.jpg")
    assert headers["User-Agent"].startswith("captiond/")
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "Referer", "Authorization", "Range"} & set(headers)


async def test_nothing_is_ever_overwritten(server, harbour):
    """A taken name gets a number; one that holds these very bytes will do."""
    (harbour.root / "boat.jpg").write_bytes(b"mine")
    rows = await harbour.fetch(
        server.put("/a/boat.jpg", photo(1)),
        server.put("/b/boat.jpg", photo(2)),
        server.put("/c/boat.jpg", photo(1)),
    )
    assert (harbour.root / "boat.jpg").read_bytes() == b"mine"
    held = {name: (harbour.root / name).read_bytes() for name in harbour.names()}
    assert held.keys() == {"boat.jpg", "boat (2).jpg", "boat (3).jpg"}
    assert [held[row.name] for row in rows] == [photo(1), photo(2), photo(1)]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "the server says 404 Not Found"),
        (410, "the server says 410 Gone"),
        (403, "the server says 403 Forbidden"),
        (401, "the server says 401 Unauthorized"),
        (451, "the server says 451 Unavailable For Legal Reasons"),
        (204, "the server says 204 No Content"),
        (299, "the server says 299"),
    ],
)
async def test_a_dead_link_ends_as_a_row_with_the_reason(server, harbour, status, reason):
    """At the first try."""
    (row,) = await harbour.fetch(server.put("/a.jpg", status=status))
    assert (row.state, row.reason, row.attempts) == (Stage.FAILED, reason, 1)
    assert harbour.names() == []


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"<!DOCTYPE html><html>no", {}, "not an image: the file starts like HTML text"),
        (b"<html>" + b" " * 100_000, {"Content-Type": "image/jpeg"}, "HTML text"),
        (b"", {}, "the file is empty"),
        (gzipped(1 << 24), {"Content-Encoding": "gzip"}, "packed"),
        (photo(), {"Content-Encoding": "br"}, "packed"),
        (photo(kilobytes=1025), {}, "larger than 1 MB"),
    ],
)
async def test_what_is_no_photo_is_not_put_in_place(server, tmp_path, body, headers, reason):
    """Whatever the server calls it; nothing packed is unpacked, nor the end of much waited for."""
    harbour = Harbour(tmp_path, max_megabytes=1, timeout_seconds=5.0)
    gate = threading.Event() if len(body) > 50_000 else None
    (row,) = await harbour.fetch(server.put("/a.jpg", body, headers=headers, gate=gate))
    assert row.state is Stage.FAILED
    assert reason in row.reason
    assert harbour.names() == []


async def test_a_body_without_end_is_cut_at_the_cap(server, tmp_path):
    """A length that is not told does not help."""
    endless = photo(kilobytes=5 << 10)
    url = server.put("/a.jpg", endless, measured=False)
    harbour = Harbour(tmp_path, max_megabytes=1)
    (row,) = await harbour.fetch(url)
    assert "larger than 1 MB" in row.reason
    assert harbour.names() == []


async def test_a_server_that_is_busy_is_asked_again_when_it_said(server, harbour):
    """Retry-After in seconds or as a date, and growing pauses without it."""
    now = time.time()
    rows = await harbour.fetch(
        server.put("/a.jpg", photo(), statuses=[(429, {"Retry-After": "7200"})]),
        server.put("/b.jpg", photo(), statuses=[(503, {"Retry-After": formatdate(now + 3600)})]),
        server.put("/c.jpg", photo(), statuses=[(503, {"Retry-After": "999999999"})]),
        server.put("/d.jpg", photo(), statuses=[(503, {})]),
    )
    assert {row.state for row in rows} == {Stage.QUEUED}
    waits = [row.retry_at - now for row in rows]
    assert waits == [pytest.approx(seconds, abs=5) for seconds in (7200, 3600, 86400, 15)]
    assert rows[0].reason == "the server says 429 Too Many Requests"
    await harbour.finish(ahead=90_000)
    assert len(harbour.names()) == 4


async def test_tries_end(server, harbour):
    """Six in growing pauses, then the row has failed with the last reason."""
    assert [runner.pause_after(number) for number in range(1, 7)] == [15, 60, 240, 960, 3600, 3600]
    url = server.put("/a.jpg", status=500)
    ids = await harbour.add(url)
    for _ in range(runner.ATTEMPTS):
        await harbour.finish(ahead=3601)
    (row,) = await harbour.store.rows(ids)
    assert (row.state, row.reason) == (Stage.FAILED, "the server says 500 Internal Server Error")
    assert len(server.asked("/a.jpg")) == runner.ATTEMPTS


async def test_a_server_that_is_not_there_is_tried_later(harbour):
    """No connection is no dead link."""
    with web() as gone:
        url = gone.url("/a.jpg")
    (row,) = await harbour.fetch(url)
    assert row.state is Stage.QUEUED
    assert "no connection" in row.reason


async def test_what_takes_too_long_is_broken_off_and_kept(server, tmp_path):
    """The next try goes on from there."""
    harbour, gate = Harbour(tmp_path, timeout_seconds=1.0), threading.Event()
    body = photo(kilobytes=2048)
    url = server.put("/a.jpg", body, headers=ETAG, ranges=True, gate=gate)
    (row,) = await harbour.fetch(url)
    assert (row.state, row.reason) == (Stage.QUEUED, "it did not come within 1 s")
    gate.set()
    await harbour.finish(ahead=20)
    assert (tmp_path / "a.jpg").read_bytes() == body
    assert server.asked("/a.jpg")[1]["If-Range"] == '"v1"'


async def test_a_connection_that_is_cut_goes_on_where_it_ended(server, harbour):
    """The rest alone is asked for."""
    body = photo(kilobytes=2048)
    url = server.put("/a.jpg", body, headers=ETAG, ranges=True, cut_at=1_500_000)
    (row,) = await harbour.fetch(url)
    assert (row.state, row.validator) == (Stage.QUEUED, '"v1"')
    (partial,) = harbour.names()
    assert partial.startswith(".captiond-")
    kept = (harbour.root / partial).stat().st_size
    assert 64 < kept <= 1_500_000
    await harbour.finish(ahead=20)
    assert server.asked("/a.jpg")[1]["Range"] == f"bytes={kept}-"
    assert (harbour.root / "a.jpg").read_bytes() == body
    assert harbour.names() == ["a.jpg"]


async def test_a_part_that_nobody_asked_for_is_no_photo(server, harbour):
    """A server may call its answer the first bytes of more: all of them have to come."""
    body = photo(kilobytes=4)
    first = {"Content-Range": f"bytes 0-{len(body) - 1}/{2 * len(body)}"}
    (row,) = await harbour.fetch(server.put("/a.jpg", body, status=206, headers=first))
    assert (row.state, row.reason) == (Stage.QUEUED, "the server sent a part of it alone")
    whole = {"Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}"}
    (row,) = await harbour.fetch(server.put("/b.jpg", body, status=206, headers=whole))
    assert row.state is Stage.DONE


async def test_a_rest_of_another_version_is_not_put_to_the_first(server, harbour):
    """Not every server heeds that the rest is wanted of one version alone."""
    old, new = photo(1, kilobytes=2048), photo(2, kilobytes=2048)
    url = server.put("/a.jpg", old, headers=ETAG, ranges=True, cut_at=1_500_000)
    await harbour.fetch(url)
    (kept,) = [path.stat().st_size for path in harbour.root.iterdir()]
    rest = {"ETag": '"v2"', "Content-Range": f"bytes {kept}-{len(new) - 1}/{len(new)}"}
    server.put("/a.jpg", new[kept:], headers=rest, status=206)
    await harbour.finish(ahead=20)
    server.put("/a.jpg", new, headers={"ETag": '"v2"'}, ranges=True)
    await harbour.finish(ahead=100)
    assert (harbour.root / "a.jpg").read_bytes() == new


async def test_a_server_that_has_no_more_than_what_came_is_asked_for_all(server, harbour):
    """A crash came when everything had been received, and the rest of it is none."""
    body = photo(kilobytes=2048)
    url = server.put("/a.jpg", body, headers=ETAG, ranges=True, cut_at=1_500_000)
    await harbour.fetch(url)
    server.put("/a.jpg", body, headers=ETAG, statuses=[(416, {"Content-Range": "bytes */1500000"})])
    await harbour.finish(ahead=20)
    assert "Range" in server.asked("/a.jpg")[1]
    await harbour.finish(ahead=100)
    assert "Range" not in server.asked("/a.jpg")[2]
    assert harbour.names() == ["a.jpg"]


@pytest.mark.parametrize("ranges", [True, False])
async def test_what_changed_meanwhile_begins_anew(server, harbour, ranges):
    """So does what a server cannot give in parts: never a photo of two halves."""
    old, new = photo(1, kilobytes=2048), photo(2, kilobytes=2048)
    url = server.put("/a.jpg", old, headers=ETAG, ranges=ranges, cut_at=1_500_000)
    await harbour.fetch(url)
    server.put("/a.jpg", new, headers={"ETag": '"v2"'}, ranges=ranges)
    await harbour.finish(ahead=20)
    assert (harbour.root / "a.jpg").read_bytes() == new


@pytest.mark.parametrize(
    ("kilobytes", "headers"), [(64, ETAG), (2048, {"ETag": 'W/"v1"'}), (2048, NO_PARTS)]
)
async def test_a_photo_without_a_version_to_go_by_is_fetched_anew(
    server, harbour, kilobytes, headers
):
    """A small one's is not remembered, a weak tag says nothing of bytes: halves never meet."""
    body = photo(kilobytes=kilobytes)
    url = server.put("/a.jpg", body, headers=headers, cut_at=len(body) * 3 // 4)
    await harbour.fetch(url)
    await harbour.finish(ahead=20)
    assert "Range" not in server.asked("/a.jpg")[1]
    assert (harbour.root / "a.jpg").read_bytes() == body


async def test_a_large_photo_passes_through_little_memory(server, harbour):
    """It is streamed to the disk: 2 MB are enough for 32."""
    url = server.put("/a.jpg", photo(kilobytes=32 << 10))
    tracemalloc.start()
    try:
        (row,) = await harbour.fetch(url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert row.state is Stage.DONE
    assert peak < 4 << 20


def test_a_trickle_is_broken_off():
    """What keeps a line busy and brings next to nothing is tried later."""
    pulse, now = _Pulse(), time.monotonic()
    pulse.feel(PULSE_BYTES, now=now + PULSE_SECONDS + 1)
    pulse.feel(PULSE_BYTES - 1, now=now + PULSE_SECONDS + 2)
    with pytest.raises(DownloadLater, match="too slowly: 19999 bytes in 20 s"):
        pulse.feel(0, now=now + 2 * PULSE_SECONDS + 2)


async def test_a_few_go_at_once_and_of_one_server_fewer(harbour):
    """Four in all, two of one server; the others wait without harm."""
    with web() as one, web() as two, web() as three:
        gates, urls = threading.Event(), []
        for at, server in enumerate((one, two, three)):
            for number in range(4):
                path = f"/{at}-{number}.jpg"
                urls.append(server.put(path, photo(number), gate=gates))
        await harbour.add(*urls)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(harbour.finish)
            await until(lambda: one.underway + two.underway + three.underway == 4)
            gates.set()
        assert len(harbour.names()) == 12
        assert max(one.met, two.met, three.met) == 2


async def test_an_address_is_fetched_once_for_a_folder(server, harbour):
    """Asked for again it is known, also when the photo was moved away."""
    url = server.put("/a.jpg", photo())
    await harbour.fetch(url)
    (harbour.root / "a.jpg").unlink()
    (row,) = await harbour.fetch(url)
    assert row.state is Stage.DONE
    assert len(server.asked("/a.jpg")) == 1
    assert told(url) == row.url


async def test_the_source_is_kept_without_what_is_secret(server, harbour):
    """By the digest of the bytes; a signed query is needed to fetch, and to nobody after."""
    (row,) = await harbour.fetch(server.put("/a.jpg?token=hush", photo()))
    assert server.requests[0][0] == "/a.jpg?token=hush"
    digest = hashlib.sha256(photo()).hexdigest()
    assert await harbour.store.source_of(digest) == row.url == server.url("/a.jpg")
