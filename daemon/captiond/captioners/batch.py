"""Hands jobs in to the Gemini Batch API and reads their results.

Of the SDK's batches only the transport is used: it validates a job's results as a whole, and one
item's error with `details` makes it refuse all of them (google-genai 3.4.0: JobError.details is a
list of text, and the API sends objects). A line of a job is made from the very objects that a
single call is made from.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from captiond.captioners.base import ANY, Question, Terms
from captiond.captioners.batch_base import Ending, Item, Told
from captiond.captioners.gemini import build_config, build_contents
from captiond.captioners.gemini_errors import foreign_errors, map_error
from captiond.captioners.replies import read_reply
from captiond.errors import (
    CaptiondError,
    CaptionerError,
    CaptionerStopped,
    CaptionerUnreachable,
    PhotoError,
)
from captiond.secrecy import redact

if TYPE_CHECKING:
    from google.genai import Client

INLINE_BYTES = 2 * 2**20
"""A spool below this goes inline. The API takes 20 MB, but the SDK makes one text of them on the
event loop, 0.2 to 0.6 s for 19 MB; a file goes out in parts."""
TRANSFER_SECONDS = 600.0
"""For a request that carries megabytes, uploads for each 8 MB of them: 0.1 Mbit/s is enough."""
READ_AT_ONCE = 25
"""A crash amid the results has so many to read again at most."""
PAGE = "100"

SDK_ONLY = {
    "automatic_function_calling",
    "automatic_continuation",
    "should_return_http_response",
    "http_options",
    "service_tier",
}
"""Settings of a single call that are the SDK's own affair, or that no batch has."""

_ENDINGS = {f"BATCH_STATE_{ending.name}": ending for ending in Ending}
_HTTP = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}
"""An item's error carries the code of an RPC where a single call has the status of HTTP."""


class GeminiBatches:
    """A `BatchService` on the client of a GeminiCaptioner."""

    def __init__(self, client: Client, *, inline_bytes: int = INLINE_BYTES) -> None:
        self._client = client
        self._inline_bytes = inline_bytes
        self._foreign: tuple[type[Exception], ...] = (
            *foreign_errors(),
            KeyError,
        )  # KeyError: an upload without a URL

    def line(self, key: str, question: Question) -> bytes:
        """Return the question as a line of a spool."""
        config = build_config(question.recipe).model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude=SDK_ONLY
        )
        contents = build_contents(question).model_dump(
            mode="json", by_alias=True, exclude_none=True
        )
        request = {"contents": [contents], "generationConfig": config}
        return json.dumps({"key": key, "request": request}).encode() + b"\n"

    async def create(self, job: str, spool: Path, *, model: str) -> str:
        """Hand in the spool: inline if it is small, else by a file; return the job's name."""
        if (await anyio.Path(spool).stat()).st_size < self._inline_bytes:
            source = await anyio.to_thread.run_sync(_inline, spool)
        else:
            source = {"fileName": await self._upload(job, spool)}
        path = f"{model if '/' in model else f'models/{model}'}:batchGenerateContent"
        batch = {"displayName": job, "inputConfig": source}
        made = await self._ask("post", path, {"batch": batch}, seconds=TRANSFER_SECONDS)
        with self._mapped():
            return str(made["name"])

    async def find(self, job: str) -> str | None:
        """Return the name of the job that was handed in as `job`, None if there is none."""
        token = ""
        while True:
            page = await self._ask("get", f"batches?pageSize={PAGE}&pageToken={token}")
            for one in page.get("operations", []):
                if _dict(one.get("metadata")).get("displayName") == job:
                    return str(one["name"])
            token = page.get("nextPageToken", "")
            if not token:
                return None

    async def look(self, name: str) -> Told:
        """Ask how a job stands; one that the service does not know is gone."""
        try:
            operation = await self._ask("get", name)
        except CaptionerStopped as error:
            if _is_missing(error):
                return Told(name, Ending.GONE, "the service does not know the job any more")
            raise
        return _told(name, operation)

    async def items(
        self, told: Told, scratch: Path, terms: Mapping[str, Terms]
    ) -> AsyncIterator[list[Item]]:
        """Read the results, some at a time; the file of them is deleted afterwards.

        None where the service has deleted its file of them.
        """
        if not told.file:
            results = iter(told.inlined)
            while part := await anyio.to_thread.run_sync(_read, results, terms):
                yield part
            return
        await anyio.to_thread.run_sync(lambda: scratch.touch(mode=0o600))
        try:
            await self._download(told.file, scratch)
            with scratch.open("rb") as lines:
                while part := await anyio.to_thread.run_sync(_read, lines, terms):
                    yield part
        finally:
            await anyio.Path(scratch).unlink(missing_ok=True)

    async def forget(self, job: str, told: Told | None) -> None:
        """Delete the job, its results and the file that it came in, as far as the service lets."""
        if told is not None and told.ending is not Ending.GONE:
            await self._delete(told.name)
        for file in (told.file if told else "", _upload_name(job)):
            if file:
                await self._delete(file)

    async def _upload(self, job: str, spool: Path) -> str:
        from google.genai import types
        from google.genai.errors import ClientError

        config = types.UploadFileConfig(
            name=_upload_name(job),
            mime_type="jsonl",
            display_name=job,
            http_options=types.HttpOptions(timeout=int(TRANSFER_SECONDS * 1000)),
        )
        with self._mapped(making=True):
            try:
                await self._client.aio.files.upload(file=spool, config=config)
            except ClientError as error:
                if error.code != HTTPStatus.CONFLICT:
                    raise
        return _upload_name(job)  # there since an earlier attempt: a job is spooled once

    async def _download(self, file: str, scratch: Path) -> None:
        """Write a file of the service's into the empty `scratch`; it stays empty for none."""
        try:
            with self._mapped():
                async with asyncio.timeout(TRANSFER_SECONDS):
                    await self._client.aio.files.download(file=file, destination=scratch)
        except CaptionerStopped as error:
            if not _is_missing(error):
                raise

    async def _delete(self, name: str) -> None:
        with suppress(CaptionerError):
            await self._ask("delete", name)

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, seconds: float = 0.0
    ) -> dict[str, Any]:
        """Return the JSON object that the service answers; raises CaptionerError."""
        from google.genai import types

        options = types.HttpOptions(timeout=int(seconds * 1000) or None)
        with self._mapped(making=method == "post"):
            answer = await self._client._api_client.async_request(  # noqa: SLF001 the SDK's own transport; see above
                method, path, body or {}, options
            )
            document = await anyio.to_thread.run_sync(json.loads, answer.body or "{}")
            if not isinstance(document, dict):
                raise ValueError("not an object")  # noqa: TRY004 mapped like other nonsense
            return document

    @contextmanager
    def _mapped(self, *, making: bool = False) -> Iterator[None]:
        """Raise CaptionerError; what refuses the images of a job, too, while that is `making`."""
        try:
            yield
        except self._foreign as error:
            told, mapped = f"{error} {error!r}", map_error(error)
            if isinstance(mapped, PhotoError) and not making:
                mapped = CaptionerUnreachable(str(mapped))
            raise mapped from (error if redact(told) == told else None)


def _is_missing(error: CaptionerStopped) -> bool:
    """Tell whether the service does not have what was asked for; of files it says so in a 403."""
    from google.genai.errors import ClientError

    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return False
    return cause.code == HTTPStatus.NOT_FOUND or "may not exist" in str(cause)


def _upload_name(job: str) -> str:
    return f"files/{job}"


def _inline(spool: Path) -> dict[str, Any]:
    with spool.open("rb") as lines:
        read = [json.loads(line) for line in lines]
    requests = [{"request": one["request"], "metadata": {"key": one["key"]}} for one in read]
    return {"requests": {"requests": requests}}


def _told(name: str, operation: dict[str, Any]) -> Told:
    metadata = _dict(operation.get("metadata"))
    ending = _ENDINGS.get(str(metadata.get("state")))
    output = _dict(metadata.get("output")) or _dict(operation.get("response"))
    inlined = _dict(output.get("inlinedResponses")).get("inlinedResponses")
    return Told(
        name,
        ending,
        error=redact(str(_dict(operation.get("error")).get("message", ""))),
        file=str(output.get("responsesFile") or ""),
        inlined=tuple(inlined) if isinstance(inlined, list) else (),
    )


def _read(results: Iterator[Any], terms: Mapping[str, Terms]) -> list[Item]:
    """Return the next items of the results: lines of JSON, or what stands in them."""
    return [_item(one, terms) for one in islice(results, READ_AT_ONCE)]


def _item(result: Any, terms: Mapping[str, Terms]) -> Item:
    result = _dict(_parse(result) if isinstance(result, bytes) else result)
    key = str(result.get("key") or _dict(result.get("metadata")).get("key") or "")
    response = result.get("response")
    try:
        if isinstance(response, dict):
            return Item(key, read_reply(json.dumps(response), model="", terms=terms.get(key, ANY)))
    except CaptiondError as error:
        return Item(key, error)
    return Item(key, _error(_dict(result.get("error"))))


def _parse(line: bytes) -> Any:
    """Return what stands in a line, None if that is not JSON: it names no key."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _error(error: dict[str, Any]) -> CaptiondError:
    from google.genai.errors import APIError

    code = error.get("code")
    status = _HTTP.get(code, 500) if isinstance(code, int) and code < 100 else code  # noqa: PLR2004 HTTP begins at 100
    body = {"error": {"message": "no result", **error, "code": status}}
    return map_error(APIError(int(status or 500), body))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
