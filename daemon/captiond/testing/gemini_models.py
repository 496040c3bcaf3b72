"""Lists the models of the loopback Gemini: what each can do, and how it thinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_fault import Refused

LEVELS = ("minimal", "low", "medium", "high")
GENERATE = ("generateContent", "countTokens", "createCachedContent", "batchGenerateContent")
EMBED = ("embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent")
ALIAS_VERSION = "v1beta"
PAGE_ROWS = 50
CLOSED_TO_NEW = "gemini-2.5-flash-lite"
"""Still listed, and a 404 for projects that never used it."""


@dataclass(frozen=True, slots=True)
class Model:
    """What one model takes; without levels it takes a thinking budget, if it thinks at all."""

    levels: tuple[str, ...] = ()
    default_level: str = ""
    methods: tuple[str, ...] = GENERATE


MODELS: Mapping[str, Model] = {
    "gemini-3.5-flash-lite": Model(LEVELS, "minimal"),
    "gemini-3.1-flash-lite": Model(LEVELS, "minimal"),
    "gemini-3.8-flash": Model(LEVELS[1:], "medium"),
    "gemini-3.7-flash": Model(LEVELS[1:], "medium"),
    "gemini-3.6-flash": Model(LEVELS, "medium"),
    "gemini-3.5-flash": Model(LEVELS, "medium"),
    "gemini-3.1-pro-preview": Model(LEVELS[1:], "high"),
    CLOSED_TO_NEW: Model(),
    "gemini-9-experimental": Model(LEVELS, "low"),
    "gemini-embedding-2": Model(methods=EMBED),
    "imagen-4.0-generate-001": Model(methods=("predict",)),
}
"""The last of those that generate has no known price."""

ALIASES: Mapping[str, str] = {
    "gemini-flash-latest": "gemini-3.8-flash",
    "gemini-flash-lite-latest": "gemini-3.5-flash-lite",
    "gemini-pro-latest": "gemini-3.1-pro-preview",
}
"""Known to v1beta alone."""


def find_model(name: str, version: str, *, method: str = "", new_project: bool = False) -> str:
    """Return which model answers by this name; raises Refused for none that has the method."""
    real = ALIASES.get(name, name) if version == ALIAS_VERSION else name
    if real not in MODELS or (method and method not in MODELS[real].methods):
        raise Refused(faults.no_model(name, version))
    if new_project and real == CLOSED_TO_NEW:
        raise Refused(faults.closed_model(real))
    return real


def describe_model(name: str) -> dict[str, Any]:
    """Return what `GET models/MODEL` tells."""
    model = MODELS[ALIASES.get(name, name)]
    told = {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "inputTokenLimit": 1_048_576 if "generateContent" in model.methods else 8_192,
        "outputTokenLimit": 65_536 if "generateContent" in model.methods else 1,
        "supportedGenerationMethods": [*model.methods],
    }
    return {**told, "thinking": True} if "generateContent" in model.methods else told


def list_models(version: str) -> list[dict[str, Any]]:
    """Return what `GET models` tells."""
    names = [*MODELS, *(ALIASES if version == ALIAS_VERSION else ())]
    return [describe_model(name) for name in names]


def page(rows: Sequence[Any], name: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of the rows as Google's lists come; the token is where the next begins."""
    size, token = query.get("pageSize", ""), query.get("pageToken", "")
    start = int(token) if token.isdigit() else 0
    end = start + (int(size) if size.isdigit() else PAGE_ROWS)
    found: dict[str, Any] = {name: rows[start:end]}
    return {**found, "nextPageToken": str(end)} if end < len(rows) else found
