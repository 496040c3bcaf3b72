"""Tells what nobody caught, without secrets.

Python's own reports go to stderr around the log: the traceback that ends the program or a thread,
the error in a destructor, a warning. An error's words may hold the key.
"""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

from captiond.secrecy import redact
from captiond.visible import spelled_out


def tell_without_secrets() -> None:
    """Take Python's own reports over, for the rest of the process."""
    sys.excepthook = _tell
    threading.excepthook = _tell_thread
    sys.unraisablehook = _tell_unraisable
    warnings.showwarning = _tell_warning


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _write(traceback.format_exception(kind, error, trace))


def _tell_thread(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_type is SystemExit:  # ends a thread quietly
        return
    name = crash.thread.name if crash.thread else "a thread"
    _write([f"{name} crashed\n"])
    _write(traceback.format_exception(crash.exc_type, crash.exc_value, crash.exc_traceback))


def _tell_unraisable(crash: sys.UnraisableHookArgs) -> None:
    _write([f"{crash.err_msg or 'ignored an error'}: {crash.object!r}\n"])
    _write(traceback.format_exception(crash.exc_type, crash.exc_value, crash.exc_traceback))


def _tell_warning(*warned: object, **_: object) -> None:
    message, category, filename, lineno = warned[:4]
    name = category.__name__ if isinstance(category, type) else "Warning"
    _write([f"{filename}:{lineno}: {name}: {message}\n"])


def _write(pieces: Iterable[str]) -> None:
    """Write the lines to stderr, as the log does: a full disk behind it ends nothing."""
    with suppress(OSError, ValueError):
        for line in redact("".join(pieces)).splitlines():
            sys.stderr.write(f"{spelled_out(line)}\n")
        sys.stderr.flush()
