"""Reads what a photo's metadata says of it; rubbish counts as silence."""

from __future__ import annotations

import html
import math
import re
import struct
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from PIL import ExifTags, Image, IptcImagePlugin

from captiond import packets
from captiond.images import packet
from captiond.models import Facts, Tags

RUBBISH = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
"""What Pillow raises for metadata and headers that are no such thing."""

FIRST_PHOTOGRAPH = 1826
_SWAPPING = {5, 6, 7, 8}
_LONGEST_TEXT = 100
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
_IPTC_KEYWORDS, _IPTC_CITY, _IPTC_COUNTRY = (2, 25), (2, 90), (2, 101)
_XMP_VALUE = rb"""(?:\s*=\s*["']([^"'<]{1,200})["']|>([^<]{1,200})<)"""
_XMP_PLACE = re.compile(rb"(?<!/)photoshop:(City|Country)" + _XMP_VALUE)
_XMP_DATE = re.compile(rb"(?<!/)(exif:DateTimeOriginal|photoshop:DateCreated)" + _XMP_VALUE)
_SHORTEST_DATE = len("2024-06-01T12:30")

T = TypeVar("T")


def read(image: Image.Image, *, name: str, digest: str) -> Facts:
    """Return the facts of an opened image (its pixels need not be decoded).

    `name` is the format as the index calls it. Metadata that cannot be understood is left out.
    """
    exif = or_none(image.getexif) or Image.Exif()
    details: Mapping[int, Any] = or_none(lambda: exif.get_ifd(ExifTags.IFD.Exif)) or {}
    gps: Mapping[int, Any] = or_none(lambda: exif.get_ifd(ExifTags.IFD.GPSInfo)) or {}
    width, height = _size_as_shown(image, exif)
    latitude, longitude = or_none(lambda: coordinates(gps)) or (None, None)
    return Facts(
        digest=digest,
        format=name,
        width=width,
        height=height,
        taken_at=or_none(lambda: taken_at(details)) or or_none(lambda: created_at(image)),
        camera=or_none(lambda: camera(exif)),
        latitude=latitude,
        longitude=longitude,
        place=or_none(lambda: place(image)),
        lens=or_none(lambda: lens(details)),
    )


def taken_at(details: Mapping[int, Any]) -> str | None:
    """Return when the shutter opened, as ISO 8601 with the camera's offset if it wrote one."""
    original = _text(details.get(ExifTags.Base.DateTimeOriginal))
    text = original or _text(details.get(ExifTags.Base.DateTimeDigitized))
    moment = datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 a camera's local time
    if moment.year < FIRST_PHOTOGRAPH:
        return None
    tag = ExifTags.Base.OffsetTimeOriginal if original else ExifTags.Base.OffsetTimeDigitized
    offset = _text(details.get(tag))
    return moment.isoformat() + (offset if _OFFSET.fullmatch(offset) else "")


def created_at(image: Image.Image) -> str | None:
    """Return when the photo was taken as XMP tells it, with an offset if there is one.

    Raises ValueError for rubbish.
    """
    told = _XMP_DATE.finditer(packet.of(image))
    found = {m[1]: _text(m[2] or m[3]) for m in told}
    text = found.get(b"exif:DateTimeOriginal") or found.get(b"photoshop:DateCreated") or ""
    if len(text) < _SHORTEST_DATE:  # a day, or nothing
        return None
    moment = datetime.fromisoformat(text).replace(microsecond=0)
    return moment.isoformat() if moment.year >= FIRST_PHOTOGRAPH else None


def camera(exif: Mapping[int, Any]) -> str | None:
    """Return "Make Model", the make left out where the model already says it."""
    make, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
    brand = make.partition(" ")[0].casefold()
    if not model or (brand and model.casefold().startswith(brand)):
        return model or make or None
    return f"{make} {model}".strip()


def lens(details: Mapping[int, Any]) -> str | None:
    """Return the lens as the camera names it, else by its numbers: "24-70 mm f/2.8"."""
    make, model = (
        _text(details.get(ExifTags.Base.LensMake)),
        _text(details.get(ExifTags.Base.LensModel)),
    )
    if model:
        return (
            model if not make or model.casefold().startswith(make.casefold()) else f"{make} {model}"
        )
    short, long, fast, _ = (float(part) for part in details[ExifTags.Base.LensSpecification])
    if not math.isfinite(short) or short <= 0:
        return None
    reach = f"{short:g} mm" if long in {short, 0} else f"{short:g}-{long:g} mm"
    return f"{reach} f/{fast:g}" if math.isfinite(fast) and fast > 0 else reach


def coordinates(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    """Return (latitude, longitude) in decimal degrees; None where no place on earth is meant."""
    latitude = _degrees(gps[ExifTags.GPS.GPSLatitude], gps.get(ExifTags.GPS.GPSLatitudeRef))
    longitude = _degrees(gps[ExifTags.GPS.GPSLongitude], gps.get(ExifTags.GPS.GPSLongitudeRef))
    on_earth = abs(latitude) <= 90 and abs(longitude) <= 180  # noqa: PLR2004 degrees
    # Cameras without a fix write 0, 0: "null island", in the sea off Ghana.
    null_island = abs(latitude) < 1e-4 and abs(longitude) < 1e-4  # noqa: PLR2004 some ten metres
    return (latitude, longitude) if on_earth and not null_island else None


def place(image: Image.Image) -> str | None:
    """Return "City, Country" as a person or a program wrote it into IPTC or XMP."""
    iptc = or_none(lambda: IptcImagePlugin.getiptcinfo(image)) or {}  # type: ignore[arg-type]
    parts = [_text(iptc.get(_IPTC_CITY)), _text(iptc.get(_IPTC_COUNTRY))]
    if not any(parts):
        told = _XMP_PLACE.finditer(packet.of(image))
        found = {m[1]: html.unescape(_text(m[2] or m[3])) for m in told}
        parts = [_text(found.get(b"City")), _text(found.get(b"Country"))]
    return ", ".join(part for part in parts if part) or None


def tags(image: Image.Image) -> Tags:
    """Return who and what IPTC and XMP name, as a person wrote it there."""
    iptc = or_none(lambda: IptcImagePlugin.getiptcinfo(image)) or {}  # type: ignore[arg-type]
    listed = iptc.get(_IPTC_KEYWORDS, [])
    words = listed if isinstance(listed, list) else [listed]
    found = packets.read(packet.of(image))
    return packets.tidy(found.people, [*found.keywords, *map(_text, words)])


def _size_as_shown(image: Image.Image, exif: Mapping[int, Any]) -> tuple[int, int]:
    width, height = image.size
    # Of TIFF alone Pillow says the size after turning.
    turned = image.format != "TIFF" and exif.get(ExifTags.Base.Orientation) in _SWAPPING
    return (height, width) if turned else (width, height)


def or_none(read_it: Callable[[], T]) -> T | None:
    """Return what is read, None for rubbish."""
    try:
        return read_it()
    except RUBBISH:
        return None


def _degrees(parts: Any, reference: Any) -> float:
    """Return degrees from (degrees, minutes, seconds) and N, S, E or W; ValueError for rubbish."""
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value):
        raise ValueError("a zero denominator")
    return round(-value if _text(reference).upper() in {"S", "W"} else value, 6)


def _text(value: Any) -> str:
    """Return metadata text in one clean line: no NULs, no control or direction characters."""
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    if isinstance(value, bytes):
        value = decoded(value)
    if not isinstance(value, str):
        return ""
    until_nul = value.partition("\0")[0][: 4 * _LONGEST_TEXT]
    kept = (" " if unicodedata.category(c)[0] in "CZ" else c for c in until_nul)
    return " ".join("".join(kept).split())[:_LONGEST_TEXT].strip()


def decoded(data: bytes) -> str:
    """Return bytes as text: UTF-8, else Latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
