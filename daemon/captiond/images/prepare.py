"""Turns a photo into an image that may be sent: upright, small, sRGB, fresh pixels.

libvips decodes what its wheel reads (half the time of Pillow for camera JPEGs, a thirtieth of its
memory for WebP), Pillow the rest; both decode only the format that the first bytes told.
Runs in a decoder child: what is not refused here may still crash or hang.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from time import strptime
from typing import BinaryIO

import pillow_heif
import pyvips
from PIL import (
    AvifImagePlugin,
    ExifTags,
    Image,
    ImageCms,
    ImageColor,
    ImageFilter,
    ImageOps,
    ImagePalette,
    Jpeg2KImagePlugin,
    MpoImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from captiond.errors import Undecodable
from captiond.images import facts, inscriptions, kinds, packet, palette, psd, raw, rawfacts
from captiond.images.fresh import GLANCE_PX, ICC, Fresh, encoded
from captiond.images.kinds import Kind
from captiond.images.sizes import check_size
from captiond.images.troubles import is_rare, told
from captiond.images.wire import Limits
from captiond.models import Facts, Handwriting, Prepared, Tags

_LOADERS = ("Jpeg", "Png", "Nsgif", "Webp", "Tiff")
_PLUGINS = (
    AvifImagePlugin,
    Jpeg2KImagePlugin,
    MpoImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
_WITH_A_PACKET_IN_VIEW = {kinds.GIF, kinds.JPEG_2000, kinds.JPEG_XL, kinds.RAW}
"""Pillow does not look for XMP there."""
_JPEG_XL_PLUGIN = "pillow_jxl"
NO_JPEG_XL = "JPEG XL images are read with an extra: install captiond[jxl]"
_WIDE = {"float", "int", "uint"}
_WHITE = 255
_LOADED_LATE_BY_PILLOW = (ImageCms, ImageColor, ImageFilter, ImagePalette)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the metadata says."""

    facts: Facts
    tags: Tags = field(default_factory=Tags)
    handwriting: Handwriting = field(default_factory=Handwriting)


def arm() -> None:
    """Set both libraries up, once per process: no caches, only the loaders wanted.

    What would be loaded later is loaded now: a child gives its files up.
    """
    Image.MAX_IMAGE_PIXELS = None  # our own limit says the sizes, and lets legal panoramas pass
    Image.preinit()
    strptime("2000", "%Y")  # like most_common() in the palette, it imports when it is called
    palette.of_pixels(bytes(3))
    inscriptions.load_codecs()
    pillow_heif.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )
    with suppress(ImportError):
        importlib.import_module(_JPEG_XL_PLUGIN)
    pyvips.cache_set_max(0)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in _LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)


def start_threads() -> None:
    """Let libvips start the threads it keeps."""
    encoded(pyvips.Image.black(GLANCE_PX, GLANCE_PX))


def prepare(fd: int, digest: str, limits: Limits) -> Prepared:
    """Return the open file as an image to be sent; moves the file's offset.

    Raises NotAPhoto for what is no image, Undecodable for what is damaged or too large.
    """
    kind = kinds.tell(fd)
    if kind is kinds.JPEG_XL and _JPEG_XL_PLUGIN not in sys.modules:
        raise Undecodable(NO_JPEG_XL)
    with open(fd, "rb", closefd=False) as file:
        known, fresh = told(kind, limits, lambda: _decoded(file, kind, digest, limits))
    seen = replace(known.facts, pixels=fresh.pixels, likeness=fresh.likeness)
    size, glance = (fresh.width, fresh.height), palette.of_pixels(fresh.glance)
    return Prepared(fresh.data, "image/jpeg", *size, seen, glance, known.tags, known.handwriting)


def _decoded(file: BinaryIO, kind: Kind, digest: str, limits: Limits) -> tuple[_Known, Fresh]:
    try:
        known, image = _DECODERS[kind.decoder](file, kind, digest, limits)
        return known, encoded(image)
    except pyvips.Error as error:
        # Lab, old-style JPEG, 12 bits, tiles of separate planes: Pillow shows these.
        if kind is not kinds.TIFF or not is_rare(error):
            raise
        with suppress(*facts.RUBBISH):
            file.seek(0)
            known, image = _with_pillow(file, kind, digest, limits)
            return known, encoded(image)
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
    if header.format in _WIDE and header.interpretation == "b-w":
        image = _in_sight(_open_vips(file).copy_memory())
        return known, image.thumbnail_image(edge, height=edge, size="down")
    # thumbnail_source ignores fail_on= as a keyword (8.18.7) and heeds it in the option string.
    return known, pyvips.Image.thumbnail_source(
        _source(file), edge, height=edge, size="down", option_string="[fail_on=truncated]"
    )


def _in_sight(wide: pyvips.Image) -> pyvips.Image:
    """Return greys of 32 bits between black and white: floats often end at 1, others anywhere."""
    top = wide.max()
    return wide if 1 < top <= _WHITE else wide * (_WHITE / max(top, 1))


def _with_pillow(
    file: BinaryIO, kind: Kind, digest: str, limits: Limits
) -> tuple[_Known, pyvips.Image]:
    with _open_pillow(file, kind, limits) as image:
        known = _known(image, file, kind, digest)
        _check_size(known.facts, limits)
        profile = image.info.get("icc_profile")
        image.thumbnail((limits.max_edge_px, limits.max_edge_px))
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):  # convert() alone cuts off at 255: nearly all is white
            upright = upright.point(lambda value: value / 256)
        if upright.mode == "LAB":
            upright, profile = _from_lab(upright), None
        plain = upright
        if upright.mode != "CMYK":
            plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    fresh = pyvips.Image.new_from_memory(
        plain.tobytes(), plain.width, plain.height, len(plain.getbands()), "uchar"
    ).copy(interpretation="cmyk" if plain.mode == "CMYK" else "srgb")
    if profile:
        fresh.set_type(pyvips.GValue.blob_type, ICC, profile)
    return known, fresh


def _with_libraw(
    file: BinaryIO, kind: Kind, digest: str, limits: Limits
) -> tuple[_Known, pyvips.Image]:
    shown = raw.render(file, max_megapixels=limits.max_megapixels)
    known = _known_of_raw(file, kind, digest, shown)
    edge = limits.max_edge_px
    return known, shown.picture.thumbnail_image(edge, height=edge, size="down", no_rotate=True)


def _open_pillow(file: BinaryIO, kind: Kind, limits: Limits) -> Image.Image:
    if kind is kinds.PSD:
        return psd.opened(file, max_megapixels=limits.max_megapixels)
    image = Image.open(file, formats=[kind.pillow])
    if kind is kinds.JPEG_XL and not getattr(image, "jpeg", False):
        # The codestream tells how it is turned, and the decoder has done it; the plugin leaves an
        # orientation in EXIF that repeats it. A JPEG packed in it comes as the JPEG that it was.
        with suppress(*facts.RUBBISH):
            image.getexif().pop(ExifTags.Base.Orientation, None)
    return image


_DECODERS = {"vips": _with_vips, "pillow": _with_pillow, "libraw": _with_libraw}


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


def _known(image: Image.Image, file: BinaryIO, kind: Kind, digest: str) -> _Known:
    packet.lay_out(image, file, is_in_view=kind in _WITH_A_PACKET_IN_VIEW)
    told = facts.read(image, name=kind.name, digest=digest)
    return _Known(told, facts.tags(image), inscriptions.read(image))


def _known_beside_vips(file: BinaryIO, kind: Kind, digest: str, header: pyvips.Image) -> _Known:
    """Let Pillow read the metadata; some TIFFs that libvips decodes it cannot even open."""
    try:
        file.seek(0)
        with Image.open(file, formats=[kind.pillow]) as image:
            return _known(image, file, kind, digest)
    except facts.RUBBISH:
        size = header.width, header.height
        return _Known(Facts(digest=digest, format=kind.name, width=size[0], height=size[1]))


def _known_of_raw(file: BinaryIO, kind: Kind, digest: str, shown: raw.Rendering) -> _Known:
    """Let Pillow read the metadata of the raw file, else those of the preview."""
    sources: tuple[Callable[[], Image.Image], ...] = (
        lambda: rawfacts.opened(file),
        lambda: Image.open(BytesIO(shown.preview or b""), formats=["JPEG"]),
    )
    for read_it in sources:
        with suppress(*facts.RUBBISH), read_it() as image:
            known = _known(image, file, kind, digest)
            size = replace(known.facts, width=shown.width, height=shown.height)
            return replace(known, facts=size)
    return _Known(Facts(digest=digest, format=kind.name, width=shown.width, height=shown.height))


def _check_size(known: Facts, limits: Limits) -> None:
    check_size(known.width, known.height, max_megapixels=limits.max_megapixels)


def _jpeg_shrink(known: Facts, edge: int) -> int:
    """Return by how much the JPEG decoder itself may shrink: never below the size wanted.

    libvips' own thumbnail leaves a factor of two to resize, which for 24 megapixels and an edge
    of 1536 means a full decode: 101 ms of CPU against 67 with this.
    """
    longest = max(known.width, known.height)
    return next(shrink for shrink in (8, 4, 2, 1) if shrink == 1 or longest / shrink >= edge)
