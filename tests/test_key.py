"""The key is nowhere but in its file: not in a log, an error, a process list or a core dump."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import resource
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import key_hunt
import psutil
import pytest
from daemon_helpers import KEY, Home, gemini, wait_until
from gemini_helpers import opened, question

from captiond.errors import CaptiondError


class Mirror(BaseHTTPRequestHandler):
    """A proxy that shows every request back: in status line, headers and body."""

    def __init__(self, status: int, kind: str, *args: object) -> None:
        self.status, self.kind = status, kind
        super().__init__(*args)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._show()

    def do_GET(self) -> None:
        self._show()

    def _show(self) -> None:
        key = self.headers.get("x-goog-api-key", "")
        page = f"<html><pre>{self.headers}</pre><a href='/?key={quote(key)}'>{key!r}</a></html>"
        error = f"Unable to process input image. Consumer 'api_key:{key}' is suspended: {page}"
        escaped = error.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        body = (
            f'{{"error": {{"code": {self.status}, "message": "{escaped}", "status": "{key!r}"}}}}'
        )
        content = (body if self.kind == "json" else page).encode()
        self.send_response(self.status, f"no good {key!r}")
        self.send_header("Content-Type", f"text/{self.kind}")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Echo", key)
        if self.status in {301, 302, 307, 308}:
            self.send_header("Location", f"http://127.0.0.1:9/login?key={quote(key)}&to={key!r}")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def mirror(status: int, kind: str) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Mirror, status, kind)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("kind", ["html", "json"])
@pytest.mark.parametrize("status", [200, 302, 307, 400, 401, 403, 404, 407, 413, 429, 500, 503])
async def test_an_answer_that_shows_the_key_is_told_without_it(status, kind):
    """Neither the error nor the traceback behind it holds what a proxy echoed.

    It is raised, or the outcome of a reply where it tells of the photo.
    """
    with mirror(status, kind) as url:
        async with opened(url, key=KEY) as captioner:
            for call in (captioner.caption(question()), captioner.check()):
                try:
                    error = (await call).outcome
                except CaptiondError as raised:
                    error = raised
                assert isinstance(error, CaptiondError)
                key_hunt.assert_unseen("".join(traceback.format_exception(error)), url)
                key_hunt.assert_unseen(repr(error), url)


@pytest.mark.parametrize(
    ("status", "verb"), [(400, "failed"), (403, "doctor"), (503, "status --json")]
)
def test_a_daemon_to_which_the_key_is_shown_back_tells_nobody(tmp_path, status, verb):
    """Log, index, status line and the verbs that read them: all say what happened, without it.

    At the level "debug", with the checks of Python and asyncio switched on.
    """
    checks = ("env", "PYTHONDEVMODE=1", "PYTHONASYNCIODEBUG=1")
    with mirror(status, "json") as url:
        home = Home(tmp_path, url, prefix=checks if status == HTTPStatus.FORBIDDEN else ())
        home.drop("china.jpg")
        with home.daemon():
            told = ("photo.set_aside", "captioner.stopped", "captioner.paused")
            wait_until(lambda: any(event in home.log.read_text() for event in told))
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                wait_until(lambda: any(b"paused: " in line for line in home.heard()))
            shown = home.run(*verb.split(), check=False).stdout
        assert "[secret]" in home.log.read_text()
        assert "[secret]" in shown


def test_the_verb_caption_tells_no_key(tmp_path):
    """A verb's own stderr is as clean as the daemon's log."""
    with mirror(HTTPStatus.FORBIDDEN, "json") as url:
        home = Home(tmp_path, url)
        home.drop("china.jpg")
        refused = home.run("caption", str(home.photos / "china.jpg"), check=False)
        assert refused.returncode == 1
        assert "[secret]" in refused.stderr


def test_a_key_that_was_put_where_its_files_name_belongs_is_masked(tmp_path):
    """It is the mistake that a person makes, and then shows the message to others."""
    pasted = "AIza" + "SyExample0123" * 3
    home = Home(tmp_path, "http://127.0.0.1:9")
    home.write_config(api_key_file=pasted)
    for verb in ("run", "doctor", "config show", "config show --json"):
        shown = home.run(*verb.split(), check=False)
        assert pasted not in shown.stdout + shown.stderr, verb
        assert "[secret]" in shown.stdout + shown.stderr, verb


CRASH = """
import asyncio, logging, sys, threading, warnings
from captiond import crashes, log, secrecy, settings
key = open(sys.argv[1]).read()
secrecy.keep_secret(key)
crashes.tell_without_secrets()

class Falls:
    def __del__(self):
        raise ValueError(f"destructor {key!r}")

def fall():
    raise ValueError({"x-goog-api-key": key})

async def task_that_nobody_asks():
    task = asyncio.create_task(asyncio.to_thread(fall))
    await asyncio.wait([task])

thread = threading.Thread(target=fall, name=f"worker {key}")
thread.start()
thread.join()
Falls()
warnings.warn(f"a warning of {key}")
log.configure(settings.LogSettings(level="debug"))
asyncio.run(task_that_nobody_asks())
try:
    fall()
except ValueError as error:
    raise RuntimeError(f"main {key}") from error
"""


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        "AIza" + "SyExample0123" * 3,
        "8-signs!",
        "it's-a-key",
        "'\"\\\\'\"%41&amp;<>",
        "schlüssel-für-ÄÖ",
        "a b\nc\x1b[0m\u202e",
    ],
)
def test_what_nobody_caught_is_told_without_the_key(tmp_path, key):
    """Main, a thread, a destructor, a task, a warning: the traceback is there, the key is not."""
    (tmp_path / "key").write_text(key)
    program = [sys.executable, "-X", "dev", "-c", CRASH, tmp_path / "key"]
    told = subprocess.run(program, capture_output=True, check=False).stderr
    assert [needle for needle in key_hunt.spellings(key) if needle in told] == []
    for part in (b" crashed\n", b"destructor", b"UserWarning", b"never retrieved", b"RuntimeError"):
        assert part in told


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("daemon.log", KEY),
        ("photos/a.jpg.xmp", html.escape(KEY)),
        ("state/index.db-wal", repr(KEY)),
        ("photos/.hidden", base64.b64encode(f"Basic {KEY}".encode()).decode()),
        ("x.json", json.dumps([repr({"key": KEY})])),
        ("x.txt", quote(KEY, safe="")),
        (key_hunt.OTHER_KEY, "empty"),
    ],
)
def test_the_hunt_for_the_key_finds_it(tmp_path, name, content):
    """The search that follows every test is one that can fail."""
    home = Home(tmp_path, "http://127.0.0.1:9")
    home.assert_key_unseen()
    home.index.parent.mkdir()
    (tmp_path / name).write_text("x" * 70_000 + content)
    with pytest.raises(AssertionError, match="the key stands in"):
        home.assert_key_unseen()
    (tmp_path / name).unlink()


def test_the_hunt_for_the_key_sees_processes():
    """Arguments and environments are looked at, those of children too."""
    program = "import subprocess, sys; subprocess.run(['sleep', '60'], env={'K': sys.stdin.read()})"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        parent.stdin.write(KEY.encode())
        parent.stdin.close()
        wait_until(lambda: psutil.Process(parent.pid).children())
        [child] = psutil.Process(parent.pid).children()
        wait_until(lambda: child.name() == "sleep")
        key_hunt.remember_process(parent.pid)
        child.kill()
    with pytest.raises(AssertionError, match="environ"):
        key_hunt.look_everywhere()
    key_hunt.places.clear()


@pytest.mark.parametrize("fatal", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_leaves_no_core_dump(tmp_path, fatal):
    """Of the daemon there is none even where no limit binds, of a decoder none with the key."""
    prefix = ("env", "-C", str(tmp_path), "prlimit", "--core=unlimited")
    dies = f"import os; os.kill(os.getpid(), {int(fatal)})"
    subprocess.run([*prefix, sys.executable, "-c", dies], check=False)
    if not (dumps := list(tmp_path.glob("core*"))):
        pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
        pytest.skip(f"core_pattern is {pattern!r}: no core dump was to be had")
    dumps[0].unlink()
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, prefix=prefix)
        with home.daemon() as daemon:
            home.drop("china.jpg")
            home.wait_for({"china.jpg": "captioned"})
            [decoder, *_] = psutil.Process(daemon.pid).children()
            decoder.send_signal(fatal)
            wait_until(lambda: decoder.status() == psutil.STATUS_ZOMBIE)
            assert list(tmp_path.glob("core*")) == []
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            psutil.Process(daemon.pid).rlimit(resource.RLIMIT_CORE, unlimited)
            daemon.send_signal(fatal)
            assert daemon.wait(10) == -fatal
    assert list(tmp_path.glob("core*")) == []
