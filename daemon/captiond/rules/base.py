"""Puts the rules of a folder on top of those above."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

from captiond.rules.patterns import Patterns
from captiond.settings import Existing, SidecarKind

RULES_FILE = ".captiond.toml"
OPENING = f"/{RULES_FILE}: "
"""Follows the folder's path in the reason of photos that wait until its rules are mended."""
NO_MEDIA = ".nomedia"
"""A file of this name keeps captiond out of its folder and of all below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What one file says; None where it says nothing.

    `ignore` is True for the folder and all below, else patterns; `prompt` "" is the built-in one.
    """

    language: str | None = None
    prompt: str | None = None
    context: bool | None = None
    vocabulary: tuple[str, ...] | None = None
    sidecars: tuple[SidecarKind, ...] | None = None
    private: bool | None = None
    existing: Existing | None = None
    ignore: bool | tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds in a folder.

    `ignored` are the patterns of this folder and of those above, `closed` says that it is left
    alone, `files` are the paths of the files that say all that, each with a stamp of its content.
    """

    rules: Rules = field(default_factory=Rules)
    ignored: Patterns = field(default_factory=Patterns)
    closed: bool = False
    files: tuple[tuple[str, object], ...] = ()


def inherited(above: Rules, own: Rules) -> Rules:
    """Return what holds below: the nearest file wins, but what is kept back above stays so."""
    said = {one.name: getattr(own, one.name) for one in fields(own)}
    merged = replace(above, **{key: value for key, value in said.items() if value is not None})
    return replace(
        merged,
        private=True if above.private else merged.private,
        context=False if above.context is False else merged.context,
        ignore=(),
    )
