"""The words captiond thinks in, as frozen values.

photo       a path beneath a watched root: `(root, path)`, never a row id
signature   what `stat` says of a file: two equal ones a settle time apart mean "finished"
digest      sha256 of a file's bytes, in hex: the identity of content
facts       what is true of the bytes wherever they lie: format, size, date, camera, place
recipe      everything that changes a caption: backend, model, prompt, language, resolution
description the words about a photo: caption, title, alt text, keywords, text seen in it
caption     a description of one content by one recipe
sidecar     a file beside the photo that carries its caption
handwriting what people wrote about a photo, beside it or into its file
lane        how soon a photo is due: arrivals before the backlog
tier        how a request is served and priced: standard, flex, priority, batch
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property

from captiond.errors import PhotoError

HUMAN = "human"
"""Origin and recipe of a caption that a person wrote, or took back."""
HEAD_BYTES = 64
"""So many bytes at its start tell a file's format."""


class State(StrEnum):
    """Where a photo stands; all but `queued` and `captioned` come with a reason."""

    QUEUED = "queued"
    INFLIGHT = "inflight"
    CAPTIONED = "captioned"
    FAILED = "failed"
    REFUSED = "refused"
    SKIPPED = "skipped"
    MISSING = "missing"


class Lane(IntEnum):
    """How soon a photo is due; the smaller goes first."""

    ARRIVAL = 0
    BACKLOG = 1


class Tier(StrEnum):
    """How a request is served, and by which prices."""

    STANDARD = "standard"
    FLEX = "flex"
    PRIORITY = "priority"
    BATCH = "batch"


@dataclass(frozen=True, slots=True, order=True)
class Photo:
    """A path beneath a watched root.

    `root` is absolute; `path` is relative to it with "/" between its parts. Both are text
    as `os.fsdecode` gives it: a name that is not UTF-8 holds surrogates.
    """

    root: str
    path: str

    @property
    def folder(self) -> str:
        """The folder beneath the root, "" for the root itself."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The file name."""
        return self.path.rpartition("/")[2]

    @property
    def full(self) -> str:
        """The absolute path."""
        return f"{self.root.rstrip('/')}/{self.path}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What `stat` says of a file; times in nanoseconds."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of a file's bytes wherever they lie.

    `width` and `height` are pixels as shown (after orientation); `taken_at` is ISO 8601, with
    an offset where the camera wrote one; coordinates are decimal degrees, north and east
    positive. `pixels` is a digest of the picture as it is sent: equal ones show the same, whatever
    their metadata say; `likeness` is a perceptual hash of it, 16 hex digits.
    """

    digest: str
    format: str
    width: int
    height: int
    taken_at: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    place: str | None = None
    lens: str | None = None
    pixels: str | None = None
    likeness: str | None = None


@dataclass(frozen=True, slots=True)
class Palette:
    """How a picture looks from afar: what can be said of its colours without seeing things.

    `colours` are (name, share) with the largest share first, shares from 0 to 1; `brightness`
    and `saturation` are means from 0 to 1.
    """

    colours: tuple[tuple[str, float], ...] = ()
    brightness: float = 0.0
    saturation: float = 0.0


@dataclass(frozen=True, slots=True)
class Tags:
    """Who is on a photo and what it is about, as people wrote it into its metadata."""

    people: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Handwriting:
    """What people wrote about a photo; empty where they wrote nothing.

    `taken_back` names fields that captiond filled and a person emptied ("caption", "title",
    "alt_text"), `keywords_taken_back` keywords that captiond added and a person removed.
    """

    caption: str = ""
    title: str = ""
    alt_text: str = ""
    keywords: tuple[str, ...] = ()
    taken_back: frozenset[str] = frozenset()
    keywords_taken_back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image ready to be sent: shown upright, shrunk, without any metadata."""

    data: bytes
    mime: str
    width: int
    height: int
    facts: Facts
    palette: Palette = field(default_factory=Palette)
    tags: Tags = field(default_factory=Tags)
    handwriting: Handwriting = field(default_factory=Handwriting)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that changes a caption; two equal recipes give interchangeable captions.

    `prompt` is a template: what differs from photo to photo is no part of the recipe. `context`
    says how much of it goes out: "full", "private", or "" for nothing; `schema` and `vocabulary`
    are digests.
    """

    origin: str
    model: str
    language: str
    prompt: str
    thinking: str = ""
    media_resolution: str = ""
    max_edge_px: int = 0
    context: str = ""
    schema: str = ""
    vocabulary: str = ""

    @cached_property
    def key(self) -> str:
        """A short digest of the whole recipe."""
        canonical = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def accepts(self, caption: Caption) -> bool:
        """Tell whether a caption may be reused: by this recipe, origin and language, or human."""
        alike = (caption.origin, caption.language) == (self.origin, self.language)
        return alike or caption.recipe == self.key or caption.origin == HUMAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The words about a photo; `text` is what can be read in the picture, verbatim."""

    caption: str
    title: str = ""
    alt_text: str = ""
    keywords: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request; `output` is all that is billed as output, thinking included."""

    input: int = 0
    output: int = 0
    thinking: int = 0


@dataclass(frozen=True, slots=True)
class Cap:
    """What may be spent from `since` until `until`, in USD; `name` is its key of [limits]."""

    name: str
    usd: float
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What a captioner answered, and what is billed for it.

    `outcome` is a description, or why there is none: a refusal and an unusable answer are billed,
    too. `model` is the version that really answered and `tier` the tier, "" when it was not told;
    `retires_at` is when that model ends, as the service wrote it.
    """

    outcome: Description | PhotoError
    model: str
    usage: Usage = field(default_factory=Usage)
    tier: str = ""
    retires_at: str = ""

    @property
    def description(self) -> Description:
        """The description; raises the PhotoError that stands in its place."""
        if isinstance(self.outcome, PhotoError):
            raise self.outcome
        return self.outcome


@dataclass(frozen=True, slots=True)
class Sent:
    """What went out in one request, beside the recipe's settings.

    `texts` in the order in which they were sent; the image by its form, in pixels and bytes.
    """

    texts: tuple[str, ...]
    mime: str
    width: int
    height: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """A description of one content by one recipe; never changed, only followed by another."""

    digest: str
    recipe: str
    origin: str
    language: str
    model: str
    created_at: float
    description: Description


@dataclass(frozen=True, slots=True)
class Written:
    """A sidecar that captiond wrote: its file name and the sha256 of its bytes, in hex.

    `deleted`: a person removed it since; it is not written again unless somebody asks. `heard` are
    digests of what people wrote there and captiond has read, of files and of words. `digest` is ""
    where captiond only read, and "edited" where a person edited what it wrote.
    """

    name: str
    digest: str
    deleted: bool = False
    heard: tuple[str, ...] = ()
