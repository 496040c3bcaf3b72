"""Reads what people wrote beside a photo.

Where nothing is known of it: also what captiond wrote down for people, and said itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from captiond.disk import files
from captiond.errors import SidecarForeign, SidecarImpossible
from captiond.handwriting import combined, said, tokens, unheard, without
from captiond.models import HUMAN, Caption, Description, Handwriting, Photo, Written
from captiond.sidecars.base import Beside
from captiond.sidecars.clean import distinct, one_line
from captiond.sidecars.places import KINDS, Places, digest_of
from captiond.sidecars.xmp import CAPTIOND


@dataclass(frozen=True, slots=True)
class _Hand:
    """What a file says.

    `marked` where it tells itself which words are captiond's; `mixed` where captiond's of some time
    stand among a person's, and nothing in it tells which.
    """

    mtime_ns: int
    words: Handwriting
    marked: bool = False
    mixed: bool = False


@dataclass(slots=True)
class _Found:
    """What was read so far, with the times of the files; words of captiond's own among it.

    `said` is what captiond said of the photo before. `before` and `now` are tokens of what people's
    files said when they were heard last, and say now.
    """

    said: Sequence[Description]
    hands: list[_Hand] = field(default_factory=list)
    kept: list[tuple[int, Caption]] = field(default_factory=list)
    own: list[Description] = field(default_factory=list)
    before: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def read_handwriting(
    photo: Photo,
    written: Mapping[str, Written],
    shown: Description | None,
    own: Sequence[Description] = (),
) -> Beside:
    """Return what differs there from what captiond wrote and from `shown`.

    `own` is what captiond itself said of the photo. Of several sidecars the one changed last counts
    first. Raises SidecarUnwritable when one cannot be reached now.
    """
    places, found = Places(photo, written), _Found(own)
    for kind in KINDS:
        for name in places.own(kind):
            try:
                _read(kind, name, places, found, known=written.get(kind), shown=shown)
            except (SidecarForeign, SidecarImpossible) as error:
                found.notes.append(str(error))
    kept = [_Hand(time, said(one.description)) for time, one in found.kept]
    return Beside(
        handwriting=_together([*found.hands, *kept], shown, found),
        stamps=places.stamps,
        notes=tuple(found.notes),
        kept=max((one for _, one in found.kept), key=lambda one: one.created_at, default=None),
        by_hand=_together(found.hands, shown, found),
        own=tuple(found.own),
    )


def against(
    hand: Handwriting, shown: Description | None, own: Sequence[Description]
) -> Handwriting:
    """Return what of it is news beside what the photo shows and beside captiond's `own` words.

    A text can be told from captiond's only by that where its sidecar has no marks left.
    """
    known = [*own, *([] if shown is None else [shown])]

    def text(name: str) -> str:
        told = str(getattr(hand, name))
        said = {one_line(str(getattr(words, name))) for words in known}
        return "" if one_line(told) in said else told

    said = {word for words in known for word in distinct(words.keywords)}
    back, lost = hand.taken_back, hand.keywords_taken_back
    if shown is not None:
        back = frozenset(name for name in back if getattr(shown, name))
        lost = tuple(word for word in lost if word in distinct(shown.keywords))
    return Handwriting(
        caption=text("caption"),
        title=text("title"),
        alt_text=text("alt_text"),
        keywords=tuple(word for word in hand.keywords if one_line(word) not in said),
        taken_back=back,
        keywords_taken_back=lost,
    )


def _together(hands: Sequence[_Hand], shown: Description | None, found: _Found) -> Handwriting:
    """Return what is news in them, that of the last one first.

    Captiond's words of old, put back as the whole text, are an edit of what is shown. Its sidecars
    tell what it said where the index does not: they hold a person's title, too.
    """
    hand, every = Handwriting(), found.said or found.own
    for one in sorted(hands, key=lambda one: one.mtime_ns, reverse=True):
        known = every if one.mixed or shown is None else found.own
        hand = combined(hand, against(one.words, shown, () if one.marked else known))
    return hand if shown is None else combined(hand, without(shown, found.before - found.now))


def _read(
    kind: str,
    name: str,
    places: Places,
    found: _Found,
    *,
    known: Written | None,
    shown: Description | None,
) -> None:
    """Read one sidecar. Raises SidecarForeign, SidecarImpossible."""
    if (content := places.read(name)) is None:
        return
    whole = places.is_whole(kind, name, content)
    reading = places.reading(kind, name, content) if whole or kind == "xmp" else None
    if reading is not None and reading.caption.origin != HUMAN:
        found.own.append(_own(kind, reading.caption.description))
    if whole:
        if reading is not None and reading.caption.origin == HUMAN and shown is None:
            found.kept.append((places.stamps[name].mtime_ns, reading.caption))
        return
    heard = known.heard if known is not None and shown is not None else ()
    if digest_of(content) in heard:
        found.now.update(heard)
        return
    try:
        hand = _by_hand(kind, content, known, shown)
        if kind == "json" and shown is not None and hand != Handwriting():
            hand = replace(hand, keywords_taken_back=_lost(hand, shown, found.said))
    except SidecarForeign as error:
        found.now.update(heard)
        raise SidecarForeign(f"{files.told(name)} was left alone: {error}") from error
    found.before.update(heard)
    found.now.update(tokens(hand))
    hand = unheard(hand, heard, shown)
    marked = kind == "xmp" and CAPTIOND.encode() in content
    mtime_ns = places.stamps[name].mtime_ns
    found.hands.append(_Hand(mtime_ns, hand, marked=marked, mixed=kind == "json"))


def _by_hand(
    kind: str, content: bytes, known: Written | None, shown: Description | None
) -> Handwriting:
    """Return what people wrote into a file. Raises SidecarForeign."""
    hand = KINDS[kind].handwriting(content)
    if kind == "txt" and known is not None and known.digest and not content.strip():
        return Handwriting(taken_back=frozenset({"caption"}))
    if kind == "json" and shown is None:  # which of its words are captiond's, nothing tells
        return replace(hand, taken_back=frozenset())
    return hand


def _lost(hand: Handwriting, shown: Description, own: Sequence[Description]) -> tuple[str, ...]:
    """Return the keywords that a person removed from a document, none that it never had."""
    had = {word for one in own or [shown] for word in distinct(one.keywords)}
    gone = (word for word in distinct(shown.keywords) if word not in hand.keywords)
    return tuple(word for word in gone if word in had)


def _own(kind: str, words: Description) -> Description:
    """Return what a sidecar says; the rest of a text's marks may be of an older caption."""
    return Description(caption=words.caption) if kind == "txt" else words
