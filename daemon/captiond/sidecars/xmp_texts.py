"""Puts captiond's texts into an XMP packet, unless a person wrote or removed one there.

A digest of each text that captiond wrote stands in its own namespace. A text with that digest is
still captiond's; one without it is a person's; a digest without a text tells that a person took the
text back. Once a person's text was heard EDITED and its digest stand there: the very words that
captiond wrote once are the person's when they come back, copies of the text follow it, and it shows
when the person removes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from captiond.handwriting import is_junk
from captiond.sidecars.xmp_packet import DEFAULT, Packet, Place, Wording


@dataclass(frozen=True, slots=True)
class Field:
    """One of the texts about a photo.

    `told`: where a person would write it. `written`: where captiond does, the first above all; a
    person's word in another than these `told` ones hinders nothing but is kept.
    """

    name: str
    digest: str
    told: tuple[str, ...]
    written: tuple[str, ...]


CAPTION = Field(
    "caption",
    "captiond:CaptionDigest",
    ("dc:description", "tiff:ImageDescription", "exif:UserComment"),
    ("dc:description", "tiff:ImageDescription", "Iptc4xmpCore:ExtDescrAccessibility"),
)
TITLE = Field(
    "title", "captiond:CaptionTitleDigest", ("dc:title", "photoshop:Headline"), ("dc:title",)
)
ALT_TEXT = Field(
    "alt_text",
    "captiond:CaptionAltTextDigest",
    ("Iptc4xmpCore:AltTextAccessibility",),
    ("Iptc4xmpCore:AltTextAccessibility",),
)
FIELDS = (CAPTION, TITLE, ALT_TEXT)

EDITED = "edited "
"""Stands before the digest of a person's text that was heard: so no text has it for its digest."""


def digest_of(text: str) -> str:
    """Return the sha256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def theirs(packet: Packet, field: Field) -> str:
    """Return what a person wrote, "" for nothing."""
    is_ours = _judge(packet, field)
    every = (place for name in field.told for place in packet.places(name))
    found = (_persons(place.wordings(), is_ours) for place in every)
    return next(filter(None, found), "")


def stands(packet: Packet, field: Field) -> bool:
    """Tell whether captiond's text stands there, by nobody touched."""
    is_ours = _judge(packet, field)
    return not theirs(packet, field) and any(map(is_ours, packet.texts(field.written[0])))


def is_taken_back(packet: Packet, field: Field) -> bool:
    """Tell whether a person removed a text, captiond's or their own, and put none in its place."""
    known = bool(packet.text(field.digest))
    return known and not theirs(packet, field) and not stands(packet, field)


def fill(
    packet: Packet, field: Field, text: str, *, anew: bool = False, by_hand: bool = False
) -> bool:
    """Write a text where none of a person's stands; return whether captiond has the word here.

    `anew` writes also what a person took back. `by_hand`: the words are a person's, so that a text
    which is missing among them was taken back, and is remembered so.
    """
    if person := theirs(packet, field):
        _replace(packet, field, person)
        if packet.text(field.digest):
            heed(packet, field)
        return False
    taken_back = is_taken_back(packet, field)
    if taken_back and not anew:
        withdraw(packet, field)
        return False
    if text and packet.text(field.digest) == digest_of(text) and not taken_back:
        return True
    if text or stands(packet, field):
        _write(packet, field, text, again=taken_back)
        if text or not by_hand:
            packet.set_text(field.digest, digest_of(text) if text else "")
    return not is_taken_back(packet, field)


def heed(packet: Packet, field: Field) -> None:
    """Remember a person's text."""
    if person := theirs(packet, field):
        packet.set_text(field.digest, EDITED + digest_of(person))


def withdraw(packet: Packet, field: Field) -> None:
    """Take away every text that is still captiond's."""
    _drop(packet, field.written, _judge(packet, field))


def _judge(packet: Packet, field: Field) -> Callable[[str], bool]:
    known = packet.text(field.digest)
    return lambda text: bool(known) and digest_of(text) == known


def _persons(wordings: list[Wording], is_ours: Callable[[str], bool]) -> str:
    """Return a person's text among those of one property.

    Beside captiond's text as the default, one in a language is a translation of it.
    """
    others = [one for one in wordings if not is_ours(one.text) and not is_junk(one.text)]
    if any(one.language == DEFAULT and is_ours(one.text) for one in wordings):
        return ""
    others.sort(key=lambda one: one.language != DEFAULT)
    return others[0].text if others else ""


def _replace(packet: Packet, field: Field, person: str) -> None:
    """Put a person's text where captiond's still stands, or their last one, which it corrects."""
    known = packet.text(field.digest).removeprefix(EDITED)

    def is_old(text: str) -> bool:
        return text != person and digest_of(text) == known

    for name in field.written:
        if not any(map(is_old, packet.texts(name))):
            continue
        has_default = any(
            one.language == DEFAULT and not is_old(one.text)
            for place in packet.places(name)
            for one in place.wordings()
        )
        _drop(packet, (name,), is_old)
        if not has_default:
            packet.prepend(name, person)


def _write(packet: Packet, field: Field, text: str, *, again: bool) -> None:
    """Write the text in place of the old one; a copy that somebody removed is not made again."""
    is_ours, first = _judge(packet, field), again or not packet.text(field.digest)
    for name in field.written:
        told = packet.texts(name)
        if not first and not any(map(is_ours, told)):
            continue
        if first and not all(is_ours(one) or is_junk(one) for one in told):
            continue
        _drop(packet, (name,), lambda one: is_ours(one) or is_junk(one))
        if text:
            packet.prepend(name, text)


def _drop(packet: Packet, names: tuple[str, ...], unwanted: Callable[[str], bool]) -> None:
    places: list[Place] = [place for name in names for place in packet.places(name)]
    for place in places:
        wordings = place.wordings()
        dropped = [one for one in wordings if unwanted(one.text)]
        if dropped or not wordings:
            place.drop(dropped)
