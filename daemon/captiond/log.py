"""Configures the log: structlog events and other libraries' records, one a line on stderr.

Everything goes through the standard library's handler, because that one swallows a broken pipe or
a full disk: a photo must not fail over its log line. The last step takes secrets out of the
finished line, wherever they came from: values, messages, tracebacks, other libraries.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any, TextIO
from urllib.parse import quote

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from captiond.settings import LogSettings
from captiond.visible import spelled_out

SHORTEST_SECRET = 8
"""A Gemini key has 39 characters; to mask a short word would garble the log and hide nothing."""

_MASK = "[secret]"
# No word boundary before them: on a terminal the "m" of a colour code stands right there.
_LIKE_SECRETS = re.compile(
    r"""(?P<before>(?i:[?&](?:api_?)?key=))[^&\s"'<>\\\x1b]+
    | AIza[\w-]{16,}
    | (?<![A-Z0-9])AQ\.[\w.-]{16,}""",
    re.VERBOSE | re.ASCII,
)
_HANDLER = "captiond"
_secrets: set[str] = set()


def configure(settings: LogSettings, *, stream: TextIO | None = None) -> None:
    """Send the log to `stream` (stderr); may be called again, as a reload does.

    "auto" is the console format on a terminal, JSON lines elsewhere.
    """
    stream = stream or sys.stderr
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    tail = _console(colors=stream.isatty()) if console else _json()
    head: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    level = getattr(logging, settings.level.upper())
    structlog.configure(
        processors=[*head, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: logging.getLogger("captiond"),
        cache_logger_on_first_use=False,  # a reload may change the level of loggers in use
    )
    formatter = ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *head],
        processors=[ProcessorFormatter.remove_processors_meta, *tail, _without_secrets],
    )
    _replace_handler(stream, formatter, level)


def keep_secret(value: str) -> None:
    """Mask this value in every line from now on."""
    if len(value) >= SHORTEST_SECRET:
        _secrets.update({value, json.dumps(value)[1:-1], quote(value, safe=""), repr(value)[1:-1]})


def redact(text: str) -> str:
    """Return the text without the secrets, and without what looks like one."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return _LIKE_SECRETS.sub(lambda found: (found["before"] or "") + _MASK, text)


def _replace_handler(stream: TextIO, formatter: logging.Formatter, level: int) -> None:
    root = logging.getLogger()
    for handler in [known for known in root.handlers if known.name == _HANDLER]:
        root.removeHandler(handler)
    handler = logging.StreamHandler(stream)
    handler.set_name(_HANDLER)
    handler.setFormatter(formatter)
    root.addHandler(handler)
    root.setLevel(max(logging.WARNING, level))
    logging.getLogger("captiond").setLevel(level)
    logging.raiseExceptions = False  # its report of a failing record would go around the mask


def _json() -> list[Processor]:
    # structlog shows local variables by default, and so the key (hynek/structlog#715).
    transformer = ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(transformer),
        structlog.processors.JSONRenderer(),
    ]


def _console(*, colors: bool) -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        _escape,
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape what would move the cursor or start a line of its own: a file's name may hold it."""
    escaped = {key: _escaped(value) for key, value in event.items()}
    if isinstance(event.get("exception"), str):
        escaped["exception"] = "\n".join(map(spelled_out, event["exception"].splitlines()))
    return escaped


def _escaped(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return spelled_out(value if isinstance(value, str) else repr(value))


def _without_secrets(_logger: WrappedLogger, _method: str, line: Any) -> str:
    return redact(line)
