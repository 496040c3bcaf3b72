"""The configuration's schema, as data: every section and key with its type, bounds and default.

msgspec rather than pydantic: `captiond search` has 100 ms in all, and importing pydantic takes
most of them (0.45x the start, measured pair by pair).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

SidecarKind = Literal["xmp", "txt", "json"]
Polling = Literal["auto", "always", "never"]
SidecarNames = Literal["full", "stem"]
Existing = Literal["adopt", "add"]
MediaResolution = Literal["", "low", "medium", "high", "ultra_high"]


class IndexSettings(Struct, frozen=True, kw_only=True):
    """Where the index lies; "" is the state directory of the service or of the user."""

    path: str = ""


class CaptionerSettings(Struct, frozen=True, kw_only=True):
    """Who captions, in which language, by which prompt ("" is the built-in one).

    `context` says whether what a photo tells of itself (date, place, people) goes into the prompt,
    `existing` whether what a person left empty is filled, `bursts` whether one photo of a series
    speaks for all.
    """

    backend: Literal["gemini", "offline"] = "gemini"
    language: Annotated[str, Meta(min_length=2, max_length=40)] = "en"
    prompt: str = ""
    prompt_file: str = ""
    context: bool = True
    vocabulary: list[Annotated[str, Meta(min_length=1, max_length=64)]] = []
    vocabulary_file: str = ""
    vocabulary_mode: Literal["preferred", "strict"] = "preferred"
    existing: Existing = "adopt"
    bursts: bool = False


class VertexSettings(Struct, frozen=True, kw_only=True):
    """Where Vertex AI is asked instead of the Gemini API; without a project it is not."""

    project: Annotated[str, Meta(max_length=100)] = ""
    location: Annotated[str, Meta(max_length=40, pattern="^[a-z0-9-]*$")] = ""


class GeminiSettings(Struct, frozen=True, kw_only=True):
    """How Gemini is asked; deadlines under 10 s are refused by the API itself."""

    model: Annotated[str, Meta(min_length=1)] = "gemini-3.5-flash-lite"
    api_key_file: str = ""
    base_url: str = ""
    api_version: Annotated[str, Meta(min_length=1)] = "v1beta"
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 8
    timeout_seconds: Annotated[float, Meta(ge=10, le=3600)] = 60.0
    thinking: Literal["", "minimal", "low", "medium", "high"] = ""
    media_resolution: MediaResolution = ""
    tier: Literal["standard", "flex", "priority"] = "standard"
    backlog: Literal["standard", "flex", "batch"] = "standard"
    vertex: VertexSettings = VertexSettings()


class LimitsSettings(Struct, frozen=True, kw_only=True):
    """What may be asked and spent; 0 requests or tokens is as learned, inf USD is no cap."""

    requests_per_minute: Annotated[int, Meta(ge=0)] = 0
    tokens_per_minute: Annotated[int, Meta(ge=0)] = 0
    requests_per_day: Annotated[int, Meta(ge=0)] = 0
    usd_per_day: Annotated[float, Meta(ge=0)] = math.inf
    usd_per_month: Annotated[float, Meta(ge=0)] = math.inf


class WatchSettings(Struct, frozen=True, kw_only=True):
    """When a file counts as finished, how often the scan looks, what is never looked at."""

    settle_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 2.0
    scan_interval_minutes: Annotated[float, Meta(gt=0, le=525_600)] = 60.0
    polling: Polling = "auto"
    ignore: list[Annotated[str, Meta(min_length=1)]] = []


class ImageSettings(Struct, frozen=True, kw_only=True):
    """How large an image is sent, and what a decoder may cost."""

    max_edge_px: Annotated[int, Meta(ge=64, le=8192)] = 1536
    max_megapixels: Annotated[int, Meta(ge=1, le=100_000)] = 250
    decode_seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    decode_megabytes: Annotated[int, Meta(ge=256, le=1_000_000)] = 2048


class DownloadsSettings(Struct, frozen=True, kw_only=True):
    """What one download may take, how many go at once, which inside addresses may be reached."""

    max_megabytes: Annotated[int, Meta(ge=1, le=10_000)] = 100
    timeout_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 300.0
    concurrency: Annotated[int, Meta(ge=1, le=64)] = 4
    allow_private: list[Annotated[str, Meta(min_length=1)]] = []


class LogSettings(Struct, frozen=True, kw_only=True):
    """How much is logged to stderr, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class FolderSettings(Struct, frozen=True, kw_only=True):
    """One watched folder; "" means as in the section that holds the key.

    Where a `private` one's photos were taken, and who is on them, is told to nobody.
    """

    path: Annotated[str, Meta(min_length=1)]
    recursive: bool = True
    sidecars: list[SidecarKind] = field(default_factory=lambda: ["xmp", "txt"])
    sidecar_names: SidecarNames = "full"
    language: Annotated[str, Meta(max_length=40)] = ""
    prompt: str = ""
    media_resolution: MediaResolution = ""
    private: bool = False
    polling: Literal["", "auto", "always", "never"] = ""


class Settings(Struct, frozen=True, kw_only=True):
    """The whole configuration, checked; every path absolute; `source` is the file it came from."""

    index: IndexSettings = IndexSettings()
    captioner: CaptionerSettings = CaptionerSettings()
    gemini: GeminiSettings = GeminiSettings()
    limits: LimitsSettings = LimitsSettings()
    watch: WatchSettings = WatchSettings()
    images: ImageSettings = ImageSettings()
    downloads: DownloadsSettings = DownloadsSettings()
    log: LogSettings = LogSettings()
    folders: list[FolderSettings] = []
    source: str | None = None


SECTIONS: dict[str, type[Struct]] = {
    "index": IndexSettings,
    "captioner": CaptionerSettings,
    "gemini": GeminiSettings,
    "limits": LimitsSettings,
    "watch": WatchSettings,
    "images": ImageSettings,
    "downloads": DownloadsSettings,
    "log": LogSettings,
}
"""The tables of the file; `[[folders]]` stands beside them."""

PATHS = (
    ("index", "path"),
    ("captioner", "prompt_file"),
    ("captioner", "vocabulary_file"),
    ("gemini", "api_key_file"),
)
"""Keys that name a file: relative to the configuration file that says so."""
