"""Tells in an XMP packet where captiond's words come from, and reads that back."""

from __future__ import annotations

import re

from captiond.models import HUMAN, Caption, Description
from captiond.sidecars import xmp_keywords as keywords
from captiond.sidecars import xmp_texts as texts
from captiond.sidecars.base import Reading, Subject, unix_seconds
from captiond.sidecars.clean import clean, one_line
from captiond.sidecars.xmp_packet import Packet

SEAL = "captiond:CaptionSeal"
_WRITER, _DATE, _SOURCE = "photoshop:CaptionWriter", "xmp:MetadataDate", "dc:source"
_CREATED, _OWN_SOURCE = "captiond:CaptionCreated", "captiond:CaptionSource"
_OURS = re.compile(r"captiond/(\S+) \((.*)\)")


def fill(packet: Packet, subject: Subject, *, has_caption: bool) -> None:
    """Tell program, model, date and digests; of the caption only where it is captiond's."""
    caption = subject.caption
    tells_model = has_caption and caption.origin != HUMAN
    _sign(packet, subject, is_ours=tells_model)
    for name, text in (
        ("captiond:CaptionModel", one_line(caption.model) if tells_model else ""),
        ("captiond:CaptionOrigin", one_line(caption.origin)),
        ("captiond:CaptionRecipe", caption.recipe),
        ("captiond:CaptionLanguage", clean(caption.language)),
    ):
        packet.set_text(name, text if has_caption else "")
    if stands(packet):
        packet.set_text("captiond:CaptionContent", caption.digest)
        packet.set_text("captiond:CaptionText", clean(caption.description.text))
        _replace(packet, _DATE, _CREATED, subject.created_at)
        if subject.source:
            _replace(packet, _SOURCE, _OWN_SOURCE, clean(subject.source))


def stands(packet: Packet) -> bool:
    """Tell whether any word of captiond's stands there."""
    return any(texts.stands(packet, one) for one in texts.FIELDS) or bool(
        keywords.read(packet).ours
    )


def read(packet: Packet) -> Reading:
    """Return captiond's caption. Raises ValueError where a person's stands, or none."""
    origin = packet.text("captiond:CaptionOrigin")
    person = texts.theirs(packet, texts.CAPTION)
    if not origin or person or texts.is_taken_back(packet, texts.CAPTION):
        raise ValueError("it tells no caption of captiond's")
    title, alt_text = (
        packet.text(one.written[0]) if texts.stands(packet, one) else ""
        for one in (texts.TITLE, texts.ALT_TEXT)
    )
    caption = Caption(
        digest=packet.text("captiond:CaptionContent"),
        recipe=packet.text("captiond:CaptionRecipe"),
        origin=origin,
        language=packet.text("captiond:CaptionLanguage"),
        model=packet.text("captiond:CaptionModel"),
        created_at=unix_seconds(packet.text(_CREATED)),
        description=Description(
            caption=packet.text(texts.CAPTION.written[0]),
            title=title,
            alt_text=alt_text,
            keywords=keywords.read(packet).ours,
            text=packet.text("captiond:CaptionText"),
        ),
    )
    writer = _OURS.fullmatch(packet.text(_WRITER))
    return Reading(caption, writer[1] if writer else "")


def withdraw(packet: Packet) -> None:
    """Take away captiond's words and marks.

    What captiond wrote down for a person, who said it elsewhere, stays.
    """
    if packet.text("captiond:CaptionOrigin") != HUMAN:
        for one in texts.FIELDS:
            texts.withdraw(packet, one)
        keywords.withdraw(packet)
    if _OURS.fullmatch(packet.text(_WRITER)):
        packet.set_text(_WRITER, "")
    for shared, own in ((_DATE, _CREATED), (_SOURCE, _OWN_SOURCE)):
        if packet.text(own) and packet.text(shared) == packet.text(own):
            packet.set_text(shared, "")
    packet.forget()


def _sign(packet: Packet, subject: Subject, *, is_ours: bool) -> None:
    """Name the caption's writer, unless a person is named; a version alone changes nothing."""
    named, model = packet.text(_WRITER), one_line(subject.caption.model)
    signed = _OURS.fullmatch(named)
    if named and not signed:
        return
    same = packet.text(_CREATED) == subject.created_at
    if not (is_ours and same and signed and signed[2] == model):
        packet.set_text(_WRITER, one_line(f"captiond/{subject.version} ({model})") * is_ours)


def _replace(packet: Packet, shared: str, own: str, text: str) -> None:
    """Set what others may set, too, where they did not; `own` remembers what captiond set."""
    if packet.text(shared) == packet.text(own):
        packet.set_text(shared, text)
    packet.set_text(own, text)
