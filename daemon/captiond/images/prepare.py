"""Turns a photo into an image that may be sent: upright, small, sRGB, fresh pixels.

libvips decodes what its wheel reads (half the time of Pillow for camera JPEGs, a thirtieth of its
memory for WebP), Pillow the rest; both decode only the format that the first bytes told.
Runs in a decoder child: what is not refused here may still crash or hang.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import strptime
from typing import BinaryIO, TypeVar

import pillow_heif
import pyvips
from PIL import (
    AvifImagePlugin,
    Image,
    ImageCms,
    ImageColor,
    ImageFilter,
    ImageOps,
    ImagePalette,
    Jpeg2KImagePlugin,
    MpoImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from captiond.errors import Undecodable
from captiond.images import facts, inscriptions, kinds, likeness, palette
from captiond.images.kinds import Kind
from captiond.images.sizes import check_size
from captiond.images.wire import Limits
from captiond.models import Facts, Handwriting, Prepared, Tags

JPEG_QUALITY = 85
_GLANCE_PX = 24
_WHITE = 255
_ICC = "icc-profile-data"
_LOADERS = ("Jpeg", "Png", "Nsgif", "Webp", "Tiff")
_PLUGINS = (AvifImagePlugin, Jpeg2KImagePlugin, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)
_LOADED_LATE_BY_PILLOW = (ImageCms, ImageColor, ImageFilter, ImagePalette)
_SIGNS_OF_A_CUT = ("premature", "truncated", "not enough", "unexpected end", "eof", "end of")
_SIGNS_OF_A_RARITY = ("support", "configured", "out of range", "whole number", "labq", "field 262")
_SIGNS_OF_MEMORY = (
    "out of memory",
    "insufficient memory",
    "memory allocation",
    "cannot allocate",
    "creating thread",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Known:
    """What the metadata says."""

    facts: Facts
    tags: Tags = field(default_factory=Tags)
    handwriting: Handwriting = field(default_factory=Handwriting)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A JPEG, its size, and a few hundred RGB pixels that sum it up.

    `pixels` is a digest of what it shows, `likeness` a perceptual hash.
    """

    data: bytes
    width: int
    height: int
    glance: bytes
    pixels: str
    likeness: str


def arm() -> None:
    """Set both libraries up, once per process: no caches, only the loaders wanted.

    What would be loaded later is loaded now: a child gives its files up.
    """
    Image.MAX_IMAGE_PIXELS = None  # our own limit says the sizes, and lets legal panoramas pass
    Image.preinit()
    strptime("2000", "%Y")  # like most_common() in the palette, it imports when it is called
    palette.of_pixels(bytes(3))
    pillow_heif.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )
    pyvips.cache_set_max(0)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in _LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)


def start_threads() -> None:
    """Let libvips start the threads it keeps."""
    _encoded(pyvips.Image.black(_GLANCE_PX, _GLANCE_PX))


def prepare(fd: int, digest: str, limits: Limits) -> Prepared:
    """Return the open file as an image to be sent; moves the file's offset.

    Raises NotAPhoto for what is no image, Undecodable for what is damaged or too large.
    """
    kind = kinds.tell(fd)
    with open(fd, "rb", closefd=False) as file:
        known, fresh = _told(kind, limits, lambda: _decoded(file, kind, digest, limits))
    seen = replace(known.facts, pixels=fresh.pixels, likeness=fresh.likeness)
    size, glance = (fresh.width, fresh.height), palette.of_pixels(fresh.glance)
    return Prepared(fresh.data, "image/jpeg", *size, seen, glance, known.tags, known.handwriting)


def _decoded(file: BinaryIO, kind: Kind, digest: str, limits: Limits) -> tuple[_Known, _Fresh]:
    decode = _with_vips if kind.decoder == "vips" else _with_pillow
    try:
        known, image = decode(file, kind, digest, limits)
        return known, _encoded(image)
    except pyvips.Error as error:
        # Lab, old-style JPEG, 12 bits, tiles of separate planes: Pillow shows these.
        if kind is not kinds.TIFF or not _shows(_SIGNS_OF_A_RARITY, _detail(error)):
            raise
        with suppress(*facts.RUBBISH):
            file.seek(0)
            known, image = _with_pillow(file, kind, digest, limits)
            return known, _encoded(image)
        raise


def _with_vips(
    file: BinaryIO, kind: Kind, digest: str, limits: Limits
) -> tuple[_Known, pyvips.Image]:
    header = _open_vips(file)
    known = _known_beside_vips(file, kind, digest, header)
    _check_size(known.facts, limits)
    edge = limits.max_edge_px
    if kind is kinds.JPEG:
        image = _open_vips(file, shrink=_jpeg_shrink(known.facts, edge))
        return known, image.thumbnail_image(edge, height=edge, size="down")
    # thumbnail_source ignores fail_on= as a keyword (8.18.7) and heeds it in the option string.
    return known, pyvips.Image.thumbnail_source(
        _source(file), edge, height=edge, size="down", option_string="[fail_on=truncated]"
    )


def _with_pillow(
    file: BinaryIO, kind: Kind, digest: str, limits: Limits
) -> tuple[_Known, pyvips.Image]:
    with Image.open(file, formats=[kind.pillow]) as image:
        known = _known(image, kind, digest)
        _check_size(known.facts, limits)
        profile = image.info.get("icc_profile")
        image.thumbnail((limits.max_edge_px, limits.max_edge_px))
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):  # convert() alone cuts off at 255: nearly all is white
            upright = upright.point(lambda value: value / 256)
        if upright.mode == "LAB":
            upright, profile = _from_lab(upright), None
        plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    fresh = pyvips.Image.new_from_memory(
        plain.tobytes(), plain.width, plain.height, len(plain.getbands()), "uchar"
    ).copy(interpretation="srgb")
    if profile:
        fresh.set_type(pyvips.GValue.blob_type, _ICC, profile)
    return known, fresh


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = (ImageCms.createProfile(space) for space in ("LAB", "sRGB"))
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image


def _open_vips(file: BinaryIO, **options: int) -> pyvips.Image:
    return pyvips.Image.new_from_source(
        _source(file), "", access="sequential", fail_on="truncated", **options
    )


def _source(file: BinaryIO) -> pyvips.Source:
    file.seek(0)
    return pyvips.Source.new_from_descriptor(file.fileno())


def _known(image: Image.Image, kind: Kind, digest: str) -> _Known:
    told = facts.read(image, name=kind.name, digest=digest)
    return _Known(told, facts.tags(image), inscriptions.read(image))


def _known_beside_vips(file: BinaryIO, kind: Kind, digest: str, header: pyvips.Image) -> _Known:
    """Let Pillow read the metadata; some TIFFs that libvips decodes it cannot even open."""
    try:
        file.seek(0)
        with Image.open(file, formats=[kind.pillow]) as image:
            return _known(image, kind, digest)
    except facts.RUBBISH:
        size = header.width, header.height
        return _Known(Facts(digest=digest, format=kind.name, width=size[0], height=size[1]))


def _check_size(known: Facts, limits: Limits) -> None:
    check_size(known.width, known.height, max_megapixels=limits.max_megapixels)


def _jpeg_shrink(known: Facts, edge: int) -> int:
    """Return by how much the JPEG decoder itself may shrink: never below the size wanted.

    libvips' own thumbnail leaves a factor of two to resize, which for 24 megapixels and an edge
    of 1536 means a full decode: 101 ms of CPU against 67 with this.
    """
    longest = max(known.width, known.height)
    return next(shrink for shrink in (8, 4, 2, 1) if shrink == 1 or longest / shrink >= edge)


def _encoded(small: pyvips.Image) -> _Fresh:
    """Return the small image as a JPEG of nothing but its pixels, in sRGB."""
    plain = _in_srgb(small).colourspace("srgb")
    if plain.hasalpha():
        plain = plain.flatten(background=_WHITE)
    plain = plain.cast("uchar").copy_memory()
    data = plain.jpegsave_buffer(Q=JPEG_QUALITY, keep="none")
    across, down = (max(1, edge // _GLANCE_PX) for edge in (plain.width, plain.height))
    glance = plain.shrink(across, down).copy_memory()
    return _Fresh(
        data,
        plain.width,
        plain.height,
        bytes(glance.write_to_memory()),
        pixels=likeness.digest_of(plain),
        likeness=likeness.hash_of(glance),
    )


def _in_srgb(small: pyvips.Image) -> pyvips.Image:
    """Heed the colour profile of the photo, as far as it has one that makes sense."""
    fallback = {"input_profile": "cmyk"} if small.interpretation == "cmyk" else {}
    if small.get_typeof(_ICC):
        try:
            return small.icc_transform("srgb", embedded=True, **fallback)
        except pyvips.Error:  # a rubbish profile: the pixels are a picture all the same
            small = small.copy()
            small.remove(_ICC)
    return small.icc_transform("srgb", **fallback) if fallback else small


def _told(kind: Kind, limits: Limits, work: Callable[[], T]) -> T:
    """Do the work; whatever either library raises becomes Undecodable with a plain sentence."""
    try:
        return work()
    except pyvips.Error as error:
        raise _undecodable(kind, limits, _detail(error)) from error
    except MemoryError as error:
        raise _undecodable(kind, limits, _SIGNS_OF_MEMORY[0]) from error
    except facts.RUBBISH as error:
        raise _undecodable(kind, limits, str(error)) from error


def _undecodable(kind: Kind, limits: Limits, detail: str) -> Undecodable:
    if _shows(_SIGNS_OF_MEMORY, detail):
        return Undecodable(
            f"decoding the {kind.label} needs more memory than "
            f"images.decode_megabytes = {limits.decode_megabytes}"
        )
    if _shows(_SIGNS_OF_A_CUT, detail):
        return Undecodable(f"the {kind.label} is cut off")
    if _shows(_SIGNS_OF_A_RARITY, detail):
        return Undecodable(f"the {kind.label} is damaged, or of a rare kind that cannot be read")
    return Undecodable(f"the {kind.label} is damaged or cut off")


def _detail(error: pyvips.Error) -> str:
    return f"{error.message} {error.detail}"


def _shows(signs: tuple[str, ...], detail: str) -> bool:
    said = detail.casefold()
    return any(sign in said for sign in signs)
