"""The loopback Gemini's files: the real SDK uploads, lists, reads and deletes them."""

from __future__ import annotations

import base64
import hashlib
import io
from datetime import timedelta

import aiohttp
import pytest
from gemini_sdk_helpers import MODEL, batch_item, line, sdk
from google.genai import errors, types

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_server import GeminiServer

CHUNK_BYTES = 8 * 2**20
"""How much the SDK sends at once."""


async def upload(client, data: bytes, **config: str) -> types.File:
    return await client.files.upload(
        file=io.BytesIO(data), config={"mime_type": "jsonl", "display_name": "list"} | config
    )


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.parametrize("size", [10, CHUNK_BYTES, 2 * CHUNK_BYTES + 1])
async def test_a_file_arrives_whole_however_many_chunks_it_takes(size):
    """Size, hash, name and life are those of the bytes sent."""
    data = (b"0123456789" * (size // 10 + 1))[:size]
    async with GeminiServer() as server, sdk(server) as client:
        file = await upload(client, data)
        assert file == await client.files.get(name=file.name)
        assert (file.size_bytes, file.display_name, file.mime_type) == (size, "list", "jsonl")
        assert base64.b64decode(file.sha256_hash).decode() == hashlib.sha256(data).hexdigest()
        assert file.expiration_time - file.create_time == timedelta(hours=48)
        assert (file.state.value, file.source.value) == ("ACTIVE", "UPLOADED")
        assert server.counters.files == 1


async def test_a_file_may_be_given_by_path_and_by_name(tmp_path):
    """The name asked for is kept."""
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b"{}\n")
    async with GeminiServer() as server, sdk(server) as client:
        config = {"mime_type": "jsonl", "name": "backlog-1"}
        file = await client.files.upload(file=path, config=config)
        assert (file.name, file.size_bytes) == ("files/backlog-1", 3)


async def test_files_are_listed_and_deleted():
    """The pager finds all, the newest first; a deleted one is a 403, as are unknown ones."""
    async with GeminiServer() as server, sdk(server) as client:
        names = [(await upload(client, b"x")).name for _ in range(5)]
        listed = [file.name async for file in await client.files.list(config={"page_size": 2})]
        assert listed == names[::-1]
        await client.files.delete(name=names[0])
        for forget in (client.files.get, client.files.delete):
            with pytest.raises(errors.ClientError, match="permission to access the File") as caught:
                await forget(name=names[0])
            assert caught.value.code == 403


async def test_only_what_was_generated_can_be_downloaded():
    """An uploaded file is a 400."""
    async with GeminiServer() as server, sdk(server) as client:
        file = await upload(client, b"x")
        with pytest.raises(errors.ClientError, match="Only generated files"):
            await client.files.download(file=file.name)


async def test_a_download_that_is_cut_off_fails_and_the_next_is_whole():
    """Half of the bytes, then the connection breaks; to memory as well as to a file."""
    async with GeminiServer(cut_downloads=2) as server, sdk(server) as client:
        requests = "".join(line(str(number), batch_item()) for number in range(3))
        file = await upload(client, requests.encode())
        job = await client.batches.create(model=MODEL, src=file.name)
        name = (await client.batches.get(name=job.name)).dest.file_name
        half = io.BytesIO()
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.files.download(file=name)
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.files.download(file=name, destination=half)
        whole = await client.files.download(file=name)
        assert whole.startswith(half.getvalue())
        assert whole.count(b"\n") == 3
        stored = await client.files.get(name=name)
        assert await client.files.download(file=stored) == whole


async def test_an_upload_with_missing_bytes_is_refused():
    """Whoever finalizes early or goes on at the wrong place has no file."""
    async with (
        GeminiServer() as server,
        aiohttp.ClientSession(headers={"x-goog-api-key": "k"}) as session,
    ):
        start = {"X-Goog-Upload-Command": "start", "X-Goog-Upload-Header-Content-Length": "10"}
        for offset, data in (("0", b"12345"), ("5", b"1234567890")):
            async with session.post(f"{server.base_url}/upload/v1beta/files", headers=start) as got:
                url = got.headers["X-Goog-Upload-URL"]
            end = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": offset}
            async with session.post(url, data=data, headers=end) as got:
                assert (got.status, got.headers["X-Goog-Upload-Status"]) == (400, "cancelled")
        assert server.counters.files == 0


async def test_files_need_the_key_and_meet_the_standing_fault():
    """A wrong key and an outage are told by every route of the files."""
    async with GeminiServer(api_key="other") as server, sdk(server) as client:
        with pytest.raises(errors.ClientError, match="API key not valid"):
            await client.files.list()
        server.api_key, server.batch_standing = None, faults.internal_error()
        with pytest.raises(errors.ServerError):
            await client.files.get(name="files/x")
        async with (
            aiohttp.ClientSession(server.base_url) as session,
            session.post("/standing?tier=batch", data="overloaded"),
        ):
            pass
        with pytest.raises(errors.ServerError, match="overloaded"):
            await client.batches.list()
