"""Reads one `.captiond.toml` and tells every mistake in it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from captiond.enclosures import cleaned, prompt_mistakes
from captiond.rules.base import Rules
from captiond.settings import CaptionerSettings, FolderSettings, WatchSettings
from captiond.validation import did_you_mean, mistakes, types_of
from captiond.visible import spelled_out

LIMIT_BYTES = 64 << 10
"""Holds the longest prompt that is allowed, and thousands of words."""
MOST_DOTS = 200
"""On one line: tomllib took 5 s for a key of 16,000 parts."""
MOST_PATTERNS = 200
"""In one file: each photo beneath is matched against all that hold there."""
MOST_PROBLEMS = 20
LONGEST_PROBLEM = 300

_CAPTIONER, _FOLDER = types_of(CaptionerSettings), types_of(FolderSettings)
_PATTERNS = types_of(WatchSettings)["ignore"]
KEYS: Mapping[str, Any] = {
    "language": _CAPTIONER["language"],
    "prompt": _CAPTIONER["prompt"],
    "context": _CAPTIONER["context"],
    "vocabulary": _CAPTIONER["vocabulary"],
    "sidecars": _FOLDER["sidecars"],
    "private": _FOLDER["private"],
    "ignore": bool,
    "existing": _CAPTIONER["existing"],
}
"""The keys with their types; `ignore` may be a list of patterns, too."""


def parse(data: bytes) -> Rules | tuple[str, ...]:
    """Return the rules that a file of these bytes holds, or what is wrong with it."""
    problems: list[str] = []
    document = _document(data, problems)
    for key, value in document.items():
        problems += _mistakes_of(key, value)
    if not problems:
        return _rules(document)
    told = [spelled_out(one)[:LONGEST_PROBLEM] for one in problems[:MOST_PROBLEMS]]
    more = len(problems) - len(told)
    return (*told, *([f"and {more} problems more"] if more else []))


def _document(data: bytes, problems: list[str]) -> dict[str, Any]:
    if len(data) > LIMIT_BYTES:
        problems.append(f"is too large: over {LIMIT_BYTES:,} bytes")
        return {}
    if max(line.count(b".") for line in data.split(b"\n")) > MOST_DOTS:
        problems.append(f"has a line with more than {MOST_DOTS} dots")
        return {}
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        problems.append(f"is not UTF-8 text (byte {error.start})")
    except RecursionError:
        problems.append("is nested too deeply")
    except ValueError as error:  # tomllib lets int() speak for itself about 5,000 digits
        problems.append(str(error))
    return {}


def _mistakes_of(key: str, value: object) -> Iterator[str]:
    if key not in KEYS:
        yield f"{key}: no such key{did_you_mean(key, KEYS)}"
        return
    kind = _PATTERNS if key == "ignore" and isinstance(value, list) else KEYS[key]
    wrong = list(mistakes(value, kind, key))
    if wrong and key == "ignore" and kind is bool:
        wrong = [f"{one} (or a list of patterns)" for one in wrong]
    yield from wrong
    if isinstance(value, list) and key == "ignore" and len(value) > MOST_PATTERNS:
        yield f"{key}: holds {len(value):,} patterns, over {MOST_PATTERNS}"
    if key == "prompt" and not wrong:
        yield from prompt_mistakes(str(value), key)


def _rules(document: dict[str, Any]) -> Rules:
    said: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
    }
    if "vocabulary" in said:
        said["vocabulary"] = tuple(cleaned(said["vocabulary"]))
    if said.get("ignore") is False:
        del said["ignore"]
    return Rules(**said)
