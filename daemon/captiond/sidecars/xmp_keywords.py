"""Puts captiond's keywords into an XMP packet, and remembers which they are.

Three lists hold them, as no program reads all three. Captiond's own namespace lists what it added,
what people had there beside that, and what a person removed of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from captiond.packets import keyword_key
from captiond.sidecars.clean import distinct
from captiond.sidecars.xmp_packet import Packet

ADDED, REMOVED = "captiond:CaptionKeywords", "captiond:CaptionKeywordsRemoved"
HEARD = "captiond:CaptionKeywordsHeard"


@dataclass(frozen=True, slots=True)
class _List:
    """One of the lists; `divider` makes levels of a hierarchy in its items."""

    name: str
    kind: str
    divider: str = ""

    def spell(self, keyword: str) -> str:
        """Return the keyword without what would divide it ("black/white")."""
        return keyword.replace(self.divider, "-") if self.divider else keyword

    def leaf(self, item: str) -> str:
        return item.rpartition(self.divider)[2].strip() if self.divider else item


_FIRST = _List("dc:subject", "rdf:Bag")
LISTS = (
    _FIRST,
    _List("lr:hierarchicalSubject", "rdf:Bag", "|"),
    _List("digiKam:TagsList", "rdf:Seq", "/"),
)


@dataclass(frozen=True, slots=True)
class Keywords:
    """`ours` that still stand, `removed` ones of whomever that a person removed, `theirs`."""

    ours: tuple[str, ...]
    removed: tuple[str, ...]
    theirs: tuple[str, ...]


def read(packet: Packet) -> Keywords:
    """Tell captiond's keywords from those of people."""
    added = packet.texts(ADDED)
    lost = _missing(packet, _keys(added))
    leaves = [one.leaf(text) for one in LISTS for text in packet.texts(one.name)]
    theirs = _once(_without(leaves, _keys(added)))
    heard = _without(packet.texts(HEARD), _keys(added))
    gone = [*packet.texts(REMOVED), *(word for word in added if keyword_key(word) in lost), *heard]
    removed = _without(_once(gone), _keys(theirs))
    return Keywords(tuple(_without(added, lost)), tuple(removed), tuple(theirs))


def fill(
    packet: Packet, keywords: Iterable[str], *, anew: bool = False, by_hand: bool = False
) -> None:
    """Add keywords that nobody wrote or removed; take away those that are wanted no longer.

    `anew` adds also what a person removed. `by_hand`: the words are a person's, so that a keyword
    which is missing among them was removed.
    """
    wanted, now = _once(distinct(keywords)), read(packet)
    removed = _without(now.removed, _keys(wanted)) if anew else list(now.removed)
    kept = [word for word in now.ours if keyword_key(word) in _keys(wanted)]
    if by_hand:
        removed += _without(now.ours, _keys(kept))
    first = not (packet.texts(ADDED) or packet.texts(REMOVED) or now.theirs)
    growing = [one for one in LISTS if _may_grow(packet, one, first=first)]
    new = _without(wanted, _keys([*kept, *removed, *now.theirs])) if growing else []
    _take_away(packet, _keys(packet.texts(ADDED)) - _keys(kept))
    for one in growing if new else ():
        packet.extend(one.name, one.kind, distinct(map(one.spell, new)))
    packet.set_list(ADDED, [*kept, *new])
    packet.set_list(REMOVED, removed)


def heed(packet: Packet) -> None:
    """Remember people's keywords, so that it shows when they remove one."""
    packet.set_list(HEARD, read(packet).theirs)


def withdraw(packet: Packet) -> None:
    """Take away captiond's keywords."""
    _take_away(packet, _keys(packet.texts(ADDED)))


def _missing(packet: Packet, keys: set[str]) -> set[str]:
    """Return which of captiond's keywords a person removed, from any of the lists.

    Immich changes the third alone, Lightroom the first two. A list that is gone as a whole tells
    nothing, as some programs know only some; but all know the first.
    """
    lists = [one for one in LISTS if _is_list(packet, one.name)]
    items = {one: _keys(packet.texts(one.name)) for one in lists} if keys else {}
    gone = (keys - found for one, found in items.items() if found or one is _FIRST)
    return set[str]().union(*gone)


def _may_grow(packet: Packet, one: _List, *, first: bool) -> bool:
    """Tell whether keywords are added to a list that may not be there yet.

    Most programs read one of the lists alone: beside a person's keywords a new list with those of
    captiond would hide them (darktable 4.2 reads the second, else the first).
    """
    there = bool(packet.texts(one.name))
    return _is_list(packet, one.name) and (first or there or one is _FIRST)


def _is_list(packet: Packet, name: str) -> bool:
    """Tell whether a property is a list, or may become one: not what stands as a single text."""
    places = packet.places(name)
    return all(place.container is not None or not place.wordings()[0].text for place in places)


def _take_away(packet: Packet, keys: set[str]) -> None:
    for place in (place for one in LISTS for place in packet.places(one.name)):
        items = (one for one in place.wordings() if one.item is not None)
        if dropped := [one for one in items if keyword_key(one.text) in keys]:
            place.drop(dropped)


def _keys(words: Iterable[str]) -> set[str]:
    return set(map(keyword_key, words))


def _without(words: Sequence[str], keys: set[str]) -> list[str]:
    return [word for word in words if keyword_key(word) not in keys]


def _once(words: Iterable[str]) -> list[str]:
    once: dict[str, str] = {}
    for word in words:
        once.setdefault(keyword_key(word), word)
    return [word for key, word in once.items() if key]
