"""Configures the log: structlog events and other libraries' records, one a line on stderr.

Everything goes through the standard library's handler, because that one swallows a broken pipe or
a full disk: a photo must not fail over its log line. The last step takes secrets out of the
finished line, wherever they came from: values, messages, tracebacks, other libraries.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from captiond.secrecy import redact
from captiond.settings import LogSettings
from captiond.visible import spelled_out

_HANDLER = "captiond"


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
