"""A web server on this machine that behaves as badly as the web does, and the hands to use it."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from captiond.downloads.addresses import wanted
from captiond.downloads.runner import Runner
from captiond.images import kinds
from captiond.settings import DownloadsSettings
from captiond.testing.memory_index import MemoryIndex

LOOPBACK = ["127.0.0.1/32"]


@dataclass
class Page:
    """What the server says at a path; `statuses` are said first, one a request."""

    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    ranges: bool = False
    measured: bool = True
    """Whether the length is told."""
    cut_at: int | None = None
    """The first request ends here, although the length promised more."""
    gate: threading.Event | None = None
    """The rest of the body waits for this after its first half."""


class Web:
    """The server: `pages` by path, `requests` with what was asked for, `met` the peak at once."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.underway = self.met = 0
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer((host, 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # whoever asks may hang up
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def url(self, path: str) -> str:
        return f"http://{self._server.server_address[0]}:{self.port}{path}"

    def put(self, path: str, body: bytes = b"", **how: object) -> str:
        """Have the server give this at a path; return the address."""
        self.pages[path.partition("?")[0]] = Page(body, **how)
        return self.url(path)

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the headers of each request for a path."""
        return [headers for asked, headers in self.requests if asked.partition("?")[0] == path]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        for page in self.pages.values():
            if page.gate is not None:
                page.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def web(host: str = "127.0.0.1") -> Iterator[Web]:
    """Run a web server."""
    server = Web(host)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _handler(server: Web) -> type[BaseHTTPRequestHandler]:  # noqa: C901 one class, small methods
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            with server.lock:
                server.requests.append((self.path, dict(self.headers)))
                server.underway += 1
                server.met = max(server.met, server.underway)
            try:
                self._give(server.pages.get(self.path.partition("?")[0], Page(status=404)))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with server.lock:
                    server.underway -= 1

        def _give(self, page: Page) -> None:
            status, more = page.statuses.pop(0) if page.statuses else (page.status, {})
            body = page.body if status == page.status else b""
            headers, start = {**page.headers, **more}, 0
            if page.ranges and status == 200:
                headers["Accept-Ranges"] = "bytes"
                start = self._start(headers.get("ETag"))
            if start:
                status = 206
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if page.measured:
                self.send_header("Content-Length", str(len(body) - start))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            self._send(page, body[start:])

        def _start(self, tag: str | None) -> int:
            asked = self.headers.get("Range", "bytes=0-")
            fits = self.headers.get("If-Range") == tag
            return int(asked.removeprefix("bytes=").rstrip("-")) if fits else 0

        def _send(self, page: Page, body: bytes) -> None:
            if page.cut_at is not None:
                self.wfile.write(body[: page.cut_at])
                page.cut_at, self.close_connection = None, True
            elif page.gate is not None:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                page.gate.wait(30)
                self.wfile.write(body[len(body) // 2 :])
            else:
                self.wfile.write(body)

    return Handler


def photo(number: int = 0, *, kilobytes: int = 8) -> bytes:
    """Return bytes that begin as a JPEG does and differ by their number."""
    return b"\xff\xd8\xff\xe0" + number.to_bytes(8, "big") * (kilobytes * 128)


def gzipped(size: int) -> bytes:
    return gzip.compress(bytes(size))


class Harbour:
    """A folder, an index in memory, and the runner that fetches into the folder."""

    def __init__(self, root: Path, **settings: object) -> None:
        self.root = root
        self.index = MemoryIndex()
        self.store = self.index.downloads
        self.ahead = 0.0
        values = {"allow_private": LOOPBACK, **settings}
        self.settings = DownloadsSettings(**values)

    def runner(self, resolver=None) -> Runner:
        return Runner(
            self.store,
            self.settings,
            look=kinds.look,
            resolver=resolver,
            clock=lambda: time.time() + self.ahead,
        )

    async def add(self, *urls: str, folder: str = "") -> list[int]:
        asked = [wanted(url, str(self.root), folder) for url in urls]
        return await self.store.add(asked, now=time.time())

    async def fetch(self, *urls: str, resolver=None):
        """Fetch addresses as far as they come at once; return their rows."""
        ids = await self.add(*urls)
        await self.finish(resolver=resolver)
        return await self.store.rows(ids)

    async def finish(self, *, ahead: float = 0.0, resolver=None) -> None:
        """Fetch what is due now, or `ahead` seconds from now."""
        self.ahead += ahead
        await self.runner(resolver).finish(within_seconds=0)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir())
