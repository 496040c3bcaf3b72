"""What the log says, and what it never says."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog

from captiond import log
from captiond.secrecy import keep_secret, redact
from captiond.settings import LogSettings

KEY = 'a "key" \\ with/everything+in=it'
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """Text that says of itself that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("captiond").setLevel(logging.NOTSET)
    logging.raiseExceptions = True
    structlog.reset_defaults()


def configured(form: str = "json", level: str = "debug", stream: io.StringIO | None = None):
    stream = stream or io.StringIO()
    log.configure(LogSettings(level=level, format=form), stream=stream)
    return stream


def events(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json():
    """Event, keys, level and time in UTC stand in one object."""
    stream = configured()
    structlog.get_logger().info("photo.captioned", path="/p/a.jpg", seconds=1.5)
    [event] = events(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event.pop("timestamp"))
    assert event == {
        "event": "photo.captioned",
        "path": "/p/a.jpg",
        "seconds": 1.5,
        "level": "info",
    }


def test_auto_is_the_console_on_a_terminal_only():
    """By itself the log has colours for a person and JSON for a pipe or the journal."""
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        configured("auto", stream=stream)
        structlog.get_logger().info("a.happened", n=1)
    assert "\x1b[" in terminal.getvalue()
    assert events(pipe)[0]["event"] == "a.happened"


def test_the_console_has_no_colours_in_a_pipe():
    """A console format in a file is plain text."""
    stream = configured("console")
    structlog.get_logger().info("a.happened", n=1)
    assert "\x1b" not in stream.getvalue()
    assert "n=1" in stream.getvalue()


def test_the_level_holds_and_may_change():
    """Events below the level are not told; a reload changes that for loggers already in use."""
    logger = structlog.get_logger()
    stream = configured(level="warning")
    logger.info("a.happened")
    logger.warning("b.happened")
    configured(level="debug", stream=stream)
    logger.debug("c.happened")
    assert [event["event"] for event in events(stream)] == ["b.happened", "c.happened"]


@pytest.mark.parametrize("name", ["google_genai.models", "aiohttp.server", "asyncio"])
def test_other_libraries_speak_through_the_same_log(name):
    """Warnings of libraries are events as well, with their logger; what is less is left out."""
    stream = configured()
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("%s went wrong", "this")
    [event] = events(stream)
    assert (event["event"], event["logger"]) == ("this went wrong", name)


def test_configuring_twice_does_not_double_the_lines():
    """A reload replaces the handler."""
    configured()
    stream = configured()
    structlog.get_logger().warning("a.happened")
    logging.getLogger("asyncio").warning("b")
    assert len(events(stream)) == 2


def refuse(sentence: str) -> None:
    raise ConnectionError(sentence)


def misfortune(key: str) -> None:
    secret = key
    request = {"headers": {"x-goog-api-key": secret}}
    try:
        refuse(f"GET https://host/v1?alt=json&key={quote(key)} refused {request}")
    except ConnectionError as error:
        raise ValueError(f"no answer for {secret}") from error


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("key", [KEY, "AIza" + "SyExample0123" * 3, "AQ." + "Ab8_x-Yz0" * 4])
@pytest.mark.parametrize("stream_kind", [Terminal, io.StringIO])
def test_the_key_appears_nowhere(form, key, stream_kind):
    """At any level, in any format, in values, messages, tracebacks and libraries: no key.

    One key is only known because it was registered, the others also by their looks.
    """
    if key == KEY:
        keep_secret(key)
    stream = configured(form, stream=stream_kind())
    logger = structlog.get_logger()
    for tell in (logger.debug, logger.info, logger.warning, logger.error, logger.critical):
        tell("request.failed", key=key, url=f"https://h/?key={key}", nested={"a": [key]})
        tell(f"event with {key}")
    try:
        misfortune(key)
    except ValueError as error:
        logger.exception("request.crashed", error=error)
        logger.error("request.crashed", exc_info=error)
        logging.getLogger("google_genai").exception("crashed with %s", key)
        logging.getLogger("aiohttp.client").error("%(key)s", {"key": key}, exc_info=error)
    said = ESCAPE.sub("", stream.getvalue())
    forms = {key, json.dumps(key)[1:-1], repr(key)[1:-1], quote(key), quote(key, safe="")}
    assert [one for one in forms if one in said] == []
    assert said.count("[secret]") >= 20
    assert "ValueError" in said


def test_what_looks_like_a_key_is_masked_without_being_known():
    """A key in a URL's query is masked whatever it looks like; the rest of the URL stays."""
    assert redact("https://h/p?alt=1&key=abc123&b=2") == "https://h/p?alt=1&key=[secret]&b=2"
    assert redact("?API_KEY=abc") == "?API_KEY=[secret]"
    assert redact("http://anna:word@proxy:3128/") == "http://[secret]@proxy:3128/"
    assert redact("key=abc monkey=1 FAQ.md AIza") == "key=abc monkey=1 FAQ.md AIza"


def test_a_masked_line_is_still_json():
    """Masking never eats a quote or a backslash that belongs to the JSON around it."""
    stream = configured()
    structlog.get_logger().info(
        "a.happened", url='https://h/?key=abc"def\\', other="AIza" + "x" * 35
    )
    assert events(stream)[0]["event"] == "a.happened"


def test_a_short_word_is_not_taken_for_a_secret():
    """A word of a few letters would mask half of the log."""
    keep_secret("demo")
    keep_secret("")
    assert redact("the demo runs") == "the demo runs"


def test_a_traceback_shows_no_variables():
    """Local variables stay out of the log: they hold keys, prompts and images."""
    stream = configured()
    try:
        misfortune("harmless-variable")
    except ValueError:
        structlog.get_logger().exception("request.crashed")
    assert '"locals"' not in stream.getvalue()
    assert [one["exc_type"] for one in events(stream)[0]["exception"]] == [
        "ValueError",
        "ConnectionError",
    ]


def test_a_files_name_cannot_forge_a_line_or_move_the_cursor():
    """Control, line and direction characters in values are shown, not obeyed, on the console."""
    stream = configured("console")
    name = "a\n2026-01-01 [error] forged\x1b[2J\r\x85\u2028\u202egpj.\udce9"
    structlog.get_logger().warning(f"event {name}", path=name, nested=[name])
    said = stream.getvalue()
    assert said.count("\n") == 1
    assert said[:-1].isprintable()


def test_a_stream_that_fails_is_survived():
    """A full disk behind stderr does not become the photo's error."""
    program = (
        "import logging, structlog; from captiond import log, settings\n"
        "log.configure(settings.LogSettings())\n"
        "structlog.get_logger().warning('a.happened'); logging.getLogger('asyncio').warning('b')\n"
        "print('alive')"
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stderr=full, stdout=subprocess.PIPE, check=False
        )
    assert done.stdout == b"alive\n"
