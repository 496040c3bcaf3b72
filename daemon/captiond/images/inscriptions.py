"""Reads what people wrote into a photo's own metadata: its caption, title and keywords.

XMP counts before IPTC, IPTC before EXIF: so the programs that write them read them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image, IptcImagePlugin

from captiond import inscribed
from captiond.handwriting import combined, is_junk
from captiond.images import packet
from captiond.images.facts import decoded, or_none
from captiond.models import Handwriting
from captiond.packets import KEYWORDS, TAG_CHARACTERS
from captiond.visible import on_one_line, without_hidden

MOST_CHARACTERS = 8000

_IPTC_TITLE, _IPTC_HEADLINE, _IPTC_KEYWORDS, _IPTC_CAPTION = (2, 5), (2, 105), (2, 25), (2, 120)
_CHARACTER_CODE_BYTES = 8
_LITTLE, _BIG = "utf-16-le", "utf-16-be"
_CODES = {b"ASCII": "utf-8", b"UNICODE": _LITTLE, b"JIS": "iso2022_jp", b"": "utf-8"}
_TOKEN = re.compile(r"[a-z0-9_\-]{1,24}[A-Z]{0,4}|Screenshot")
"""Phones leave one there that names a mode: "cof", "oznorWO", "oplus_32"."""
_SETTINGS = re.compile(
    r"\s*[{\[]|\s*<[?!a-z]|.*\bSteps: \d+, |CameraID=\d+\.", re.DOTALL | re.IGNORECASE
)
"""JSON, XML as microscopes write it, and the settings of image generators and of camera apps."""


def load_codecs() -> None:
    """Have the codecs at hand that Python loads when they are first used."""
    for encoding in (*_CODES.values(), _BIG):
        codecs.lookup(encoding)


def read(image: Image.Image) -> Handwriting:
    """Return what people wrote; what cameras, phones and captiond wrote counts as silence."""
    from_iptc = or_none(lambda: _iptc(image)) or Handwriting()
    from_exif = or_none(lambda: _exif(image)) or Handwriting()
    beside_xmp = combined(combined(from_iptc, from_exif), _png(image))
    in_xmp = packet.of(image)
    written = combined(inscribed.read(in_xmp), inscribed.without_ours(beside_xmp, in_xmp))
    return Handwriting(
        caption=_tidy(written.caption),
        title=_tidy(written.title),
        alt_text=_tidy(written.alt_text),
        keywords=_keywords(written.keywords),
    )


def _iptc(image: Image.Image) -> Handwriting:
    records: Mapping[Any, Any] = IptcImagePlugin.getiptcinfo(image) or {}  # type: ignore[arg-type]
    listed = records.get(_IPTC_KEYWORDS, [])
    words = listed if isinstance(listed, list) else [listed]
    return Handwriting(
        caption=_said(records.get(_IPTC_CAPTION)),
        title=_said(records.get(_IPTC_TITLE)) or _said(records.get(_IPTC_HEADLINE)),
        keywords=tuple(map(_said, words)),
    )


def _exif(image: Image.Image) -> Handwriting:
    exif = image.getexif()
    details: Mapping[int, Any] = or_none(lambda: exif.get_ifd(ExifTags.IFD.Exif)) or {}
    described = _by_hand(_said(exif.get(ExifTags.Base.ImageDescription)))
    comment = _by_hand(_comment(details.get(ExifTags.Base.UserComment), exif.endian))
    return Handwriting(
        caption=described or _wide(exif.get(ExifTags.Base.XPComment)) or comment,
        title=_wide(exif.get(ExifTags.Base.XPTitle)) or _wide(exif.get(ExifTags.Base.XPSubject)),
        keywords=tuple(_wide(exif.get(ExifTags.Base.XPKeywords)).split(";")),
    )


def _png(image: Image.Image) -> Handwriting:
    """Return the texts of a PNG; its comment is what programs fill in."""
    texts = {name: image.info.get(name) for name in ("Description", "Title")}
    if image.format != "PNG":
        return Handwriting()
    caption, title = (str(text) if isinstance(text, str) else "" for text in texts.values())
    return Handwriting(caption=_by_hand(caption), title=title)


def _said(value: Any) -> str:
    """Return a text of EXIF or IPTC: UTF-8, as most write it, else Latin-1."""
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    if isinstance(value, str):
        value = value.encode("latin-1", "replace") if value.isascii() else _undone(value)
    return decoded(value).partition("\0")[0] if isinstance(value, bytes) else ""


def _undone(text: str) -> bytes:
    """Return the bytes that Pillow took for Latin-1; text beyond that was decoded already."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _comment(value: Any, order: str | None) -> str:
    """Return the text of a UserComment, which begins with the name of its character code.

    `order` is that of the file's bytes, as `struct` calls it.
    """
    if not isinstance(value, bytes):
        return _said(value)
    code = value[:_CHARACTER_CODE_BYTES].rstrip(b"\0 ")
    text = value[_CHARACTER_CODE_BYTES:]
    if code not in _CODES:
        return ""
    if code == b"UNICODE":  # in the byte order of the file, or of the machine that wrote it
        odd, even = text[1::2].count(0), text[::2].count(0)
        little = odd > even or (odd == even and order != ">")
        return text.decode(_LITTLE if little else _BIG, "ignore").partition("\0")[0]
    return text.decode(_CODES[code], "ignore").partition("\0")[0]


def _wide(value: Any) -> str:
    """Return a text that Windows wrote, in UTF-16."""
    data = bytes(value) if isinstance(value, bytes | bytearray | tuple) else b""
    return data.decode(_LITTLE, "ignore").partition("\0")[0].strip()


def _by_hand(text: str) -> str:
    """Return the text unless a phone or a program left it where a person would write."""
    written = text.strip()
    return "" if _TOKEN.fullmatch(written) or _SETTINGS.match(written) else written


def _tidy(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").split("\n")
    plain = "\n".join(map(without_hidden, lines)).strip()
    return "" if is_junk(plain) else plain[:MOST_CHARACTERS]


def _keywords(words: tuple[str, ...]) -> tuple[str, ...]:
    plain = (on_one_line(word)[:TAG_CHARACTERS].strip() for word in words)
    return tuple(dict.fromkeys(filter(None, plain)))[:KEYWORDS]
