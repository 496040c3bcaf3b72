"""Beside the photo.

sidecar     a file beside the photo that carries its caption
kind        "txt", "json" or "xmp"
ours        written by captiond and not changed since: by digest, or by its own marks
foreign     anything else: another's; an XMP is merged into, the other kinds are left alone
marks       the JSON document as an extended attribute, where a format has no room for it
stamp       what tells that a file was written to: its size and time
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from captiond.disk.plainfiles import Stamp
from captiond.models import Caption, Description, Handwriting, Photo, Recipe, Tags, Written
from captiond.sidecars.names import Names

MOST_CHARACTERS = 20_000
"""All the words of the longest reply that is kept come to 15,650."""

NOT_OURS = "it was edited, or is not captiond's"
"""Why a file of a kind that is not merged into is left alone."""

MERGE_LIMIT_BYTES = 32 << 20
"""An XMP that is larger is not looked at."""

LIMIT_BYTES = 2 << 20
"""More than captiond ever writes (a caption of 100,000 signs makes an XMP of 0.8 MB): what is
larger is another's, whatever it says. The XML parser takes up to 30 times the size."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which kinds of sidecars a folder's photos have, and how they are named."""

    kinds: tuple[str, ...] = ()
    names: Names = "full"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a sidecar is about: the photo's file name, its caption, captiond's version.

    `source` is the address that the photo was downloaded from. `anew` writes also what a person
    took back: somebody asked for this very caption.
    """

    name: str
    caption: Caption
    version: str
    source: str = ""
    anew: bool = False

    @property
    def created_at(self) -> str:
        """When the caption was made: ISO 8601 in UTC, to the second."""
        return f"{datetime.fromtimestamp(self.caption.created_at, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sidecar says, and which version of captiond wrote it."""

    caption: Caption
    version: str


def unix_seconds(created_at: str) -> float:
    """Return the time that `Subject.created_at` tells. Raises ValueError."""
    return datetime.strptime(f"{created_at}+0000", "%Y-%m-%dT%H:%M:%SZ%z").timestamp()


class Sidecar(Protocol):
    """One kind of sidecar."""

    kind: str

    def file_name(self, photo_name: str, names: Names = "full") -> str:
        """Return the sidecar's file name beside the photo."""

    def render(self, subject: Subject) -> bytes:
        """Return a new file; the same subject always gives the same bytes."""

    def merge(self, content: bytes, subject: Subject) -> bytes:
        """Return a file that others wrote or edited with captiond's words in it.

        The same bytes when nothing changes. Raises SidecarForeign to refuse, with the reason
        alone: "it is not well-formed XML".
        """

    def handwriting(self, content: bytes) -> Handwriting:
        """Return what people wrote or took back, by the file's own marks.

        Rubbish is silence, or raises SidecarForeign with the reason.
        """

    def withdraw(self, content: bytes) -> bytes | None:
        """Return the file without captiond's words, the same bytes if it has none.

        None when nothing else is in it. Raises SidecarForeign for what `merge` refuses.
        """

    def is_ours(self, content: bytes) -> bool:
        """Tell whether a file bears captiond's own marks, for when the index was lost."""

    def read(self, content: bytes) -> Reading | None:
        """Return what a file says that `is_ours`, None for any other."""

    def marks(self, subject: Subject) -> Sequence[bytes]:
        """Return what is to go with the file, the best first; none where `is_ours` knows it."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What people wrote beside a photo, and the stamps of the files as they were read.

    `kept` is a person's caption that captiond wrote down itself, where nothing else is known of the
    photo; `by_hand` is the handwriting without its words. `own` are words of captiond's own there.
    `notes` tell which could not be read, and why.
    """

    handwriting: Handwriting = field(default_factory=Handwriting)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kept: Caption | None = None
    by_hand: Handwriting = field(default_factory=Handwriting)
    own: tuple[Description, ...] = ()


@dataclass(frozen=True, slots=True)
class Errand:
    """What sidecars are written for.

    `adopted`: the words are a person's, as they stand; no XMP is made for them, and none that
    captiond has no words in is changed. `anew`: somebody asked for this very caption, so that also
    what a person deleted is written. `source`: see `Subject`. `stamps` are those of `Beside`, None
    where nothing was read before: what changed since then shows in the outcome's `beside`.
    """

    adopted: bool = False
    anew: bool = False
    source: str = ""
    stamps: Mapping[str, Stamp] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stands beside the photo now; `notes` tell what was left alone, and why.

    `beside` is a digest of what lies there, None where that was not looked at.
    """

    written: Mapping[str, Written] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    beside: str | None = None


class WriteSidecars(Protocol):
    """Writes a photo's sidecars; blocking, for a thread."""

    def __call__(
        self,
        photo: Photo,
        caption: Caption,
        layout: Layout,
        written: Mapping[str, Written],
        errand: Errand = ...,
    ) -> Outcome:
        """Write the sidecars of this layout; `written` is what captiond wrote here before.

        Raises SidecarUnwritable when one cannot be written now; those that could be, are.
        """


class ReadHandwriting(Protocol):
    """Reads what people wrote beside a photo; blocking, for a thread."""

    def __call__(
        self,
        photo: Photo,
        written: Mapping[str, Written],
        shown: Description | None,
        own: Sequence[Description] = (),
    ) -> Beside:
        """Return what differs there from what captiond wrote and from `shown`.

        `own` is what captiond itself said of the photo, by which a file without marks is judged.

        That is what the photo shows, or will show if nobody wrote anything; None if that is not
        known yet. Where it is given, words that were read before (`Written.heard`) are silent.
        Raises SidecarUnwritable when a sidecar cannot be reached now.
        """


class ReadTags(Protocol):
    """Reads who and what a photo's XMP sidecars name; blocking, for a thread."""

    def __call__(self, photo: Photo) -> Tags:
        """Return what people wrote there, not captiond.

        Raises SidecarUnwritable when a sidecar cannot be reached now.
        """


class ReadSidecars(Protocol):
    """Reads a caption back from a photo's sidecars; blocking, for a thread."""

    def __call__(self, photo: Photo, digest: str, recipe: Recipe) -> Caption | None:
        """Return the caption of captiond's that stands beside these bytes and may be reused.

        None when no sidecar is captiond's, unedited, about this content, and `recipe` may take
        its caption. Raises SidecarUnwritable when one cannot be reached now.
        """
