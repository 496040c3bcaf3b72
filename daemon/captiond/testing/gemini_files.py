"""Keeps files as the Files API does: resumable uploads in, downloads of what was generated out."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_conditions import Conditions
from captiond.testing.gemini_delivery import Guard, Handler, break_off, unless
from captiond.testing.gemini_fault import Refused, refusal
from captiond.testing.gemini_models import page

LIFE = timedelta(hours=48)
"""Told, not kept: nothing is deleted by itself."""

LARGEST_FILE_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the project; `generated` ones can be downloaded, uploaded ones cannot."""

    name: str
    data: bytes
    mime: str
    display_name: str = ""
    generated: bool = False
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def tell(self, base_url: str) -> dict[str, Any]:
        """Return the resource, as the API tells it."""
        uri = f"{base_url}/v1beta/{self.name}"
        # The API encodes the hash twice: base64 of the hex digits.
        digest = hashlib.sha256(self.data).hexdigest().encode()
        told = {
            "name": self.name,
            "displayName": self.display_name,
            "mimeType": self.mime,
            "sizeBytes": str(len(self.data)),
            "createTime": rfc3339(self.created_at),
            "updateTime": rfc3339(self.created_at),
            "expirationTime": rfc3339(self.created_at + LIFE),
            "sha256Hash": base64.b64encode(digest).decode(),
            "uri": uri,
            "state": "ACTIVE",
            "source": "GENERATED" if self.generated else "UPLOADED",
        }
        return {**told, "downloadUri": f"{uri}:download?alt=media"} if self.generated else told


@dataclass(slots=True)
class Upload:
    """An upload that has begun."""

    size: int
    mime: str
    display_name: str
    name: str
    data: bytearray = field(default_factory=bytearray)


class Files:
    """The files of the project, by name ("files/ID")."""

    def __init__(self, conditions: Conditions) -> None:
        self.stored: dict[str, StoredFile] = {}
        self._uploads: dict[str, Upload] = {}
        self._conditions = conditions

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Return the routes of the Files API."""

        def under(handle: Handler) -> Handler:
            return guard(unless(lambda: self._conditions.batch_standing, handle))

        start = under(self.start)

        async def upload(request: web.Request) -> web.StreamResponse:
            """Begin or go on: who has the URL of an upload needs no key."""
            return await (self.upload if "upload_id" in request.query else start)(request)

        return [
            web.post("/upload/{version}/files", upload),
            web.get("/{version}/files/{id}:download", under(self.download)),
            web.get("/download/{version}/files/{id}:download", under(self.download)),
            web.get("/{version}/files/{id}", under(self.get)),
            web.delete("/{version}/files/{id}", under(self.delete)),
            web.get("/{version}/files", under(self.list)),
        ]

    def find(self, name: str) -> StoredFile:
        """Return a file; raises Refused as the API does for one that is not there."""
        found = self.stored.get(name)
        if found is None:
            raise Refused(faults.no_file(name))
        return found

    def generate(self, name: str, data: bytes) -> StoredFile:
        """Keep what the API itself made."""
        made = StoredFile(name, data, "application/jsonl", generated=True)
        self.stored[name] = made
        return made

    async def start(self, request: web.Request) -> web.StreamResponse:
        """Begin a resumable upload: the URL for its bytes is a header of the answer."""
        told = json.loads(await request.read() or b"{}").get("file") or {}
        if told.get("name") in self.stored:
            raise Refused(refusal(409, "ALREADY_EXISTS", f"File {told['name']} exists."))
        size = int(request.headers.get("X-Goog-Upload-Header-Content-Length", "0"))
        if size > LARGEST_FILE_BYTES:
            raise Refused(faults.invalid("File size exceeds the limit of 2 GB."))
        key = uuid.uuid4().hex
        self._uploads[key] = Upload(
            size=size,
            mime=request.headers.get("X-Goog-Upload-Header-Content-Type", ""),
            display_name=told.get("displayName") or told.get("display_name") or "",
            name=told.get("name") or f"files/{uuid.uuid4().hex[:12]}",
        )
        url = request.url.with_query(upload_id=key, upload_protocol="resumable")
        headers = {"X-Goog-Upload-URL": str(url), "X-Goog-Upload-Status": "active"}
        return web.Response(headers=headers)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take the next bytes of an upload; who knows the URL needs no key."""
        key = request.query["upload_id"]
        upload = self._uploads.get(key)
        command = request.headers.get("X-Goog-Upload-Command", "")
        offset = request.headers.get("X-Goog-Upload-Offset", "")
        if upload is None or offset != str(len(upload.data)):
            return web.json_response(status=400, headers={"X-Goog-Upload-Status": "cancelled"})
        upload.data += await request.read()
        if "finalize" not in command:
            return web.Response(headers={"X-Goog-Upload-Status": "active"})
        del self._uploads[key]
        if len(upload.data) != upload.size:
            return web.json_response(status=400, headers={"X-Goog-Upload-Status": "cancelled"})
        stored = StoredFile(upload.name, bytes(upload.data), upload.mime, upload.display_name)
        self.stored[stored.name] = stored
        self._conditions.counters.files += 1
        told = {"file": stored.tell(str(request.url.origin()))}
        return web.json_response(told, headers={"X-Goog-Upload-Status": "final"})

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Tell of one file."""
        return web.json_response(self._asked(request).tell(str(request.url.origin())))

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Tell of all files, page by page, the newest first."""
        origin = str(request.url.origin())
        rows = [stored.tell(origin) for stored in reversed(self.stored.values())]
        return web.json_response(page(rows, "files", request.query))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Forget one file."""
        del self.stored[self._asked(request).name]
        return web.json_response({})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Give the bytes of a generated file; half of them while downloads are to be cut."""
        stored = self._asked(request)
        if not stored.generated:
            raise Refused(faults.invalid("Only generated files can be downloaded."))
        if self._conditions.cut_downloads > 0:
            self._conditions.cut_downloads -= 1
            return await break_off(request, stored.data[: len(stored.data) // 2])
        return web.Response(body=stored.data, content_type=stored.mime)

    def _asked(self, request: web.Request) -> StoredFile:
        return self.find(f"files/{request.match_info['id']}")


def rfc3339(at: datetime) -> str:
    """Return a moment as Google's APIs write it."""
    return at.isoformat().replace("+00:00", "Z")
